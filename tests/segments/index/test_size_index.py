"""The size index: which facts it loads, what it keeps, and what it leaves to the engine.

This module is long because much can happen to an index: writes, passing time, eviction
and failures.
"""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.errors import AppError
from graphql_app.plugin_discovery import register
from graphql_app.plugins import Plugin
from graphql_app.runtime.services import Services
from graphql_app.segments.index import contact_ids, shop_cache
from graphql_app.segments.index.contact_ids import FEW
from tests.parity.evaluation.facts import (
    Contact,
    Contacts,
    Forget,
    Line,
    Order,
    Orders,
    Product,
    Text,
)
from tests.parity.examples import (
    DAY,
    MILLISECOND,
    bought,
    criterion,
    last,
    ordered,
    period,
    spent,
    texted,
    utc,
)
from tests.parity.recorded_shop import NOW, RecordedShop
from tests.plugins import odd

ROOM = 1 << 26


@pytest.fixture
def boutique(services: Services) -> RecordedShop:
    """Return a new shop of the shared audience, with its own index."""
    return RecordedShop(replace(services, index_bytes=ROOM))


@pytest.fixture
def apart(services: Services, shared_audience: Audience) -> Iterator[RecordedShop]:
    """Return a shop of an audience whose tables a test may put away."""
    recorder = Recorder(shared_audience, country_of=services.recorder.country_of)
    own = replace(services, audience=shared_audience, recorder=recorder, index_bytes=ROOM)
    yield RecordedShop(own)
    for table in ("orders", "contacts"):
        bring_back(shared_audience, table)


def members(boutique: RecordedShop, rule: Mapping[str, Any]) -> int:
    """Count a rule's members in memory only."""
    read = boutique.rule(rule)
    assert boutique.services.index.evaluate(boutique.id, [read], boutique.scope) is not None
    return boutique.engine.size(read).members


def people(ids: Iterable[int], **more: Any) -> Contacts:
    return Contacts(tuple(Contact(id_, **more) for id_ in ids))


def orders(*totals: tuple[int, int], days_ago: int = 0) -> Orders:
    """Return an order for each contact and total; the order has the contact's id."""
    ordered_at = NOW - days_ago * DAY
    return Orders(tuple(Order(id_, id_, ordered_at, Decimal(total)) for id_, total in totals))


def put_away(audience: Audience, table: str) -> None:
    """Remove a table from the engine, so that reading it fails."""
    audience.command(f"RENAME TABLE {table} TO {table}_away")


def bring_back(audience: Audience, table: str) -> None:
    audience.command(f"RENAME TABLE IF EXISTS {table}_away TO {table}")


def test_another_threshold_loads_no_facts(apart: RecordedShop) -> None:
    apart.record(people(range(1, 6)), orders((1, 10), (2, 20), (3, 30)))
    assert members(apart, spent("GREATER_THAN", "10.00")) == 2
    put_away(apart.services.audience, "orders")
    put_away(apart.services.audience, "contacts")
    assert members(apart, spent("AT_LEAST", "10.00")) == 3
    assert members(apart, spent("EQUALS", "0")) == 2
    assert members(apart, {"not": spent("BETWEEN", "15.00", upTo="25.00")}) == 4
    with pytest.raises(AppError):
        members(apart, spent("EQUALS", "0", within={"since": "2024-01-01"}))


def test_after_a_write_only_changed_contacts_are_loaded(apart: RecordedShop) -> None:
    apart.record(people(range(1, 6)), orders((1, 10), (2, 20)))
    assert members(apart, spent("AT_LEAST", "10.00")) == 2
    unseen = Recorder(apart.services.audience)
    seen, apart.services = apart.services, replace(apart.services, recorder=unseen)
    apart.record(orders((3, 30)))
    apart.services = seen
    apart.record(orders((4, 40)))
    assert members(apart, spent("AT_LEAST", "10.00")) == 3
    apart.record(orders((3, 30)))
    assert members(apart, spent("AT_LEAST", "10.00")) == 4


