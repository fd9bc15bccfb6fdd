"""The demo shop's facts: real orders, and generated subscribers, keywords and texts.

Real, from Online Retail by Daqing Chen (UCI Machine Learning Repository, CC BY 4.0, see
``data/LICENSE.md``): the products, orders and order lines, and each contact's id, country and
``created_at`` (the time of its first order).

Generated, identical on every run and machine: phones, subscribe and unsubscribe dates, tags,
keywords and texts. Every generated value is integer arithmetic on a hash of the contact id, so it
does not depend on a library's random numbers. Phones end in 555-0100 to 555-0199, which are valid
but reserved for fiction, so nobody can be texted by accident. Names and email addresses are empty.
"""

import io
import zlib
from decimal import Decimal
from importlib.resources import files
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

DEMO_SHOP: Final[dict[str, Any]] = {
    "name": "Online Retail (demo)",
    "timezone": "Europe/London",
    "currency": "GBP",
    "country": "GB",
    "description": "A UK gift shop, December 2010 to December 2011. The orders, products and "
    "countries are real, from Online Retail by Daqing Chen (UCI Machine Learning Repository, CC BY "
    "4.0, https://doi.org/10.24432/C5BW33). The phones, subscribe and unsubscribe dates, keywords, "
    "texts and tags are generated.",
}

_DAY: Final = 86_400
_FROM: Final = 1_291_161_600  # 2010-12-01 00:00 UTC: no generated time is earlier
_UNTIL: Final = 1_323_475_200  # 2011-12-10 00:00 UTC: every generated time is earlier
_KEYWORDS: Final = ("JOIN", "JOIN", "JOIN", "JOIN", "SALE", "SALE", "SALE", "VIP", "VIP", "GIFT")
_AREA_CODES: Final = (
    *(201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218),
    *(219, 224, 225, 228, 229, 231, 234, 239, 240, 248, 251, 252, 253, 254, 256, 260),
    *(262, 267, 269, 270, 276, 281, 301, 302, 303, 304, 305, 307, 403, 416, 514, 604),
)
_WHOLESALE_ORDER: Final = 1_000  # an order of this total makes its contact "wholesale"

_Ints = npt.NDArray[np.int64]
_Bools = npt.NDArray[np.bool_]


def demo_facts() -> dict[str, pa.Table]:
    """Return the demo shop's facts, one table for each public fact format, in loading order.

    Nothing is refunded or cancelled, since the cancellations of the source are separate invoices
    and were left out. Only contacts with a phone subscribe, some of them before their first order.
    Texts are sent, and keywords received, while the contact is subscribed.
    """
    orders, lines = _orders_and_lines()
    stored = _read("contacts")
    ids = _ints(stored["id"])
    owner = np.searchsorted(ids, _ints(orders["contact_id"]))

    created = np.full(len(ids), _UNTIL * 1000, dtype=np.int64)
    np.minimum.at(created, owner, _ints(orders["ordered_at"].cast(pa.int64())))
    wholesale = np.zeros(len(ids), dtype=np.bool_)
    wholesale[owner[_ints(orders["total"].cast(pa.int64(), safe=False)) >= _WHOLESALE_ORDER]] = True

    phoned = _draw(ids, "phone", 100) < 85
    subscribed = phoned & (_draw(ids, "subscribed", 85) < 70)
    # One in three subscribes at the checkout of the first order, the others at any time.
    since = np.where(
        _draw(ids, "at checkout", 3) == 0,
        created // 1000 + _draw(ids, "checkout minutes", 15 * 60),
        _FROM + _draw(ids, "since", _UNTIL - _DAY - _FROM),
    )
    unsubscribed = subscribed & (_draw(ids, "unsubscribed", 100) < 6)
    left = since + 3600 + _draw(ids, "left", _UNTIL - since - 3600)

    empty = pa.nulls(len(ids), pa.string())
    contacts = pa.table(
        {
            "id": stored["id"],
            "phone": pa.array(_phones(ids, phoned), pa.string()),
            "email": empty,
            "first_name": empty,
            "last_name": empty,
            "country": stored["country"],
            "region": empty,
            "city": empty,
            "tags": pa.array(
                [["wholesale"] if is_wholesale else [] for is_wholesale in wholesale.tolist()],
                pa.list_(pa.string()),
            ),
            "subscribed_at": _times(since, ~subscribed),
            "unsubscribed_at": _times(left, ~unsubscribed),
            "created_at": pa.array(created).cast(pa.timestamp("ms", "UTC")),
            "properties": pa.array(["{}"] * len(ids), pa.string()),
        }
    )
    until = np.where(unsubscribed, left, _UNTIL)
    reached = ids[subscribed], since[subscribed], until[subscribed]
    return {
        "products": _read("products"),
        "contacts": contacts,
        "orders": orders,
        "order_lines": lines,
        "texts": _texts(*reached),
        "keywords": _keywords(*reached),
    }


