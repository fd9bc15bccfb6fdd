"""The recorder: atomic batches, the journal, and versions."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import func, select
from sqlmodel import col

from graphql_app.audience import facts, journal
from graphql_app.audience.journal import Journal
from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.audience.tables import Contact, Order, OrderLine
from graphql_app.errors import AppError
from tests.fact_tables import checked

DAY = "2026-01-01T00:00:00Z"


def _record_contacts(recorder: Recorder, shop: int, **columns: Sequence[Any]) -> None:
    recorder.record(shop, facts.CONTACTS, checked(facts.CONTACTS, columns))


def _order(contact: int, lines: int) -> tuple[pa.Table, pa.Table]:
    values = {"id": [1], "contact_id": [contact], "ordered_at": [DAY], "total": ["10.00"]}
    order = checked(facts.ORDERS, values)
    products = checked(facts.LINES, {"product_id": [f"p{number}" for number in range(lines)]})
    return order, products.append_column("row", pa.array([0] * lines, pa.int64()))


def _counts(audience: Audience, shop: int) -> Mapping[str, int]:
    counts = {
        table.__tablename__: select(func.count()).select_from(table)
        for table in (Contact, Order, OrderLine)
    }
    return {name: audience.fetch_rows(count, shop)[0][0] for name, count in counts.items()}


def test_a_failed_batch_is_finished_before_the_shops_next_write(
    audience: Audience, recorder: Recorder
) -> None:
    audience.command("RENAME TABLE products TO products_away")  # the last table of a batch
    order, lines = _order(contact=1, lines=2)
    with pytest.raises(AppError):
        recorder.record_orders(1, order, lines)
    _record_contacts(recorder, 2, id=[1])  # other shops are not affected
    assert _counts(audience, 2)["contacts"] == 1
    with pytest.raises(AppError):
        _record_contacts(recorder, 1, id=[1])
    audience.command("RENAME TABLE products_away TO products")
    _record_contacts(recorder, 1, id=[1])
    assert _counts(audience, 1) == {"contacts": 1, "orders": 1, "order_lines": 2}


def test_the_next_process_finishes_a_batch(audience: Audience, recorder: Recorder) -> None:
    orders = audience.layout.local_name("orders")
    audience.command(f"RENAME TABLE {orders} TO orders_away")
    with pytest.raises(AppError):
        Recorder(audience).forget(1, ["1"])  # leaves a batch that erases
    audience.command(f"RENAME TABLE orders_away TO {orders}")
    _record_contacts(recorder, 1, id=[1, 2])
    again = Recorder(audience)
    again.recover()
    # The erasure takes effect when its batch is finished, so it erases the new row, too.
    assert _counts(audience, 1)["contacts"] == 1
    again.recover()
    _record_contacts(again, 1, id=[1])
    assert _counts(audience, 1)["contacts"] == 2


def _journal_rows(audience: Audience) -> int:
    rows: int = audience.query_unfiltered("SELECT count() FROM journal")[0][0].as_py()
    return rows


def test_finished_batches_are_deleted_from_the_journal(
    audience: Audience, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "TIDY_EVERY", 4)
    audience.command(  # no merges in the background
        "ALTER TABLE journal MODIFY SETTING max_bytes_to_merge_at_max_space_in_pool = 1, "
        "max_bytes_to_merge_at_min_space_in_pool = 1, min_age_to_force_merge_seconds = 0"
    )
    order, lines = _order(contact=1, lines=1)
    for _ in range(3):
        recorder.record_orders(1, order, lines)
    audience.command("OPTIMIZE TABLE journal FINAL")
    assert _journal_rows(audience) == 9
    recorder.record_orders(1, order, lines)
    assert _journal_rows(audience) == 6  # the last batch, whose pending rows are not merged yet
    audience.command("OPTIMIZE TABLE journal FINAL")
    Recorder(audience).recover()
    assert _journal_rows(audience) == 0


def test_an_unfinished_batch_is_not_deleted_from_the_journal(
    audience: Audience, recorder: Recorder
) -> None:
    audience.command("RENAME TABLE products TO products_away")
    with pytest.raises(AppError):
        recorder.record_orders(1, *_order(contact=1, lines=2))
    audience.command("OPTIMIZE TABLE journal FINAL")
    Journal(audience).tidy()
    audience.command("RENAME TABLE products_away TO products")
    _record_contacts(recorder, 1, id=[1])
    assert _counts(audience, 1) == {"contacts": 1, "orders": 1, "order_lines": 2}


def test_the_last_write_wins_when_the_clock_was_set_back(
    audience: Audience, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Recorder(audience)
    first.recover()
    _record_contacts(first, 1, id=[1], country=["US"])
    an_hour_ago = time.time_ns() - 3_600_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: an_hour_ago)
    second = Recorder(audience)
    second.recover()
    _record_contacts(second, 1, id=[1], country=["CA"])
    assert audience.fetch_rows(select(col(Contact.country)), 1)[0][0] == "CA"


def test_every_write_is_logged_for_its_shop(audience: Audience, recorder: Recorder) -> None:
    order, lines = _order(contact=1, lines=1)
    _record_contacts(recorder, 1, id=[1])
    assert recorder.write_log.count_writes(1) == 1
    recorder.record_orders(1, order, lines)
    assert recorder.write_log.count_writes(1) == 2
    recorder.forget(1, ["1"])
    recorder.merge_parts(1)
    assert recorder.write_log.count_writes(1) == 3
    audience.command("RENAME TABLE contacts TO contacts_away")
    with pytest.raises(AppError):
        _record_contacts(recorder, 1, id=[1])
    assert recorder.write_log.count_writes(1) == 4
    assert recorder.write_log.count_writes(2) == 0


def test_keywords_lose_only_the_spaces_around_them() -> None:
    sent = {"contact_id": [1, 2], "keyword": ["ß" * 200, " JOIN "], "received_at": [DAY, DAY]}
    assert checked(facts.KEYWORDS, sent)["keyword"].to_pylist() == ["ß" * 200, "JOIN"]


def test_a_shop_is_quiesced_until_the_last_block_ends(recorder: Recorder) -> None:
    with recorder.quiesce(1):
        with recorder.quiesce(1), recorder.quiesce(2):
            assert recorder.is_quiesced(2)
        assert recorder.is_quiesced(1)
        assert not recorder.is_quiesced(2)
    assert not recorder.is_quiesced(1)
