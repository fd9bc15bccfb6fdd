"""Ids of the source system: which are accepted, which are equal, and what stands for them."""

from collections.abc import Sequence

import pyarrow as pa
import pytest

from graphql_app.audience import facts
from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.errors import AppError
from tests.fact_tables import checked

DAY = "2026-01-01T00:00:00Z"
UUID = "0b8a6f3e-5d0b-4f6e-9a57-0c3f4b6f4a11"


def _record_contacts(recorder: Recorder, *ids: object) -> None:
    recorder.record(1, facts.CONTACTS, checked(facts.CONTACTS, {"id": [*ids]}))


def _record_texts(recorder: Recorder, **columns: list[object]) -> None:
    sent = [DAY] * len(columns["id"])
    recorder.record(1, facts.TEXTS, checked(facts.TEXTS, {**columns, "sent_at": sent}))


def _contacts(audience: Audience) -> dict[str, int]:
    """Return the numbers of the recorded contacts by their ids."""
    rows = audience.query_unfiltered(
        "SELECT coalesce(source_id, toString(id)) AS name, id FROM contacts FINAL "
        "WHERE shop_id = 1 AND NOT deleted"
    ).to_pylist()
    assert len(rows) == len({row["name"] for row in rows})
    return {row["name"]: row["id"] for row in rows}


EQUAL: Sequence[tuple[object, str]] = (
    ("7", "7"),
    ("007", "7"),
    (7, "7"),
    (" 7 ", "7"),
    ("000", "0"),
    (str(2**64 - 1), str(2**64 - 1)),
    ("0" + str(2**64 - 1), str(2**64 - 1)),
    (str(2**64), str(2**64)),
    (2**70, str(2**70)),
    ("-7", "-7"),
    (-7, "-7"),
    ("7.0", "7.0"),
    ("\N{ARABIC-INDIC DIGIT THREE}", "\N{ARABIC-INDIC DIGIT THREE}"),
    ("abc", "abc"),
    ("ABC", "ABC"),
    ("\t a b\n", "a b"),
    (UUID, UUID),
    ("é" * 255, "é" * 255),
)


@pytest.mark.parametrize("store", ["embedded"], indirect=True)
def test_what_an_id_is(audience: Audience, recorder: Recorder) -> None:
    for written, equal in EQUAL:
        for ids in ([written], [written, "1", "x"]):  # alone, and in a batch of plain ids
            assert checked(facts.CONTACTS, {"id": ids})["id"][0].as_py() == equal
    _record_contacts(recorder, *(written for written, _ in EQUAL))
    _record_contacts(recorder, *(equal for _, equal in EQUAL))
    assert set(_contacts(audience)) == {equal for _, equal in EQUAL}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("x" * 256, "must have at most 255 characters"),
        (10**255, "must be text or a whole number"),
        (1.0, "must be text or a whole number"),
        (True, "must be text or a whole number"),
        ("\ud800", "must be valid Unicode"),
        (" ", "is required"),
        ("1E+5", "was shortened by a spreadsheet"),
    ],
)
def test_what_an_id_is_not(bad: object, message: str) -> None:
    for ids in ([bad], ["1", "x", bad]):
        _, [problem] = facts.check_batch(facts.CONTACTS, {"id": ids}, len(ids))
        assert (problem.row, problem.field) == (len(ids) - 1, "id")
        assert message in problem.message


def test_a_whole_number_is_its_own_number(audience: Audience, recorder: Recorder) -> None:
    ids = [0, 1, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1]
    _record_contacts(recorder, *ids, "x", 2**64)
    found = _contacts(audience)
    assert [found[str(id)] for id in ids] == ids
    assert min(found["x"], found[str(2**64)]) >= 2**63
    stored = audience.query_unfiltered("SELECT id FROM contacts WHERE source_id IS NULL")
    assert sorted(stored["id"].to_pylist()) == ids


def test_facts_find_the_contact_with_their_id(audience: Audience, recorder: Recorder) -> None:
    _record_texts(recorder, id=["m", "m2", "m2"], contact_id=["a", "b", "a"])
    _record_contacts(recorder, "a", "b")
    found = _contacts(audience)
    rows = audience.query_unfiltered("SELECT contact_id FROM texts FINAL WHERE NOT deleted")
    assert rows["contact_id"].to_pylist() == [found["a"]] * 2
    # The text moves to the other contact, whatever the order.
    _record_texts(recorder, id=["m"], contact_id=["b"])
    rows = audience.query_unfiltered(
        "SELECT contact_id FROM texts FINAL WHERE NOT deleted ORDER BY contact_id"
    )
    assert rows["contact_id"].to_pylist() == sorted([found["a"], found["b"]])


