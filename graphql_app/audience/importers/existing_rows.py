"""The rows that a shop has before an import."""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from graphql_app.audience.phone_numbers import e164
from graphql_app.audience.store import Audience
from graphql_app.audience.write_log import Ids
from graphql_app.folding import fold

AMBIGUOUS: Final = -1  # several contacts have the address
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
    def order_ids(self) -> Ids:
        """The sorted ids of the orders."""
        return _as_ids(self._fetch("id", "orders")["id"])

    @cached_property
    def contacts(self) -> pa.Table:
        """The contacts, sorted by id, with the columns that Shopify does not export."""
        names = "id, subscribed_at, unsubscribed_at, created_at, properties"
        return self._fetch(names, "contacts").combine_chunks()

    @cached_property
    def _addresses(self) -> tuple[Mapping[str, int], Mapping[str, int], Mapping[str, int]]:
        """The contacts by email address, by number, and by number or its digits as recorded."""
        rows = self._fetch("id, email, phone, coalesce(phone_e164, phone) AS number", "contacts")
        ids, *texts = (rows[name].to_pylist() for name in ("id", "email", "phone", "number"))
        emails, phones, numbers = texts
        folded = [fold(email or "") for email in emails]
        recorded, known = ([_digits(text or "") for text in each] for each in (phones, numbers))
        return _owners(ids, folded), _owners(ids, known), _owners(ids, known, recorded)

    def find_contact(self, email: str, phone: str) -> int | None:
        """Find a contact by email address or, if none or several have it, by phone number.

        Phone numbers are compared as the criterion ``phone`` does. Return ``AMBIGUOUS`` if several
        contacts fit, and ``None`` if none does.
        """
        emails, numbers, numbers_or_digits = self._addresses
        number = e164(phone, self._country)
        phones = numbers_or_digits if number is None else numbers
        by_email, by_phone = emails.get(fold(email)), phones.get(_digits(number or phone))
        if by_email in {None, AMBIGUOUS} and by_phone is not None:
            return by_phone
        return by_email


def _owners(contacts: Iterable[int], *addresses: Iterable[str]) -> Mapping[str, int]:
    """Return the contact of each address, or ``AMBIGUOUS``; contacts may have several."""
    owners: dict[str, int] = {}
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


def find_positions(known: Ids, wanted: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Find the position of each wanted id among the sorted known ids, or ``NOT_FOUND``."""
    ids = _as_ids(pc.fill_null(wanted, 0))
    if not len(known):
        return np.full(len(ids), NOT_FOUND, dtype=np.int64)
    position = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    return np.where(known[position] == ids, position, NOT_FOUND)