def test_a_write_to_other_tables_loads_nothing(apart: RecordedShop) -> None:
    apart.record(people(range(1, 6)), orders((1, 10), (2, 20)))
    assert members(apart, spent("AT_LEAST", "10.00")) == 2
    put_away(apart.services.audience, "orders")
    apart.record(Text(1, 1, NOW), people([1, 2], country="US"))
    assert members(apart, spent("AT_LEAST", "15.00")) == 1
    apart.record(people([9]))
    with pytest.raises(AppError):  # a new contact may have older orders
        members(apart, spent("AT_LEAST", "15.00"))


def test_passing_time_only_loads_contacts_whose_rows_enter_or_leave_a_window(
    apart: RecordedShop,
) -> None:
    rule = spent("AT_LEAST", "10.00", within=last(30, "DAYS"))
    apart.record(people(range(1, 6)), orders((1, 10), (2, 20), days_ago=10))
    assert members(apart, rule) == 2
    apart.now += timedelta(hours=1)
    assert members(apart, rule) == 2
    put_away(apart.services.audience, "orders")
    apart.now += timedelta(hours=1)
    assert members(apart, rule) == 2
    bring_back(apart.services.audience, "orders")
    apart.now += 20 * DAY
    assert members(apart, rule) == 0


def test_a_window_before_a_duration_moves_with_the_clock(apart: RecordedShop) -> None:
    rule = spent("AT_LEAST", "10.00", within={"beforeAgo": {"count": 10, "unit": "DAYS"}})
    apart.record(people(range(1, 6)), orders((1, 10), (2, 20), days_ago=10))
    assert members(apart, rule) == 0
    apart.now += timedelta(hours=1)
    assert members(apart, rule) == 2
    put_away(apart.services.audience, "orders")
    apart.now += timedelta(hours=1)
    assert members(apart, rule) == 2


def test_a_calendar_month_is_loaded_once_and_again_when_it_ends(apart: RecordedShop) -> None:
    this, before = (spent("AT_LEAST", "10.00", within=period(w, "MONTH")) for w in ("THIS", "LAST"))
    july, august = utc("2024-07-31T23:59:59.999"), utc("2024-08-01T00:00")
    shops = []
    for first in ("2024-07-30T12:00", "2024-07-31T23:59:59.998", "2024-07-31T23:59:59.999"):
        shop = RecordedShop(apart.services)
        shop.record(
            people(range(1, 6)),
            *(Order(id_, id_, utc("2024-07-30T00:00"), Decimal(10)) for id_ in (1, 2)),
            Order(3, 3, august, Decimal(10)),
        )
        for now, expected in ((utc(first), [2, 0]), (july, [2, 0]), (august, [1, 2])):
            shop.now = now
            assert [members(shop, rule) for rule in (this, before)] == expected, first
        shops.append(shop)
    put_away(apart.services.audience, "orders")
    for shop in shops:
        for later in (MILLISECOND, timedelta(hours=1), 30 * DAY):
            shop.now = august + later
            assert [members(shop, rule) for rule in (this, before)] == [1, 2]


def test_weeks_of_shops_that_begin_on_other_days_have_their_own_vectors(
    boutique: RecordedShop,
) -> None:
    rule = spent("AT_LEAST", "10.00", within=period("THIS", "WEEK"))
    boutique.now = utc("2024-07-16T12:00")
    boutique.record(people([1, 2]), orders((1, 10), days_ago=2))  # on Saturday
    for first_weekday, found in ((0, 0), (5, 1), (6, 0), (5, 1)):
        boutique.first_weekday = first_weekday
        assert members(boutique, rule) == found


def test_older_facts_count_once_their_contact_is_recorded(boutique: RecordedShop) -> None:
    boutique.record(people([1]), orders((1, 10), (2, 20)))
    assert members(boutique, spent("AT_LEAST", "10.00")) == 1
    boutique.record(people([2]))
    assert members(boutique, spent("AT_LEAST", "10.00")) == 2


