"""The rows that a shop has before an import."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from graphql_app.audience.contact_references import ContactReferences
from graphql_app.audience.facts import BadValue
from graphql_app.audience.identities import Identities, source_ids
from graphql_app.audience.phone_numbers import e164
from graphql_app.audience.store import Audience
from graphql_app.audience.write_log import Ids
from graphql_app.folding import fold

AMBIGUOUS: Final = ""  # several contacts have the address
NOT_FOUND: Final = -1


class ExistingRows:
    """The rows of a shop; each part is read when it is first used."""

    def __init__(self, audience: Audience, shop_id: int, country: str | None) -> None:
        self._audience = audience
        self._shop_id = shop_id
        self._country = country  # the shop's

    def _fetch(self, columns: str, table: str) -> pa.Table:
        return self._audience.query_unfiltered(
            f"SELECT {columns} FROM {table} FINAL "
            f"WHERE shop_id = {int(self._shop_id)} AND NOT deleted ORDER BY id"
        )

    @cached_property
    def _order_numbers(self) -> Ids:
        return _as_ids(self._fetch("id", "orders")["id"])

    def has_orders(self, ids: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
        """Return which ids are those of recorded orders."""
        found: npt.NDArray[np.bool_] = self._find("orders", ids, self._order_numbers) != NOT_FOUND
        return found

    def find_reference_problems(self, rows: pa.Table) -> Sequence[BadValue]:
        """Return which rows name their contact by an address that several contacts have."""
        references = ContactReferences(self._audience, Identities(self._audience))
        return references.find_problems(self._shop_id, rows, lambda shop_id: self._country)

    @cached_property
    def _contacts(self) -> pa.Table:
        names = "id, subscribed_at, unsubscribed_at, created_at, properties"
        return self._fetch(names, "contacts").combine_chunks()

    def contacts(self, ids: pa.ChunkedArray) -> pa.Table:
        """Return the contacts with ids, with the columns that Shopify does not export.

        The row of an id that is not known has no values.
        """
        known = self._contacts
        row = self._find("contacts", ids, _as_ids(known["id"]))
        return known.take(pa.array(row, mask=row == NOT_FOUND)).combine_chunks()

    def _find(self, table: str, ids: pa.ChunkedArray, known: Ids) -> npt.NDArray[np.int64]:
        """Find the position of each id among sorted numbers, or ``NOT_FOUND``."""
        found = Identities(self._audience).find(self._shop_id, table, ids)
        if not len(known):
            return np.full(len(found), NOT_FOUND, dtype=np.int64)
        numbers = _as_ids(pc.fill_null(found, 0))
        position = np.minimum(np.searchsorted(known, numbers), len(known) - 1)
        matches = (known[position] == numbers) & pc.is_valid(found).to_numpy()
        return np.where(matches, position, NOT_FOUND)

    @cached_property
    def _addresses(self) -> tuple[Mapping[str, str], Mapping[str, str], Mapping[str, str]]:
        """The contacts by email address, by number, and by number or its digits as recorded."""
        columns = "id, source_id, email, phone, coalesce(phone_e164, phone) AS number"
        rows = self._fetch(columns, "contacts")
        ids = source_ids(rows["id"], rows["source_id"]).to_pylist()
        texts = (rows[name].to_pylist() for name in ("email", "phone", "number"))
        emails, phones, numbers = texts
        folded = [fold(email or "") for email in emails]
        recorded, known = ([_digits(text or "") for text in each] for each in (phones, numbers))
        return _owners(ids, folded), _owners(ids, known), _owners(ids, known, recorded)

    def find_contact(self, email: str, *phones: str) -> str | None:
        """Find a contact's id by email address or, if none or several have it, by phone number.

        Of several phone numbers, the first one that a contact has counts. They are compared as the
        criterion ``phone`` does. Return ``AMBIGUOUS`` if several contacts fit, and ``None`` if none
        does.
        """
        emails, numbers, numbers_or_digits = self._addresses
        by_email = emails.get(fold(email))
        if by_email not in {None, AMBIGUOUS}:
            return by_email
        for phone in phones:
            number = self.parse_phone(phone)
            known = numbers_or_digits if number is None else numbers
            if (owner := known.get(_digits(number or phone))) is not None:
                return owner
        return by_email

    def parse_phone(self, phone: str) -> str | None:
        """Return a phone number in E.164, or ``None`` if it is not valid."""
        return e164(phone, self._country)


def _owners(contacts: Iterable[str], *addresses: Iterable[str]) -> Mapping[str, str]:
    """Return the contact of each address, or ``AMBIGUOUS``; contacts may have several."""
    owners: dict[str, str] = {}
    for each in addresses:
        for contact, address in zip(contacts, each, strict=True):
            if address and owners.setdefault(address, contact) != contact:
                owners[address] = AMBIGUOUS
    return owners


def _digits(phone: str) -> str:
    """Return a phone number's digits without the 00 that may begin it."""
    return re.sub("^00([0-9])", r"\1", re.sub("[^0-9]", "", phone))


def _as_ids(values: Any) -> Ids:
    return np.asarray(values.to_numpy(), dtype=np.uint64)
