"""Facts that name their contact by email address or phone number.

A reference is resolved when its fact is recorded: it means the contact who has the address. If
nobody has it, the fact waits: it is recorded for a number that no contact has, which is given to
the address like numbers are given to ids. The first contact who gets the address gets the facts.
Facts that name both an email address and a phone number wait under a number of their own.

If a fact is recorded again and nobody has its address anymore, it stays with its contact.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from graphql_app.audience.facts import CONTACTS, BadFactsError, BadValue, FactType
from graphql_app.audience.identities import (
    LOOKED_UP_AT_ONCE,
    NUMBER,
    Given,
    Identities,
    source_ids,
)
from graphql_app.audience.phone_numbers import e164
from graphql_app.audience.store import Audience
from graphql_app.audience.stored_rows import (
    fetch_contacts_by_address,
    fetch_owners,
    find_contacts,
    is_text_among,
)
from graphql_app.folding import fold

MAX_NAMED = 5  # contacts in a message

# No id begins with a space, so addresses and ids are never equal.
_EMAIL, _PHONE, _BOTH = " email ", " phone ", " both "

Owners: TypeAlias = Mapping[str, Mapping[int, str]]


class ContactReferences:
    """The references of all shops' facts. Hold the shop's write lock to resolve or settle them."""

    def __init__(self, audience: Audience, identities: Identities) -> None:
        self._audience = audience
        self._identities = identities

    def resolve(
        self,
        shop_id: int,
        fact: FactType,
        rows: pa.Table,
        country_of: Callable[[int], str | None],
    ) -> tuple[pa.Table, Sequence[Given]]:
        """Replace references by ``contact_id``; its values, and ids, are numbers by now.

        Returns:
            The rows without references, and numbers that must be recorded as given.

        Raises:
            BadFactsError: A reference fits several contacts, or its phone number is not valid.
        """
        names = [name for name in ("email", "phone") if name in rows.column_names]
        if not names:
            return rows, ()
        unnamed = pc.indices_nonzero(pc.is_null(rows["contact_id"]))
        if len(unnamed):
            referring = rows.take(unnamed)
            keys = self._keys(shop_id, referring, country_of)
            recorded = self._fetch_recorded(shop_id, fact, referring)
            found, new, problems = self._find(shop_id, keys, recorded)
            if problems:
                positions = unnamed.to_pylist()
                raise BadFactsError([p._replace(row=positions[p.row]) for p in problems])
            row = pc.index_in(pa.array(range(rows.num_rows), pa.uint64()), unnamed)
            numbers = pa.array(found, NUMBER).take(row)
            contacts = pc.coalesce(rows["contact_id"], numbers)
            position = rows.schema.get_field_index("contact_id")
            rows = rows.set_column(position, "contact_id", contacts)
            return rows.drop_columns(names), new
        return rows.drop_columns(names), ()

    def find_problems(
        self, shop_id: int, rows: pa.Table, country_of: Callable[[int], str | None]
    ) -> Sequence[BadValue]:
        """Return what is wrong with the references of checked rows, without giving numbers."""
        unnamed = pc.indices_nonzero(pc.is_null(rows["contact_id"]))
        if not len(unnamed):
            return ()
        keys = self._keys(shop_id, rows.take(unnamed), country_of)
        owners = self._fetch_owners(shop_id, keys)
        positions = unnamed.to_pylist()
        problems = (_find_problem(row, some, owners) for row, some in enumerate(keys))
        return [p._replace(row=positions[p.row]) for p in problems if p is not None]

    def _keys(
        self, shop_id: int, rows: pa.Table, country_of: Callable[[int], str | None]
    ) -> list[Sequence[str]]:
        """Return the addresses of each row in the form in which they are compared.

        A row has none if its only reference is not a valid phone number.
        """
        empty = pa.nulls(rows.num_rows, pa.string())
        emails, phones = (
            (rows[name] if name in rows.column_names else empty).to_pylist()
            for name in ("email", "phone")
        )
        country = country_of(shop_id) if any(phones) else None
        numbers = {phone: e164(phone, country) for phone in {*phones} if phone is not None}
        return [
            _keys_of(fold(email or ""), numbers.get(phone))
            for email, phone in zip(emails, phones, strict=True)
        ]

    def _find(
        self, shop_id: int, keys: Sequence[Sequence[str]], recorded: Sequence[int | None]
    ) -> tuple[list[int], Sequence[Given], list[BadValue]]:
        """Return the contact of each row, what must be recorded as given, and what is wrong.

        ``recorded`` has the contact of each row that is recorded already.
        """
        owners = self._fetch_owners(shop_id, keys)
        problems = [p for row, some in enumerate(keys) if (p := _find_problem(row, some, owners))]
        if problems:
            return [], (), problems
        found = [_find_owner(some, owners) for some in keys]
        found = [
            kept if owner is None else owner for owner, kept in zip(found, recorded, strict=True)
        ]
        names = [
            _name(some) if contact is None else ""
            for some, contact in zip(keys, found, strict=True)
        ]
        given, _ = self._identities.look_up(shop_id, CONTACTS.name, {*names} - {""})
        changed = [
            replace(each, meaning=each.number, waiting=True)
            for each in given.values()
            if not each.waiting
        ]
        numbers = [
            given[name].number if contact is None else contact
            for name, contact in zip(names, found, strict=True)
        ]
        return numbers, changed, []

    def _fetch_recorded(self, shop_id: int, fact: FactType, rows: pa.Table) -> list[int | None]:
        """Return the recorded contact of each row, if the row is recorded for one."""
        if fact.key != ("id",):
            return [None] * rows.num_rows
        stored = fetch_owners(self._audience, shop_id, fact.name, pc.unique(rows["id"]))
        known = find_contacts(self._audience, shop_id, pc.unique(stored["contact_id"]))
        stored = stored.filter(pc.is_in(stored["contact_id"], known))
        owner_of = dict(
            zip(stored["id"].to_pylist(), stored["contact_id"].to_pylist(), strict=True)
        )
        return [owner_of.get(id) for id in rows["id"].to_pylist()]

    def _fetch_owners(self, shop_id: int, keys: Iterable[Iterable[str]]) -> Owners:
        """Return the contacts who have addresses: their ids in the source system, by number."""
        wanted = [*dict.fromkeys(key for some in keys for key in some)]
        owners: dict[str, dict[int, str]] = defaultdict(dict)
        for start in range(0, len(wanted), LOOKED_UP_AT_ONCE):
            part = wanted[start : start + LOOKED_UP_AT_ONCE]
            rows = fetch_contacts_by_address(self._audience, shop_id, *_split(part))
            ids = source_ids(rows["id"], rows["source_id"]).to_pylist()
            for id, row in zip(ids, rows.to_pylist(), strict=True):
                for key in _keys_of(row["email_folded"], row["phone_e164"]):
                    owners[key][row["id"]] = id
        return owners

    def settle(self, shop_id: int, contacts: pa.Table) -> tuple[dict[int, int], Sequence[Given]]:
        """Find the facts that wait for contacts who are about to be recorded.

        Returns:
            The contact of each number that facts wait under, and what must be recorded as given.
        """
        if not self._identities.has_waiting(shop_id):
            return {}, ()
        columns = (contacts[name].to_pylist() for name in ("id", "email_folded", "phone_e164"))
        first: dict[str, int] = {}
        for id, email, phone in zip(*columns, strict=True):
            for key in _keys_of(email, phone):
                first.setdefault(key, id)
        given, _ = self._identities.look_up(shop_id, CONTACTS.name, first)
        waiting = [each for each in given.values() if each.waiting]
        waiting += self._fetch_waiting_for_either(shop_id, [*first])
        settled: list[Given] = []
        for each in waiting:
            contact = next((first[key] for key in _keys_in(each.source_id) if key in first), None)
            if contact is not None:
                settled.append(replace(each, meaning=contact, waiting=False))
        return {each.number: each.meaning for each in settled}, settled

    def _fetch_waiting_for_either(self, shop_id: int, keys: Sequence[str]) -> list[Given]:
        """Return the numbers under which facts wait that name one of some addresses and another."""
        phone = "splitByChar(' ', source_id)[3]"
        email = f"substring(source_id, position(source_id, ' ', {len(_BOTH) + 1}) + 1)"
        found: list[Given] = []
        for start in range(0, len(keys), LOOKED_UP_AT_ONCE):
            part = keys[start : start + LOOKED_UP_AT_ONCE]
            some = " OR ".join(
                is_text_among(expression, texts)
                for expression, texts in zip((email, phone), _split(part), strict=True)
                if texts
            )
            condition = f"waiting AND startsWith(source_id, '{_BOTH}') AND ({some})"
            found += self._identities.select(shop_id, CONTACTS.name, condition)
        return found


def _split(keys: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Return the email addresses and the phone numbers among keys."""
    emails = [key.removeprefix(_EMAIL) for key in keys if key.startswith(_EMAIL)]
    return emails, [key.removeprefix(_PHONE) for key in keys if key.startswith(_PHONE)]