def test_a_contact_recorded_again_after_being_forgotten_has_no_facts(apart: RecordedShop) -> None:
    never, rich = texted("EQUALS", 0), spent("AT_LEAST", "10.00")
    apart.record(people([1, 2]), orders((1, 10), (2, 20)), Text(1, 1, NOW))
    assert [members(apart, rule) for rule in (never, rich)] == [1, 2]
    apart.record(Forget((1,)))
    assert [members(apart, rule) for rule in (never, rich)] == [1, 1]
    apart.record(Text(2, 1, NOW), Text(3, 1, NOW))
    assert [members(apart, rule) for rule in (never, rich)] == [1, 1]
    apart.record(people([1]))
    assert [members(apart, rule) for rule in (never, rich)] == [1, 1]
    assert members(apart, texted("EQUALS", 2)) == 1
    assert members(apart, {"all": []}) == 2


def test_an_order_moves_to_another_contact(boutique: RecordedShop) -> None:
    boutique.record(people([1, 2]), Order(7, 1, NOW, Decimal(5)))
    poor = spent("EQUALS", "0")
    assert members(boutique, {"all": [poor, {"not": spent("EQUALS", "5.00")}]}) == 1
    boutique.record(Order(7, 2, NOW, Decimal(5)))
    assert members(boutique, poor) == 1
    rule = boutique.rule(poor)
    evaluation = boutique.services.index.evaluate(boutique.id, [rule], boutique.scope)
    assert evaluation is not None
    assert next(evaluation.each([rule])).tolist() == [True, False]


def test_many_late_contacts_are_sorted_in(boutique: RecordedShop) -> None:
    boutique.record(people(range(1_000_000, 1_000_100)), orders((1_000_000, 10), (5, 20)))
    rich = spent("AT_LEAST", "10.00")
    assert members(boutique, rich) == 1
    for start in range(0, FEW + 1_000, 1_000):
        boutique.record(people(range(start + 1, start + 1_001)))
        assert members(boutique, rich) == 2
    assert boutique.size(rich).contacts > 100 + FEW


def test_a_large_write_is_counted_exactly(boutique: RecordedShop) -> None:
    count = shop_cache.MAX_RELOADED + 10
    rich = spent("AT_LEAST", "10.00")
    boutique.record(people(range(1, 11)))
    assert members(boutique, rich) == 0
    boutique.record(people(range(1, count + 1)))
    assert members(boutique, rich) == 0
    boutique.record(orders(*((id_, 10 + id_ % 2) for id_ in range(1, count + 1))))
    assert members(boutique, rich) == count
    assert members(boutique, spent("AT_LEAST", "11.00")) == count // 2


def test_a_product_gets_another_title(boutique: RecordedShop) -> None:
    coral = {"productPurchased": {"operator": "TITLE_CONTAINS", "words": "coral"}}
    bottle = Order(1, 1, NOW, lines=(Line("a"),))
    boutique.record(people([1, 2]), bottle)
    assert members(boutique, coral) == 0
    boutique.record(Product("a", "Coral bottle"))
    assert members(boutique, coral) == 1
    boutique.record(Product("a", "Lime bottle"))
    assert members(boutique, coral) == 0


def test_the_least_recently_used_vector_is_evicted(services: Services) -> None:
    boutique = RecordedShop(replace(services, index_bytes=40_000))
    boutique.record(people(range(1, 1_001)), orders(*((id_, id_) for id_ in range(1, 101))))
    index = boutique.services.index
    for day in range(1, 29):
        since = {"within": {"since": f"2024-07-{day:02}"}}
        assert members(boutique, spent("AT_LEAST", "50.00", **since)) == (51 if day < 16 else 0)
        assert index.nbytes <= 40_000
    assert index.nbytes > 18_000
    other = RecordedShop(boutique.services)
    other.record(people(range(1, 2_001)))
    assert members(other, {"all": []}) == 2_000
    assert index.nbytes <= 40_000
    assert members(boutique, spent("AT_LEAST", "50.00")) == 51