def _orders_and_lines() -> tuple[pa.Table, pa.Table]:
    """Read the orders, by id, and their lines, by order and product."""
    money = pa.decimal128(18, 4)
    stored = _read("order_lines")  # by product and order, which is smaller
    stored = stored.take(pa.array(np.argsort(_ints(stored["order_id"]), kind="stable")))
    lines = pa.table(
        {
            "order_id": stored["order_id"],
            "product_id": stored["product_id"],
            "title": pa.nulls(len(stored), pa.string()),
            "quantity": stored["quantity"].cast(pa.int64()),
            "price": stored["price"].cast(money),
        }
    )
    amounts = pc.multiply(stored["quantity"], stored["price"])
    by_order = pa.table({"order": stored["order_id"], "of": amounts}).group_by("order")
    totals = by_order.aggregate([("of", "sum")]).sort_by("order")
    orders = _read("orders")
    if not orders["id"].equals(totals["order"]):
        raise ValueError("the demo's orders and order lines do not match")
    orders = pa.table(
        {
            "id": orders["id"],
            "contact_id": orders["contact_id"],
            "ordered_at": orders["ordered_at"],
            "total": totals["of_sum"].cast(money),
            "refunded": pa.repeat(pa.scalar(Decimal(0), money), len(orders)),
            "cancelled_at": pa.nulls(len(orders), pa.timestamp("ms", "UTC")),
        }
    )
    return orders, lines


def _texts(ids: _Ints, since: _Ints, until: _Ints) -> pa.Table:
    """Text each contact up to eight times, by day and not more than weekly on average."""
    first_day = since // _DAY + 1
    days = until // _DAY - first_day
    wanted = np.maximum(_draw(ids, "texts", 10) - 1, 0)
    count = np.clip(days // 7, 0, wanted)
    row, nth = _repeat(count)
    contact = ids[row]
    day = first_day[row] + _spread(contact, "text day", nth, count[row], days[row])
    sent = day * _DAY + 9 * 3600 + _draw(contact, "text time", 10 * 3600, nth)

    clicks = _draw(contact, "text click", 1000, nth) < _draw(contact, "likes to click", 401)
    haste = _draw(contact, "click haste", 1 << 16, nth)  # squared: most clicks come soon
    room = np.minimum(2 * _DAY, _UNTIL - sent) - 60
    clicked = sent + 60 + (room * haste * haste >> 32)

    order = np.lexsort((contact, sent))
    return pa.table(
        {
            "id": pa.array(np.arange(1, len(order) + 1, dtype=np.uint64)),
            "contact_id": pa.array(contact[order].astype(np.uint64)),
            "sent_at": _times(sent[order]),
            "clicked_at": _times(clicked[order], ~clicks[order]),
        }
    )


def _keywords(ids: _Ints, since: _Ints, until: _Ints) -> pa.Table:
    """Let one contact in four text one to three keywords."""
    count = np.where(_draw(ids, "keywords", 4) == 0, 1 + _draw(ids, "how many keywords", 3), 0)
    row, nth = _repeat(count)
    contact = ids[row]
    room = until[row] - since[row] - 1
    received = since[row] + 1 + _spread(contact, "keyword time", nth, count[row], room)
    keyword = np.array(_KEYWORDS)[_draw(contact, "keyword", len(_KEYWORDS), nth)]

    order = np.lexsort((contact, received))
    return pa.table(
        {
            "contact_id": pa.array(contact[order].astype(np.uint64)),
            "keyword": pa.array(keyword[order].tolist(), pa.string()),
            "received_at": _times(received[order]),
        }
    )


def _read(name: str) -> pa.Table:
    packaged = files("graphql_app.demo").joinpath("data", f"{name}.parquet")
    return pq.read_table(io.BytesIO(packaged.read_bytes()))


def _ints(column: pa.ChunkedArray) -> _Ints:
    values: _Ints = column.to_numpy().astype(np.int64)
    return values


def _times(seconds: _Ints, absent: _Bools | None = None) -> pa.Array:
    """Turn seconds since 1970 into times, null where absent."""
    return pa.array(seconds * 1000, mask=absent).cast(pa.timestamp("ms", "UTC"))


def _phones(ids: _Ints, phoned: _Bools) -> list[str | None]:
    """Return a unique number for each phoned contact: +1, an area code and 555-0100 to 0199."""
    lines, areas = np.divmod(np.arange(len(ids)), len(_AREA_CODES))
    return [
        f"+1{_AREA_CODES[area]}55501{line:02d}" if has_phone else None
        for area, line, has_phone in zip(areas, lines.tolist(), phoned.tolist(), strict=True)
    ]


def _draw(ids: _Ints, what: str, below: int | _Ints, nth: int | _Ints = 0) -> _Ints:
    """Hash each id, the thing drawn and its position to an integer from 0 up to below (< 2^31)."""
    label = zlib.crc32(what.encode()) << 16
    mixed = (ids << 20 ^ nth).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(label)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):  # SplitMix64
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    high = ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(32)).astype(np.int64)
    return high * below >> 32


def _repeat(count: _Ints) -> tuple[_Ints, _Ints]:
    """Return, for count[row] of each row, the row and the position within it."""
    row = np.repeat(np.arange(len(count), dtype=np.int64), count)
    nth = np.arange(len(row), dtype=np.int64) - (np.cumsum(count) - count)[row]
    return row, nth


def _spread(ids: _Ints, what: str, nth: _Ints, count: _Ints, room: _Ints) -> _Ints:
    """Draw the nth of count values from 0 up to room, each from its own equal part of the room."""
    return (nth * room + _draw(ids, what, room, nth)) // count
