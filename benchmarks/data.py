"""Generate the facts of a large shop and of many small shops, identical on every run."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from graphql_app.audience.phone_numbers import e164

YEAR_MS = 365 * 86_400_000
START_MS = 1_730_419_200_000  # 2024-11-01T00:00:00Z; two years later is in the past
COUNTRIES = ("US", "US", "US", "CA", "GB", "DE")
KEYWORDS = ("join", "sale", "vip", "gift", "win")

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Volume:
    """The number of rows of a shop's tables."""

    contacts: int
    orders: int
    lines: int
    texts: int

    @property
    def keywords(self) -> int:
        return self.contacts // 5

    def scaled(self, factor: float) -> Volume:
        return Volume(*(int(count * factor) for count in astuple(self)))


def fictional_phones(numbers: Integers) -> pa.Array:
    """Return a valid phone number that is reserved for fiction for each number; 45,100 differ."""
    areas = [area for area in range(200, 1_000) if e164(f"+1{area}5550100", None)]
    lines, places = np.divmod(numbers, len(areas))
    pairs = zip(places.tolist(), (lines % 100).tolist(), strict=True)
    return pa.array([f"+1{areas[place]}55501{line:02}" for place, line in pairs])


LARGE = Volume(contacts=1_000_000, orders=5_000_000, lines=8_000_000, texts=20_000_000)
SMALL = Volume(contacts=1_000, orders=5_000, lines=8_000, texts=20_000)


def facts(volume: Volume, seed: int) -> dict[str, pa.Table]:
    """Return a shop's tables in the order in which to record them."""
    random = np.random.default_rng(seed)

    def instants(size: int) -> pa.Array:
        milliseconds = pa.array(START_MS + random.integers(0, 2 * YEAR_MS, size))
        return milliseconds.cast(pa.timestamp("ms", "UTC"))

    def keep_share(values: pa.Array, share: float) -> pa.Array:
        """Return the values with all but a share replaced by null."""
        kept = pa.array(random.random(len(values)) < share)
        return pc.if_else(kept, values, pa.scalar(None, values.type))

    def pick(names: tuple[str, ...], size: int) -> pa.Array:
        indices = pa.array(random.integers(0, len(names), size), pa.int32())
        return pa.DictionaryArray.from_arrays(indices, pa.array(names)).cast(pa.string())

    def contacts_of(size: int, stride: int) -> pa.Array:
        # A few contacts have many rows, most have few, a fifth have none. The stride decides which.
        spread = (random.random(size) ** 2 * volume.contacts * 0.8).astype(np.uint64)
        return pa.array(spread * stride % volume.contacts + 1, pa.uint64())

    numbers = pa.array(np.arange(1, volume.contacts + 1), pa.uint64())
    phones = fictional_phones(np.arange(volume.contacts))
    contacts = pa.table(
        {
            "id": numbers,
            "phone": keep_share(phones, 0.8),
            "country": pick(COUNTRIES, volume.contacts),
            "subscribed_at": keep_share(instants(volume.contacts), 0.7),
            "created_at": instants(volume.contacts),
        }
    )
    orders = pa.table(
        {
            "id": pa.array(np.arange(1, volume.orders + 1), pa.uint64()),
            "contact_id": contacts_of(volume.orders, stride=7919),
            "ordered_at": instants(volume.orders),
            "total": _money(random.integers(100, 20_000, volume.orders)),
            "cancelled_at": keep_share(instants(volume.orders), 0.03),
        }
    )
    products = tuple(f"P{number:04}" for number in range(1_000))
    of_orders = random.integers(1, volume.orders + 1, volume.lines)
    lines = pa.table(
        {
            "order_id": pa.array(np.sort(of_orders), pa.uint64()),
            "product_id": pick(products, volume.lines),
            "quantity": pa.array(random.integers(1, 4, volume.lines), pa.int64()),
            "price": _money(random.integers(100, 5_000, volume.lines)),
        }
    )
    texts = pa.table(
        {
            "id": pa.array(np.arange(1, volume.texts + 1), pa.uint64()),
            "contact_id": contacts_of(volume.texts, stride=104_729),
            "sent_at": instants(volume.texts),
            "clicked_at": keep_share(instants(volume.texts), 0.05),
        }
    )
    keywords = pa.table(
        {
            "contact_id": contacts_of(volume.keywords, stride=15_485_863),
            "keyword": pick(KEYWORDS, volume.keywords),
            "received_at": instants(volume.keywords),
        }
    )
    return {
        "contacts": contacts,
        "orders": orders,
        "order_lines": lines,
        "texts": texts,
        "keywords": keywords,
    }


def _money(cents: Integers) -> pa.Array:
    hundredths = pa.array(cents).cast(pa.decimal128(19, 0))
    return pc.multiply(hundredths, pa.scalar(Decimal("0.01"))).cast(pa.decimal128(18, 4))