def _name(keys: Sequence[str]) -> str:
    """Return the name under which facts with these addresses wait."""
    if len(keys) == 1:
        return keys[0]
    email, phone = keys
    return f"{_BOTH}{phone.removeprefix(_PHONE)} {email.removeprefix(_EMAIL)}"


def _keys_in(name: str) -> Sequence[str]:
    """Return the addresses in the name under which facts wait."""
    if not name.startswith(_BOTH):
        return [name]
    phone, _, email = name.removeprefix(_BOTH).partition(" ")
    return [_EMAIL + email, _PHONE + phone]


def _keys_of(email: str | None, phone: str | None) -> Sequence[str]:
    """Return the keys of a folded email address and a number in E.164."""
    kinds = ((_EMAIL, email), (_PHONE, phone))
    return [kind + address for kind, address in kinds if address]


def _find_owner(keys: Sequence[str], owners: Owners) -> int | None:
    """Return the only contact who has the email address or else the phone number."""
    for key in keys:
        if len(found := owners.get(key, {})) == 1:
            return next(iter(found))
    return None


def _find_problem(row: int, keys: Sequence[str], owners: Owners) -> BadValue | None:
    """Return what is wrong with the reference of a row, if anything."""
    if not keys:
        return BadValue(row, "phone", "is not a valid phone number, so it names no contact")
    shared = [key for key in keys if key in owners]
    if not shared or _find_owner(keys, owners) is not None:
        return None
    ids = [*owners[shared[0]].values()]
    named = ", ".join(ids[:MAX_NAMED]) + (", ..." if len(ids) > MAX_NAMED else "")
    field = "email" if shared[0].startswith(_EMAIL) else "phone"
    return BadValue(row, field, f"belongs to several contacts: {named}; name one by its id")
