"""The rows that a shop has before an import."""

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from graphql_app.audience.store import Audience
from graphql_app.audience.write_log import Ids
from graphql_app.folding import fold

AMBIGUOUS: Final = -1  # several contacts have the address
NOT_FOUND: Final = -1


class ExistingRows:
    """The rows of a shop; each part is read when it is first used."""

    def __init__(self, audience: Audience, shop_id: int) -> None:
        self._audience = audience
        self._shop_id = shop_id

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
    def _addresses(self) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """The contacts by email address, and by phone number."""
        rows = self._fetch("id, email, phone", "contacts")
        return _owners(rows, "email", fold), _owners(rows, "phone", _fold_phone)

    def find_contact(self, email: str, phone: str) -> int | None:
        """Find a contact by email address or, if none or several have it, by phone number.

        Return ``AMBIGUOUS`` if several contacts fit, and ``None`` if none does.
        """
        emails, phones = self._addresses
        by_email, by_phone = emails.get(fold(email)), phones.get(_fold_phone(phone))
        if by_email in {None, AMBIGUOUS} and by_phone is not None:
            return by_phone
        return by_email


def _owners(rows: pa.Table, column: str, key_of: Callable[[str], str]) -> Mapping[str, int]:
    """Return the contact of each address in a column, or ``AMBIGUOUS``."""
    known = rows.filter(pc.is_valid(rows[column]))
    owners: dict[str, int] = {}
    for contact, text in zip(known["id"].to_pylist(), known[column].to_pylist(), strict=True):
        key = key_of(text)
        if key and owners.setdefault(key, contact) != contact:
            owners[key] = AMBIGUOUS
    return owners


def _fold_phone(phone: str) -> str:
    """Return a phone number's digits, with its plus sign if it has one."""
    digits = re.sub(r"[^0-9]", "", phone)
    return f"+{digits}" if phone.strip().lstrip("'").startswith("+") and digits else digits


def _as_ids(values: Any) -> Ids:
    return np.asarray(values.to_numpy(), dtype=np.uint64)


def find_positions(known: Ids, wanted: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Find the position of each wanted id among the sorted known ids, or ``NOT_FOUND``."""
    ids = _as_ids(pc.fill_null(wanted, 0))
    if not len(known):
        return np.full(len(ids), NOT_FOUND, dtype=np.int64)
    position = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    return np.where(known[position] == ids, position, NOT_FOUND)
