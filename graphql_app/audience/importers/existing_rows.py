"""What is recorded of a shop already, as far as importers need it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from graphql_app.audience.store import Audience

Ids = npt.NDArray[np.uint64]

SEVERAL: Final = -1  # an address that more than one contact has


class Recorded:
    """What is recorded of a shop; each part is read when it is first asked for."""

    def __init__(self, audience: Audience, shop_id: int) -> None:
        self._audience = audience
        self._shop_id = shop_id

    def _read(self, columns: str, table: str, order_by: str) -> pa.Table:
        return self._audience.query_unfiltered(
            f"SELECT {columns} FROM {table} FINAL "  # our own words and a number
            f"WHERE shop_id = {int(self._shop_id)} AND NOT deleted ORDER BY {order_by}"
        )

    @cached_property
    def _orders(self) -> Ids:
        return _ids(self._read("id", "orders", "id")["id"])

    def orders(self) -> Ids:
        """The ids of the orders, in order."""
        return self._orders

    @cached_property
    def contacts(self) -> pa.Table:
        """What a customers export cannot tell of contacts, by id in order."""
        names = "id, subscribed_at, unsubscribed_at, created_at, properties"
        found = self._read(names, "contacts", "id").combine_chunks()
        place = found.schema.get_field_index("properties")
        return found.set_column(place, "properties", found["properties"].cast(pa.string()))

    @cached_property
    def _addresses(self) -> tuple[Mapping[str, int], Mapping[str, int]]:
        found = self._read("id, email, phone", "contacts", "id")
        owners: tuple[dict[str, int], dict[str, int]] = ({}, {})
        for place, (name, fold) in enumerate((("email", fold_email), ("phone", fold_phone))):
            known = found.filter(pc.is_valid(found[name]))
            texts = known[name].cast(pa.string()).to_pylist()
            for contact, text in zip(known["id"].to_pylist(), texts, strict=True):
                key = fold(text)
                if key and owners[place].setdefault(key, contact) != contact:
                    owners[place][key] = SEVERAL
        return owners

    def owner(self, email: str, phone: str) -> int | None:
        """The contact with the email address or else the phone; ``SEVERAL`` if more have it."""
        emails, phones = self._addresses
        by_email, by_phone = emails.get(fold_email(email)), phones.get(fold_phone(phone))
        return by_phone if by_email is None or (by_email == SEVERAL and by_phone) else by_email


def fold_email(email: str) -> str:
    """The form in which email addresses are compared."""
    return email.strip().casefold()


def fold_phone(phone: str) -> str:
    """The form in which phone numbers are compared: digits, after a plus if there is one."""
    digits = re.sub(r"[^0-9]", "", phone)
    return f"+{digits}" if phone.strip().lstrip("'").startswith("+") and digits else digits


def _ids(values: Any) -> Ids:
    return np.asarray(values.to_numpy(), dtype=np.uint64)


def places(known: Ids, wanted: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Where each id is among the known ones, which are in order; -1 where it is not."""
    ids = _ids(pc.fill_null(wanted, 0))
    if not len(known):
        return np.full(len(ids), -1, dtype=np.int64)
    place = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    return np.where(known[place] == ids, place, -1)
