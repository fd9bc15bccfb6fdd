"""Facts that name their contact by email address or phone number.

A reference is resolved when its fact is recorded: it means the contact who has the address. If
nobody has it, the fact waits: it is recorded for a number that no contact has, which is given to
the address like numbers are given to ids. The first contact who gets the address gets the facts.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from graphql_app.audience.facts import CONTACTS, BadFactsError, BadValue
from graphql_app.audience.identities import (
    LOOKED_UP_AT_ONCE,
    NUMBER,
    Given,
    Identities,
    source_ids,
)
from graphql_app.audience.phone_numbers import e164
from graphql_app.audience.store import Audience
from graphql_app.audience.stored_rows import fetch_contacts_by_address
from graphql_app.folding import fold

MAX_NAMED = 5  # contacts in a message

# No id begins with a space, so addresses and ids are never equal.
_EMAIL, _PHONE = " email ", " phone "

Owners: TypeAlias = Mapping[str, Mapping[int, str]]


class ContactReferences:
    """The references of all shops' facts. Hold the shop's write lock to resolve or settle them."""

    def __init__(self, audience: Audience, identities: Identities) -> None:
        self._audience = audience
        self._identities = identities

    def resolve(
        self, shop_id: int, rows: pa.Table, country_of: Callable[[int], str | None]
    ) -> tuple[pa.Table, Sequence[Given]]:
        """Replace references by ``contact_id``, whose values are numbers by now.

        Returns:
            The rows without references, and numbers that must be recorded as given.

        Raises:
            BadFactsError: Some references fit several contacts, or are no phone number.
        """
        names = [name for name in ("email", "phone") if name in rows.column_names]
        if not names:
            return rows, ()
        unnamed = pc.indices_nonzero(pc.is_null(rows["contact_id"]))
        if len(unnamed):
            keys = self._keys(shop_id, rows.take(unnamed), country_of)
            found, new, problems = self._find(shop_id, keys)
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
        self, shop_id: int, keys: Sequence[Sequence[str]]
    ) -> tuple[list[int], Sequence[Given], list[BadValue]]:
        """Return the contact of each row, what must be recorded as given, and what is wrong."""
        owners = self._fetch_owners(shop_id, keys)
        problems = [p for row, some in enumerate(keys) if (p := _find_problem(row, some, owners))]
        if problems:
            return [], (), problems
        unowned = dict.fromkeys(
            key for some in keys if not any(key in owners for key in some) for key in some
        )
        given, _ = self._identities.look_up(shop_id, CONTACTS.name, unowned)
        found: list[int] = []
        changed: dict[str, Given] = {}
        for some in keys:
            contact = _find_owner(some, owners)
            if contact is None:
                states = [given[key] for key in some]
                waiting = [state.meaning for state in states if state.waiting]
                contact = waiting[0] if waiting else states[0].number
                for key, state in zip(some, states, strict=True):
                    if not state.waiting:
                        given[key] = changed[key] = replace(state, meaning=contact, waiting=True)
            found.append(contact)
        return found, [*changed.values()], []

    def _fetch_owners(self, shop_id: int, keys: Iterable[Iterable[str]]) -> Owners:
        """Return the contacts who have addresses: their ids in the source system, by number."""
        wanted = [*dict.fromkeys(key for some in keys for key in some)]
        owners: dict[str, dict[int, str]] = defaultdict(dict)
        for start in range(0, len(wanted), LOOKED_UP_AT_ONCE):
            part = wanted[start : start + LOOKED_UP_AT_ONCE]
            emails, phones = (
                [key.removeprefix(kind) for key in part if key.startswith(kind)]
                for kind in (_EMAIL, _PHONE)
            )
            rows = fetch_contacts_by_address(self._audience, shop_id, emails, phones)
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
        contact_of: dict[int, int] = {}
        for key, each in given.items():
            if each.waiting:
                contact_of.setdefault(each.meaning, first[key])
        if not contact_of:
            return {}, ()
        numbers = ", ".join(map(str, contact_of))
        settled = self._identities.select(
            shop_id, CONTACTS.name, f"waiting AND meaning IN ({numbers})"
        )
        return contact_of, [
            replace(each, meaning=contact_of[each.meaning], waiting=False) for each in settled
        ]


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