def test_shops_and_rules_that_are_too_large_use_the_engine(services: Services) -> None:
    boutique = RecordedShop(replace(services, index_bytes=40_000))
    boutique.record(people(range(1, 1_001)))
    wide = {"any": [spent("EQUALS", "0", within={"since": f"2024-07-0{n}"}) for n in range(1, 4)]}
    rule = boutique.rule(wide)
    assert boutique.services.index.evaluate(boutique.id, [rule], boutique.scope) is None
    assert boutique.size(wide).members == 1_000
    assert members(boutique, wide["any"][0]) == 1_000
    boutique.record(people(range(1, 3_001)))
    rule = boutique.rule({"all": []})
    boutique.services = replace(boutique.services)
    assert boutique.services.index.evaluate(boutique.id, [rule], boutique.scope) is None
    assert boutique.size({"all": []}).members == 3_000


def test_a_contact_with_two_dates_leaves_the_index_to_other_shops(boutique: RecordedShop) -> None:
    recent = criterion("property", "IN_LAST", property="visited", days=30)
    two_dates = json.dumps({"visited": ["2024-07-01T10:00:00Z", "2024-01-01T10:00:00Z"]})
    boutique.record(Contact(1, properties=two_dates))
    rule = boutique.rule(recent)
    assert boutique.services.index.evaluate(boutique.id, [rule], boutique.scope) is None
    assert boutique.size(recent).members == 1
    other = RecordedShop(boutique.services)
    other.record(Contact(1, properties='{"visited": "2024-07-01T10:00:00Z"}'), Contact(2))
    assert members(other, recent) == 1


FROM_MEMORY = {
    "oddRatio": True, "oddEach": True, "oddHuge": True, "oddAnything": True, "oddOwnWay": True,
    "oddWhole": False, "oddClock": False, "oddAge": True, "oddDrift": False, "oddRecent": True,
    "oddOrdered": True, "oddIfEver": True, "oddNamesake": True,
}  # fmt: skip


def test_unusual_third_party_criteria_match_the_engine(services: Services) -> None:
    registry = register({Plugin("odd", "odd-criteria", "1.0"): odd})
    boutique = RecordedShop(replace(services, registry=registry, index_bytes=ROOM))
    index = boutique.services.index

    def check() -> None:
        for key, from_memory in FROM_MEMORY.items():
            rules = [
                {key: {"operator": operator, "count": count, **upper_bound(operator)}}
                for operator in registry.criteria[key].operators()
                for count in (0, 1, 2, 5, 90_000)
            ]
            size = boutique.size({"any": rules})
            assert size.from_memory == from_memory, key
            assert len(size.parts) == 1 + len(rules)
            if not from_memory:  # then none of them is
                parsed = [boutique.rule(rule) for rule in rules]
                found = [index.evaluate(boutique.id, [rule], boutique.scope) for rule in parsed]
                assert found == [None] * len(rules), key

    def upper_bound(operator: str) -> dict[str, int]:
        return {"upTo": 90_000} if operator == "BETWEEN" else {}

    lines = (Line("a"), Line("b"))
    boutique.record(
        people(range(1, 5), created_at=NOW - DAY),
        Order(1, 1, NOW, Decimal(1), lines=lines),
        Order(2, 1, NOW - DAY, Decimal(5), Decimal(1), lines=lines),
        Order(3, 2, NOW - DAY, Decimal(5)),
        Product("b", "B"),
    )
    check()
    boutique.record(
        Order(4, 3, NOW, Decimal(2), Decimal(2), lines=lines),
        people([2], created_at=NOW - DAY, country="US"),
    )
    check()
    boutique.now += timedelta(seconds=2)
    check()


def test_the_value_for_contacts_without_rows_is_part_of_the_cache_key(services: Services) -> None:
    registry = register({Plugin("odd", "odd-criteria", "1.0"): odd})
    boutique = RecordedShop(replace(services, registry=registry, index_bytes=ROOM))
    boutique.record(people(range(1, 5)), orders((1, 10)))
    fewer = {"operator": "LESS_THAN", "count": 2}
    assert members(boutique, {"oddOrdered": fewer}) == 4
    assert members(boutique, {"oddIfEver": fewer}) == 1
    assert members(boutique, {"oddOrdered": fewer}) == 4


