"""Text that could break a format or SQL is recorded as it is."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.audience.importers.conftest import Shop, table

HOSTILE = [
    "plain",
    "it's",
    '"quoted", twice ""',
    "back\\slash \\n \\' \\",
    "tab\there",
    "line\nbreak",
    "carriage\r\nreturn",
    "100% %s %(x)s",
    ":name :1",
    "{x:String} {x}",
    "'; DROP TABLE contacts; --",
    "$1 ? @p",
    "\\N",
    "NULL",
    "нет 日本語 é e\u0301",
    "👩‍👩‍👧 emoji",
    "a\u2028b\x85c",
    " spaced ",
    "nul\x00byte",
    "x" * 255,
]


FIELDS = ("phone", "email", "first_name", "last_name", "region", "city")


def _contacts() -> list[dict[str, Any]]:
    return [
        {"id": n, **dict.fromkeys(FIELDS, text), "properties": json.dumps({text: text})}
        for n, text in enumerate(HOSTILE)
    ]


def _paths(shop: Shop, name: str, rows: list[dict[str, Any]]) -> Iterator[Path]:
    cells = [list(rows[0]), *([str(value) for value in row.values()] for row in rows)]
    yield shop.csv(f"{name}.csv", cells)
    yield shop.ndjson(f"{name}.ndjson", rows)
    yield shop.parquet(f"{name}.parquet", pa.Table.from_pylist(rows))


def test_contacts(shop: Shop) -> None:
    for path in _paths(shop, "contacts", _contacts()):
        assert shop.load(path).bad_rows == ()
        found = shop.rows("contacts", f"id, properties, {', '.join(FIELDS)}", "id")
        assert [row[2:] for row in found] == [(text,) * len(FIELDS) for text in HOSTILE]
        assert [json.loads(row[1]) for row in found] == [{text: text} for text in HOSTILE]


def test_tags(shop: Shop) -> None:
    tags = [text.strip() for text in HOSTILE]
    shop.load(shop.ndjson("contacts.ndjson", [{"id": 1, "tags": tags}]))
    shop.load(shop.parquet("contacts.parquet", table(id=[2], tags=[tags])))
    assert shop.rows("contacts", "tags") == [(tags,), (tags,)]


def test_products_and_lines(shop: Shop) -> None:
    order = {"id": 1, "contact_id": 1, "ordered_at": "2024-05-01T09:58:12Z", "total": "1"}
    lines = [{"product_id": text, "title": text} for text in HOSTILE]
    shop.load(shop.ndjson("orders.ndjson", [{**order, "lines": lines}]))
    nested = pa.Table.from_pylist([{**order, "id": 2, "lines": lines}])
    shop.load(shop.parquet("orders.parquet", nested))
    for order_id in (1, 2):
        found = shop.rows("order_lines", "order_id, product_id", "order_id, line_number")
        assert [text for of, text in found if of == order_id] == HOSTILE
    flat = [{"order_id": 2, **line} for line in lines]
    for path in _paths(shop, "order_lines", flat):
        shop.load(path)
        found = shop.rows("order_lines", "order_id, product_id", "order_id, line_number")
        assert [text for of, text in found if of == 2] == HOSTILE
    assert sorted(shop.rows("products", "id, title")) == sorted((t, t) for t in HOSTILE)
    rows = [{"id": text, "title": text[::-1].strip("\x00")} for text in HOSTILE]
    for path in _paths(shop, "products", rows):
        shop.load(path)
        found = sorted(shop.rows("products", "id, title"))
        assert found == sorted((row["id"], row["title"]) for row in rows)


def test_keywords_and_events(shop: Shop) -> None:
    time = "2024-05-01T09:58:12Z"
    rows = [{"contact_id": n, "keyword": t, "received_at": time} for n, t in enumerate(HOSTILE)]
    for path in _paths(shop, "keywords", rows):
        shop.load(path)
        found = [row[0] for row in shop.rows("keywords", "keyword", "contact_id")]
        assert found == [text.strip() for text in HOSTILE]
    events = [
        {"id": n, "contact_id": 1, "name": text, "occurred_at": time}
        for n, text in enumerate(HOSTILE)
    ]
    for path in _paths(shop, "events", events):
        shop.load(path)
        assert [row[0] for row in shop.rows("events", "name", "id")] == HOSTILE
