"""What properties mean, of contacts and of events, case by case."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from graphql_app.audience.column_parser import BadValueError
from graphql_app.audience.value_parsers import PROPERTIES
from graphql_app.runtime.services import Services
from tests.parity.evaluation.facts import Contact, Contacts, Document, Event, Events
from tests.parity.examples import (
    DAY,
    HOSTILE,
    LOCAL_DAYS,
    MILLISECOND,
    criterion,
    last,
    people_with_ids,
    utc,
)
from tests.parity.recorded_shop import NOW, RecordedShop


def where(operator: str, name: str = "it", **more: Any) -> dict[str, Any]:
    return {"operator": operator, "property": name, **more}


def having(operator: str, name: str = "it", **more: Any) -> Document:
    return {"property": where(operator, name, **more)}


def happened(operator: str, count: int, name: str = "viewed", **more: Any) -> Document:
    return criterion("event", operator, name=name, count=count, **more)


def contacts_with(values: Sequence[Any]) -> Contacts:
    """Contact n has the n-th of some values as a property."""
    documents = [json.dumps({"it": value}) for value in values]
    return Contacts(tuple(Contact(id_, properties=it) for id_, it in enumerate(documents)))


class TestTexts:
    VALUES = ("red", "Red", "dark red", "", " ", "RÉD", "5", 5, None, ["red"], {"it": "red"}, True)

    @pytest.mark.parametrize(
        ("rule", "matching"),
        [
            (having("ANY_OF", texts=["red"]), {0}),
            (having("ANY_OF", texts=["red", "Red", "red", "nobody's"]), {0, 1}),
            (having("NONE_OF", texts=["red"]), {*range(1, 13)}),
            (having("ANY_OF", texts=["5"]), {6}),
            (having("CONTAINS", text="RED"), {0, 1, 2}),
            (having("CONTAINS", text="réd"), {5}),
            (having("NOT_CONTAINS", text="r"), {3, 4, 6, 7, 8, 9, 10, 11, 12}),
            (having("STARTS_WITH", text="re"), {0, 1}),
            (having("STARTS_WITH", text="dark R"), {2}),
            (having("NOT_STARTS_WITH", text="re"), {*range(2, 13)}),
            (having("IS_SET"), {0, 1, 2, 4, 5, 6, 7, 9, 10, 11}),
            (having("IS_NOT_SET"), {3, 8, 12}),
            (having("IS_SET", "It"), set()),
        ],
    )
    def test_any_of_is_exact_and_parts_are_found_in_small_letters_or_capitals(
        self, boutique: RecordedShop, rule: Document, matching: set[int]
    ) -> None:
        boutique.record(contacts_with(self.VALUES), Contacts((Contact(12),)))
        assert boutique.matching(rule) == matching

    def test_a_greek_text_holds_its_beginning_in_capitals_too(self, boutique: RecordedShop) -> None:
        """A small sigma is written otherwise at the end of a word."""
        boutique.record(contacts_with(["ΟΔΟΣΑ", "οδος", "ΟΔΟΣ", "οδό"]))
        assert boutique.matching(having("CONTAINS", text="ΟΔΟΣ")) == {0, 1, 2}
        assert boutique.matching(having("STARTS_WITH", text="οδος")) == {0, 1, 2}


class TestNumbers:
    VALUES = (
        *(5, 5.0, -3, 0, 0.1, 12.5, -0.0, 1e308, 2**53 + 1, 2**63, 2**64, -(2**63) - 1),
        *("5", True, None, [5], "many"),
    )

    @pytest.mark.parametrize(
        ("rule", "matching"),
        [
            (having("EQUALS", number="5"), {0, 1}),
            (having("EQUALS", number="5.0000"), {0, 1}),
            (having("NOT_EQUALS", number="5"), {*range(2, 17)}),
            (having("EQUALS", number="0"), {3, 6}),
            (having("EQUALS", number="-0"), {3, 6}),
            (having("EQUALS", number="0.1"), {4}),
            (having("GREATER_THAN", number="5"), {5, 7, 8, 9, 10}),
            (having("AT_LEAST", number="5"), {0, 1, 5, 7, 8, 9, 10}),
            (having("LESS_THAN", number="0"), {2, 11}),
            (having("AT_MOST", number="-3"), {2, 11}),
            (having("BETWEEN", number="-3", numberUpTo="0.1"), {2, 3, 4, 6}),
            (having("GREATER_THAN", number="99999999999.9999"), {7, 8, 9, 10}),
            (having("IS_SET"), {*range(17)} - {14}),
        ],
    )
    def test_numbers_of_any_size_are_compared_and_nothing_else_is_one(
        self, boutique: RecordedShop, rule: Document, matching: set[int]
    ) -> None:
        boutique.record(contacts_with(self.VALUES))
        assert boutique.matching(rule) == matching

    def test_whole_numbers_beyond_64_bits_stay_numbers_wherever_they_are(self) -> None:
        given = {"a": 2**64, "b": -(2**63) - 1, "c": [{"d": 10**40}], "e": 2**64 - 1, "f": -(2**63)}
        for value in (given, json.dumps(given)):
            kept = json.loads(PROPERTIES.parse_value(value))
            assert kept | {"c": []} == {**given, "a": 2.0**64, "b": -(2.0**63), "c": []}
            assert [type(kept[name]) for name in "abef"] == [float, float, int, int]
            assert kept["c"] == [{"d": 1e40}]

    @pytest.mark.parametrize("digits", ["9" * 400, "-" + "9" * 400, "9" * 5_000])
    def test_a_whole_number_that_no_float_holds_is_refused(self, digits: str) -> None:
        with pytest.raises(BadValueError, match=f"a number of {len(digits)} digits"):
            PROPERTIES.parse_value(f'{{"a": [{digits}]}}')

    @pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
    def test_what_is_no_number_in_json_is_refused_by_name(self, text: str) -> None:
        with pytest.raises(BadValueError, match=f"must not contain {text}"):
            PROPERTIES.parse_value(f'{{"a": {text}}}')


class TestYesAndNo:
    def test_only_true_is_yes_and_only_false_is_no(self, boutique: RecordedShop) -> None:
        boutique.record(contacts_with([True, False, None, 1, 0, "true", "false", [True]]))
        assert boutique.matching(having("IS_TRUE")) == {0}
        assert boutique.matching(having("IS_FALSE")) == {1}
        assert boutique.matching({"not": having("IS_TRUE")}) == {*range(1, 8)}


class TestDates:
    # Today is July 15, 2024.
    VALUES = (
        *("2024-07-15", "2024-07-14", "2024-07-13", "2024-07-12", "2024-07-16", "1950-01-31"),
        *("2024-02-30", "2024-7-15", "20240715", " 2024-07-15", "2024-07-15 ", "yesterday"),
        *("2024-07-15T10:00:00", "2024-07-15T24:00:00Z", "2024-07-15T10:00:00+5"),
        *(
            "2024-13-01",
            "2024-13-01T10:00:00Z",
            "2023-02-29T10:00:00Z",
            "1899-12-31",
            "2200-01-01",
            20240715,
            None,
            True,
        ),
    )
    DATES = frozenset(range(6))

    @pytest.mark.parametrize(
        ("rule", "matching"),
        [
            (having("ON", date="2024-07-14"), {1}),
            (having("BEFORE", date="2024-07-14"), {2, 3, 5}),
            (having("ON_OR_BEFORE", date="2024-07-14"), {1, 2, 3, 5}),
            (having("AFTER", date="2024-07-14"), {0, 4}),
            (having("ON_OR_AFTER", date="2024-07-14"), {0, 1, 4}),
            (having("BETWEEN_DAYS", date="2024-07-13", dateUpTo="2024-07-14"), {1, 2}),
            (having("BETWEEN_DAYS", date="1900-01-01", dateUpTo="2199-12-31"), DATES),
            (having("ON", date="1950-01-31"), {5}),
            # The last two days are today and yesterday; tomorrow is none of them.
            (having("IN_LAST", days=2), {0, 1}),
            (having("IN_LAST", days=1), {0}),
            (having("MORE_THAN_AGO", days=2), {3, 5}),
            (having("MORE_THAN_AGO", days=1), {2, 3, 5}),
            (having("IN_LAST", days=36_500), {0, 1, 2, 3, 5}),
        ],
    )
    def test_days_are_compared_and_what_is_no_day_is_unset(
        self, boutique: RecordedShop, rule: Document, matching: set[int]
    ) -> None:
        boutique.record(contacts_with(self.VALUES))
        assert boutique.matching(rule) == matching

    @pytest.mark.parametrize("offset", ["Z", "+00:00", "+0530", "-05", "+14:00"])
    def test_an_instant_tells_its_offset_in_any_way_of_iso_8601(
        self, boutique: RecordedShop, offset: str
    ) -> None:
        boutique.record(contacts_with([f"2024-07-15T14:30:00{offset}", "2024-07-15T14:30:00"]))
        assert boutique.matching(having("ON", date="2024-07-15")) == {0}

    @pytest.mark.parametrize(
        ("negative", "positive", "more"),
        [("NOT_ON", "ON", {"date": "2024-07-14"}), ("NOT_IN_LAST", "IN_LAST", {"days": 2})],
    )
    def test_negative_operators_include_what_is_no_day(
        self, boutique: RecordedShop, negative: str, positive: str, more: dict[str, Any]
    ) -> None:
        boutique.record(contacts_with(self.VALUES), people_with_ids(99))
        own = boutique.matching(having(positive, **more))
        assert boutique.matching(having(negative, **more)) == {*range(23), 99} - own

    def test_an_instant_is_on_its_day_in_the_shops_zone(self, services: Services) -> None:
        shop = RecordedShop(services, "America/New_York")
        shop.record(
            contacts_with(
                [
                    "2024-07-15T03:59:59.999Z",
                    "2024-07-15 04:00Z",
                    "2024-07-15T13:29:59+09:30",
                    "2024-07-15T13:30+09:30",
                    "2024-07-14T23:59:59.999999999-04:00",
                    "2024-07-14",
                    "1950-07-14T23:00:00-05:00",
                ]
            )
        )
        assert shop.matching(having("ON", date="2024-07-14")) == {0, 2, 4, 5}
        assert shop.matching(having("ON", date="2024-07-15")) == {1, 3}
        # Clocks were an hour ahead in that summer too.
        assert shop.matching(having("ON", date="1950-07-15")) == {6}

    @pytest.mark.parametrize(("zone", "day", "start", "end"), LOCAL_DAYS)
    def test_a_local_day_of_instants_runs_from_its_first_to_the_next_days(
        self, services: Services, zone: str, day: str, start: str, end: str
    ) -> None:
        shop = RecordedShop(services, zone)
        before, after = utc(start) - MILLISECOND, utc(end)
        times = (before, utc(start), after - MILLISECOND, after)
        shop.record(contacts_with([time.isoformat() for time in times]))
        assert shop.matching(having("ON", date=day)) == {1, 2}
        assert shop.matching(having("BEFORE", date=day)) == {0}
        assert shop.matching(having("AFTER", date=day)) == {3}


@pytest.fixture(scope="module")
def hostile(services: Services) -> RecordedShop:
    """Contact n has the n-th hostile string as a property's name and value, and as an event's."""
    shop = RecordedShop(services)
    documents = [json.dumps({text: text, "it": text}) for text in HOSTILE]
    shop.record(
        Contacts(tuple(Contact(id_, properties=it) for id_, it in enumerate(documents))),
        Events(
            tuple(Event(id_, id_, text, NOW, documents[id_]) for id_, text in enumerate(HOSTILE))
        ),
        Events(
            tuple(
                Event(1_000 + id_, id_, "same", NOW, documents[id_]) for id_ in range(len(HOSTILE))
            )
        ),
    )
    return shop


class TestHostileTexts:
    @pytest.mark.parametrize(
        "rule",
        [
            lambda text: having("IS_SET", text),
            lambda text: having("ANY_OF", text, texts=[text]),
            lambda text: having("ANY_OF", texts=[text]),
            lambda text: having("STARTS_WITH", text, text=text),
            lambda text: happened("EQUALS", 1, text),
            lambda text: happened("EQUALS", 1, "same", conditions=[where("IS_SET", text)]),
            lambda text: happened("EQUALS", 1, text, conditions=[where("ANY_OF", texts=[text])]),
        ],
        ids=["name", "name and value", "value", "start", "event", "its name", "its value"],
    )
    def test_a_name_or_a_value_matches_itself_and_nothing_else(
        self, hostile: RecordedShop, rule: Any
    ) -> None:
        found = hostile.matching_each([hostile.rule(rule(text)) for text in HOSTILE])
        assert found == [{id_} for id_ in range(len(HOSTILE))]

    def test_a_part_is_found_in_what_holds_it_and_in_nothing_else(
        self, hostile: RecordedShop
    ) -> None:
        rules = [hostile.rule(having("CONTAINS", text=text)) for text in HOSTILE]
        for text, found in zip(HOSTILE, hostile.matching_each(rules), strict=True):
            holding = {id_ for id_, other in enumerate(HOSTILE) if text.lower() in other.lower()}
            assert found == holding, text


class TestEvents:
    @pytest.fixture
    def events(self, boutique: RecordedShop) -> RecordedShop:
        """Views of red and blue things lately and before, and of one without a color."""
        red, blue = '{"color": "red", "price": 10}', '{"color": "blue", "price": 20}'
        boutique.record(
            people_with_ids(1, 2, 3, 4),
            Events(
                (
                    Event(1, 1, "viewed", NOW, red),
                    Event(2, 1, "viewed", NOW - 2 * DAY, red),
                    Event(3, 2, "viewed", NOW, red),
                    Event(4, 2, "viewed", NOW, blue),
                    Event(5, 3, "viewed", NOW),
                    Event(6, 3, "Viewed", NOW, red),
                    Event(7, 4, "bought", NOW, red),
                )
            ),
        )
        return boutique

    @pytest.mark.parametrize(
        ("rule", "matching"),
        [
            (happened("EQUALS", 2), {1, 2}),
            (happened("EQUALS", 0), {4}),
            (happened("AT_LEAST", 1, "Viewed"), {3}),
            (happened("AT_LEAST", 1, " viewed"), set()),
            (happened("EQUALS", 1, within=last(1, "DAYS")), {1, 3}),
            (happened("EQUALS", 2, conditions=[where("ANY_OF", "color", texts=["red"])]), {1}),
            (happened("EQUALS", 0, conditions=[where("ANY_OF", "color", texts=["red"])]), {3, 4}),
            # A negative condition counts the events without the property too.
            (happened("EQUALS", 1, conditions=[where("NONE_OF", "color", texts=["red"])]), {2, 3}),
            (happened("EQUALS", 1, conditions=[where("IS_NOT_SET", "color")]), {3}),
            # All of them of one and the same event.
            (
                happened(
                    "AT_LEAST",
                    1,
                    conditions=[
                        where("ANY_OF", "color", texts=["red"]),
                        where("AT_LEAST", "price", number="20"),
                    ],
                ),
                set(),
            ),
            (
                happened(
                    "AT_LEAST",
                    1,
                    conditions=[
                        where("ANY_OF", "color", texts=["blue"]),
                        where("AT_LEAST", "price", number="20"),
                    ],
                ),
                {2},
            ),
            (
                happened(
                    "EQUALS",
                    1,
                    conditions=[where("ANY_OF", "color", texts=["red"])],
                    within={"before": "2024-07-14"},
                ),
                {1},
            ),
        ],
    )
    def test_events_of_which_all_conditions_are_so_are_counted(
        self, events: RecordedShop, rule: Document, matching: set[int]
    ) -> None:
        assert events.matching(rule) == matching

    def test_an_event_recorded_again_replaces_what_was_known_of_it(
        self, events: RecordedShop
    ) -> None:
        rule = happened("AT_LEAST", 1, conditions=[where("ANY_OF", "color", texts=["blue"])])
        assert events.matching(rule) == {2}
        events.record(Events((Event(4, 3, "viewed", NOW, '{"color": "BLUE"}'),)))
        assert events.matching(rule) == set()
        assert events.matching(happened("EQUALS", 2)) == {1, 3}
        assert events.matching(happened("EQUALS", 1)) == {2}
