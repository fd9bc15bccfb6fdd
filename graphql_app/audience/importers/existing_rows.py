"""The rows that a shop has before an import."""

import re
from collections.abc import Mapping
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


class ExistingRows:
    """The rows of a shop, each part read on first use."""

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
        found = self._fetch("id, email, phone", "contacts")
        owners: tuple[dict[str, int], dict[str, int]] = ({}, {})
        for place, (name, key_of) in enumerate((("email", fold), ("phone", _fold_phone))):
            known = found.filter(pc.is_valid(found[name]))
            texts = known[name].to_pylist()
            for contact, text in zip(known["id"].to_pylist(), texts, strict=True):
                key = key_of(text)
                if key and owners[place].setdefault(key, contact) != contact:
                    owners[place][key] = AMBIGUOUS
        return owners

    def find_contact(self, email: str, phone: str) -> int | None:
        """Find the contact with an email address or, failing that, a phone; it may be AMBIGUOUS."""
        emails, phones = self._addresses
        by_email, by_phone = emails.get(fold(email)), phones.get(_fold_phone(phone))
        return by_phone if by_email is None or (by_email == AMBIGUOUS and by_phone) else by_email


def _fold_phone(phone: str) -> str:
    """Reduce a phone number to its digits, after a plus sign if it has one."""
    digits = re.sub(r"[^0-9]", "", phone)
    return f"+{digits}" if phone.strip().lstrip("'").startswith("+") and digits else digits


def _as_ids(values: Any) -> Ids:
    return np.asarray(values.to_numpy(), dtype=np.uint64)


def find_positions(known: Ids, wanted: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Find the position of each wanted id among the sorted known ids; -1 if it is not there."""
    ids = _as_ids(pc.fill_null(wanted, 0))
    if not len(known):
        return np.full(len(ids), -1, dtype=np.int64)
    position = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    return np.where(known[position] == ids, position, -1)