def test_the_newest_contacts_may_be_forgotten(
    apart: RecordedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact_ids, "FEW", 4)
    apart.record(people(range(1, 41)), orders(*((id_, id_) for id_ in range(1, 41))))
    rich = spent("AT_LEAST", "10.00")
    assert members(apart, rich) == 31
    apart.record(Forget(tuple(range(21, 41))))
    assert members(apart, rich) == 11
    apart.record(people(range(100, 131)), orders((105, 50)), Forget((130,)))
    assert members(apart, rich) == 12
    assert apart.size(rich).contacts == 50


BOUGHT, ORDERED = bought("ANY_OF", "a"), ordered("AT_LEAST", 1)
# Who has an order or a line of it, but not both.
TORN = {"any": [{"all": [ORDERED, {"not": BOUGHT}]}, {"all": [BOUGHT, {"not": ORDERED}]}]}


def while_writing(
    write: Callable[[], None], stop: threading.Event, readers: Iterable[Callable[[], None]]
) -> None:
    writing = threading.Thread(target=write)
    reading = [threading.Thread(target=reader) for reader in readers]
    for thread in (writing, *reading):
        thread.start()
    for thread in reading:
        thread.join()
    stop.set()
    writing.join()


def test_counting_while_contacts_are_recorded_is_consistent(boutique: RecordedShop) -> None:
    boutique.record(people(range(1, 11)), orders(*((id_, id_) for id_ in range(1, 11))))
    kinds = [spent("AT_LEAST", f"{n}.00", within={"since": f"2024-0{n}-01"}) for n in range(1, 8)]
    stop, failures = threading.Event(), []

    def write() -> None:
        writer, number = replace(boutique), 1_000
        while not stop.is_set():
            number += 1
            writer.record(people([number]), orders((number, 100)))

    def read(own: int) -> None:
        reader = replace(boutique)
        try:
            for offset in range(40):
                members(reader, {"any": [kinds[own], kinds[(own + offset) % len(kinds)]]})
        except Exception as error:
            failures.append(error)

    while_writing(write, stop, [partial(read, own) for own in range(4)])
    assert failures == []
    assert boutique.size(kinds[0]).members == members(boutique, kinds[0])


def test_a_concurrent_write_is_seen_completely_or_not_at_all(boutique: RecordedShop) -> None:
    """Moving an order between two contacts takes two inserts: its lines and the order itself."""
    boutique.record(people([1, 2, 3]), Order(1, 1, NOW, lines=(Line("a"),)))
    stop, failures = threading.Event(), []

    def write() -> None:
        writer = replace(boutique)
        number = 0
        while not stop.is_set():
            number += 1
            writer.record(Order(1, 1 + number % 2, NOW, lines=(Line("a"),)))

    def read() -> None:
        reader = replace(boutique)
        for _ in range(60):
            found = [members(reader, rule) for rule in (TORN, BOUGHT)]
            if found != [0, 1]:
                failures.append(found)

    while_writing(write, stop, [read, read])
    assert failures == []
    assert boutique.size(BOUGHT).members == 1


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_write_between_two_statements_of_a_size_is_in_all_of_it(
    boutique: RecordedShop, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    boutique.record(people([1, 2]), Order(1, 1, NOW, lines=(Line("a"),)))
    statements, read = 0, Audience.fetch_table

    def then_write(*args: Any, **options: Any) -> Any:
        nonlocal statements
        found = read(*args, **options)
        statements += 1
        if statements == after:
            boutique.record(Order(1, 2, NOW, lines=(Line("a"),)))
        return found

    monkeypatch.setattr(Audience, "fetch_table", then_write)
    found = boutique.engine.size(boutique.rule(TORN))
    assert (found.members, found.from_memory) == (0, True)
    assert statements >= after