def test_ids_of_different_facts_are_independent(audience: Audience, recorder: Recorder) -> None:
    _record_contacts(recorder, "a")
    _record_texts(recorder, id=["a"], contact_id=["a"])
    order = checked(
        facts.ORDERS,
        {"id": ["a"], "contact_id": ["a"], "ordered_at": [DAY], "total": ["1"]},
    )
    recorder.record_orders(1, order, None)
    rows = audience.query_unfiltered("SELECT of_table, source_id FROM identities").to_pylist()
    assert {row["of_table"] for row in rows} == {"contacts", "texts", "orders"}
    assert {row["source_id"] for row in rows} == {"a"}


def test_a_number_that_stands_for_another_id_is_replaced(
    audience: Audience, recorder: Recorder
) -> None:
    _record_contacts(recorder, "a", "b")
    numbers = _contacts(audience)
    taken = numbers["a"]
    # In one batch with the text, in a later batch, and as the contact of a fact.
    _record_contacts(recorder, taken, "a")
    _record_texts(recorder, id=[1], contact_id=[taken])
    found = _contacts(audience)
    assert found["a"] == taken
    assert len({*found.values()}) == 3
    text = audience.query_unfiltered("SELECT contact_id FROM texts")
    assert text["contact_id"].to_pylist() == [found[str(taken)]]
    # The other way round: a text whose first choice is a recorded number.
    other = Recorder(audience)
    free = numbers["b"]
    other.record(2, facts.CONTACTS, checked(facts.CONTACTS, {"id": [free]}))
    other.record(2, facts.CONTACTS, checked(facts.CONTACTS, {"id": ["b", free]}))
    rows = audience.query_unfiltered(
        "SELECT id, source_id FROM contacts FINAL WHERE shop_id = 2"
    ).to_pylist()
    assert {row["source_id"] for row in rows if row["id"] == free} == {None}
    assert {row["source_id"] for row in rows if row["id"] != free} == {"b"}


def test_a_forgotten_id_is_erased_and_means_somebody_new(
    audience: Audience, recorder: Recorder
) -> None:
    _record_contacts(recorder, "anna@example.com", "b")
    _record_texts(recorder, id=["of anna", "of b"], contact_id=["anna@example.com", "b"])
    before = _contacts(audience)["anna@example.com"]
    taken = before
    _record_contacts(recorder, taken)  # a number that had to be replaced
    recorder.forget(1, ["anna@example.com", "nobody"])
    stored = audience.query_unfiltered("SELECT source_id FROM identities FINAL")
    assert sorted(stored["source_id"].to_pylist()) == sorted(["", "", "b", "of b", str(taken)])
    assert set(_contacts(audience)) == {"b", str(taken)}
    _record_contacts(recorder, "anna@example.com", taken)
    found = _contacts(audience)
    assert len({*found.values(), before}) == 4
    # Those who were never given a number are not given one by forgetting them.
    recorder.forget(1, ["nobody"])
    stored = audience.query_unfiltered("SELECT count() FROM identities FINAL")
    assert stored[0][0].as_py() == 6


def test_forgetting_keeps_ids_of_rows_that_moved(audience: Audience, recorder: Recorder) -> None:
    _record_contacts(recorder, "a", "b")
    for contact in ("a", "b"):
        _record_texts(recorder, id=["moved"], contact_id=[contact])
    recorder.forget(1, ["a"])
    _record_texts(recorder, id=["moved"], contact_id=["b"])
    rows = audience.query_unfiltered("SELECT id FROM texts FINAL WHERE NOT deleted")
    assert rows.num_rows == 1


def test_lines_find_orders_by_text_ids(audience: Audience, recorder: Recorder) -> None:
    values = {"id": ["#1001"], "contact_id": ["a"], "ordered_at": [DAY], "total": ["9"]}
    recorder.record_orders(1, checked(facts.ORDERS, values), None)
    lines = checked(
        facts.ORDER_LINES, {"order_id": ["#1001", "#1002"], "product_id": ["mug", "mug"]}
    )
    assert recorder.record_order_lines(1, lines) == [1]
    assert recorder.record_order_lines(1, lines.slice(0, 1)) == []
    orders = audience.query_unfiltered("SELECT id FROM orders FINAL")["id"]
    found = audience.query_unfiltered("SELECT order_id FROM order_lines FINAL")["order_id"]
    assert found.to_pylist() == orders.to_pylist()


def test_a_batch_that_fails_gives_no_numbers(audience: Audience, recorder: Recorder) -> None:
    audience.command("RENAME TABLE identities TO away")
    with pytest.raises(AppError):
        _record_contacts(recorder, "a")
    audience.command("RENAME TABLE away TO identities")
    assert _contacts(audience) == {}
    _record_contacts(recorder, "a")
    assert set(_contacts(audience)) == {"a"}


def test_ids_of_any_arrow_type() -> None:
    for kind in (pa.uint64(), pa.int32(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())):
        ids = ["1", "2"] if not pa.types.is_integer(kind) else [1, 2]
        rows, bad = facts.check_batch(facts.CONTACTS, {"id": pa.array(ids, kind)}, 2)
        assert not bad
        assert rows["id"].to_pylist() == ["1", "2"]
