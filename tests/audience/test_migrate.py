"""Rows that an earlier version wrote get the columns of this one."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pytest

from graphql_app.audience import migrate
from graphql_app.audience.derived_columns import DERIVED
from graphql_app.audience.facts import EVENTS, FACTS, LINES, ORDERS
from graphql_app.audience.migrate import migrate_rows, read_phones_again, require_current_rows
from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.audience.table_reader import FactTable, list_fact_tables, read_pages
from graphql_app.audience.tables import FIRST_RECORDED
from graphql_app.errors import AppError
from graphql_app.folding import FOLDING_VERSION
from tests.fact_tables import checked

AT = "2024-05-01T09:58:12Z"
SHOPS = (1, 17)  # of one partition
ROWS: dict[str, dict[str, list[Any]]] = {
    "contacts": {
        "id": [1, 2, 3],
        "phone": ["(212) 555-0100", "n/a", "(212) 555-0102"],
        "country": ["US", None, None],
        "subscribed_at": [AT, AT, AT],
        "email": ["Ada@EXAMPLE.org", None, "nobody"],
        "region": ["ＣＡ", None, None],
        "city": ["Cafe\u0301", None, None],
        "tags": [["VIP", "ﬁt"], [], None],
        "properties": ['{"Color":" RED","n":1}', None, None],
    },
    "products": {"id": ["a", "b"], "title": ["Straße", "Mug"]},
    "keywords": {"contact_id": [1], "keyword": ["ｊｏｉｎ"], "received_at": [AT]},
    "events": {
        "id": [1],
        "contact_id": [1],
        "name": ["Seen"],
        "occurred_at": [AT],
        "properties": ['{"a":"B"}'],
    },
}

ORDER = {"id": [1], "contact_id": [1], "ordered_at": [AT], "total": ["1"]}
TITLE = "Engraved ﬁsh"


@pytest.fixture(scope="module")
def audience(shared_audience: Audience) -> Audience:
    return shared_audience


@pytest.fixture(scope="module")
def recorder(audience: Audience) -> Recorder:
    return Recorder(audience, country_of=dict[int, str]().get)  # shops without a country


def fact_tables(audience: Audience) -> dict[str, FactTable]:
    return {table.name: table for table in list_fact_tables(audience)}


def rows_of(
    audience: Audience, table: FactTable, shops: Sequence[int] = SHOPS
) -> list[dict[str, Any]]:
    """Return the rows of a table that statements see, of some shops."""
    pages = [page for shop in shops for page in read_pages(audience, table, shop)]
    return [row for page in pages for row in page.drop_columns(["version"]).to_pylist()]


def all_rows(audience: Audience) -> dict[str, list[dict[str, Any]]]:
    tables = fact_tables(audience)
    return {name: rows_of(audience, tables[name]) for name in FACTS}


@pytest.fixture(scope="module")
def recorded(audience: Audience, recorder: Recorder) -> dict[str, list[dict[str, Any]]]:
    """Record facts, and return their rows; the last two tests change the phone numbers."""
    for shop in SHOPS:
        for name, columns in ROWS.items():
            recorder.record(shop, FACTS[name], checked(FACTS[name], columns))
        row = pa.array([0, 0], pa.int64())
        lines = checked(LINES, {"product_id": ["ring", "a"], "title": [TITLE, None]})
        recorder.record_orders(shop, checked(ORDERS, ORDER), lines.append_column("row", row))
    return all_rows(audience)


def make_stale(audience: Audience, shops: Sequence[int] = SHOPS) -> None:
    """Write every row again, as a version without derived columns and titles on lines wrote it."""
    tables = fact_tables(audience)
    for name in DERIVED:
        table = tables[name]
        later = ("_folded", "_domain", "_e164", "folding_version", "deleted")
        names = [column for column in table.columns if not column.endswith(later)]
        if name == "order_lines":
            names.remove("title")
        for shop in shops:
            for page in read_pages(audience, table, shop):
                rows = with_titles_of_lines(page) if name == "products" else page
                if name == "contacts":  # any text made a contact textable
                    place = rows.column_names.index("textable")
                    rows = rows.set_column(place, "textable", rows["subscribed"])
                kept = pa.array([False] * rows.num_rows, pa.bool_())
                audience.insert(name, rows.select(names).append_column("deleted", kept))


def with_titles_of_lines(products: pa.Table) -> pa.Table:
    """Give products that no one recorded the title of their line, dated by its order."""
    rows = products.to_pylist()
    for row in rows:
        if row["version"] < FIRST_RECORDED:
            row.update(title=TITLE, version=1_714_557_492_000)
    return pa.Table.from_pylist(rows, schema=products.schema)


def test_the_recorder_derives_the_columns(recorded: dict[str, list[dict[str, Any]]]) -> None:
    ada, *_, last = recorded["contacts"]
    assert ada["email_folded"] == "ada@example.org"
    assert ada["email_domain"] == "example.org"
    assert (ada["region_folded"], ada["city_folded"]) == ("ca", "café")
    assert (ada["tags"], ada["tags_folded"]) == (["VIP", "ﬁt"], ["vip", "fit"])
    assert ada["properties"] == '{"Color":" RED","n":1}'
    assert ada["properties_folded"] == '{"Color":"red","n":1}'
    assert (ada["phone"], ada["phone_e164"]) == ("(212) 555-0100", "+12125550100")
    assert [row["textable"] for row in recorded["contacts"][:3]] == [True, False, False]
    assert (last["city_folded"], last["email_domain"], last["tags_folded"]) == (None, None, [])
    assert recorded["products"][0]["title_folded"] == "strasse"
    assert (recorded["products"][2]["id"], recorded["products"][2]["title"]) == ("ring", "ring")
    titles = [(line["title"], line["title_folded"]) for line in recorded["order_lines"][:2]]
    assert titles == [(TITLE, "engraved fish"), (None, None)]
    assert recorded["keywords"][0]["keyword_folded"] == "join"
    assert recorded["events"][0]["properties_folded"] == '{"a":"b"}'
    for name in DERIVED:
        assert {row["folding_version"] for row in recorded[name]} == {FOLDING_VERSION}


def test_stale_rows_are_refused_until_they_are_migrated(
    audience: Audience, recorder: Recorder, recorded: dict[str, list[dict[str, Any]]]
) -> None:
    require_current_rows(audience)
    make_stale(audience)
    assert all_rows(audience) != recorded
    with pytest.raises(AppError, match="run `segments migrate`"):
        require_current_rows(audience)
    steps: list[tuple[str, int, int]] = []
    migrated = migrate_rows(
        audience, recorder.hold_write_lock, recorder.country_of, lambda *step: steps.append(step)
    )
    assert migrated == sum(len(recorded[name]) for name in DERIVED)
    assert [(name, total) for name, done, total in steps if done == total] == [
        (name, len(recorded[name])) for name in DERIVED
    ]
    assert all_rows(audience) == recorded
    require_current_rows(audience)
    assert migrate_rows(audience, recorder.hold_write_lock, recorder.country_of) == 0


def test_an_interrupted_migration_continues(
    audience: Audience,
    recorder: Recorder,
    recorded: dict[str, list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_stale(audience)
    monkeypatch.setattr(migrate, "PAGE_ROWS", 2)

    def stop(table: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        migrate_rows(audience, recorder.hold_write_lock, recorder.country_of, stop)
    with pytest.raises(AppError):
        require_current_rows(audience)
    rest = migrate_rows(audience, recorder.hold_write_lock, recorder.country_of)
    assert rest == sum(len(recorded[name]) for name in DERIVED) - 2
    assert all_rows(audience) == recorded


def test_rows_that_were_deleted_stay_deleted(audience: Audience, recorder: Recorder) -> None:
    event, shop = ROWS["events"], 33
    recorder.record(shop, EVENTS, checked(EVENTS, event))
    recorder.record(shop, EVENTS, checked(EVENTS, {**event, "contact_id": [2]}))
    make_stale(audience, [shop])
    assert migrate_rows(audience, recorder.hold_write_lock, recorder.country_of) == 1
    rows = rows_of(audience, fact_tables(audience)["events"], [shop])
    assert [row["contact_id"] for row in rows] == [2]
    require_current_rows(audience)


def contacts_of(audience: Audience) -> list[dict[str, Any]]:
    return rows_of(audience, fact_tables(audience)["contacts"])


def numbers(contacts: Sequence[Mapping[str, Any]]) -> list[str | None]:
    """Return the valid phone numbers of contacts."""
    return [contact["phone_e164"] for contact in contacts]


def test_numbers_are_read_again_when_a_shop_moves(
    audience: Audience, recorder: Recorder, recorded: dict[str, list[dict[str, Any]]]
) -> None:
    in_us = Recorder(audience, country_of=lambda shop_id: "US")
    in_us.recover()
    before = in_us.write_log.count_writes(1)
    assert read_phones_again(audience, in_us, 1) == 3
    found = contacts_of(audience)
    assert numbers(found)[:3] == ["+12125550100", None, "+12125550102"]
    assert in_us.write_log.count_writes(1) > before  # sizes in memory follow
    changed = {"version", "phone_e164", "textable"}
    kept = [
        [{name: row[name] for name in row.keys() - changed} for row in rows]
        for rows in (recorded["contacts"], found)
    ]
    assert kept[0] == kept[1]


def test_numbers_without_a_country_code_are_of_the_country_of_their_shop(
    audience: Audience, recorder: Recorder, recorded: dict[str, list[dict[str, Any]]]
) -> None:
    make_stale(audience)
    migrate_rows(audience, recorder.hold_write_lock, {1: "US"}.get)
    american, last = "+12125550100", "+12125550102"
    assert numbers(contacts_of(audience)) == [american, None, last, american, None, None]
