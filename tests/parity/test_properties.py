"""The meaning of properties of contacts and events, case by case.

This module is long because of tables of cases: a rule and the contacts it matches.
"""

import json
from collections.abc import Sequence, Set
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from graphql_app.audience.column_parser import BadValueError
from graphql_app.audience.tables import Contact as StoredContact
from graphql_app.audience.value_parsers import PROPERTIES, parse_instant
from graphql_app.audience.whole_numbers import restore_whole_numbers
from graphql_app.criteria import property_day
from graphql_app.runtime.services import Services
from tests.parity.evaluation.facts import Contact, Contacts, Document, Event, Events
from tests.parity.examples import (
    DAY,
    HOSTILE,
    LOCAL_DAYS,
    around,
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
    """Return a contact for each value, with it as a property."""
    documents = [json.dumps({"it": value}) for value in values]
    return Contacts(tuple(Contact(id_, properties=it) for id_, it in enumerate(documents)))


class TestTexts:
    VALUES = ("red", "Red", "dark red", "", " ", "RÉD", "5", 5, None, ["red"], {"it": "red"}, True)

    def test_texts_are_compared_regardless_of_case_and_spelling(
        self, boutique: RecordedShop
    ) -> None:
        boutique.record(contacts_with(self.VALUES), Contact(12))
        boutique.check(
            (having("ANY_OF", texts=["red"]), {0, 1, 9}),
            (having("ANY_OF", texts=[" ＲＥＤ"]), {0, 1, 9}),
            (having("ANY_OF", texts=["red", "Red", "red", "nobody's"]), {0, 1, 9}),
            (having("NONE_OF", texts=["red"]), {*range(2, 13)} - {9}),
            (having("ANY_OF", texts=["5"]), {6}),
            (having("CONTAINS", text="RED"), {0, 1, 2, 9}),
            (having("CONTAINS", text="réd"), {5}),
            (having("NOT_CONTAINS", text="r"), {3, 4, 6, 7, 8, 10, 11, 12}),
            (having("STARTS_WITH", text="re"), {0, 1, 9}),
            (having("STARTS_WITH", text="dark R"), {2}),
            (having("NOT_STARTS_WITH", text="re"), {*range(2, 13)} - {9}),
            (having("IS_SET"), {0, 1, 2, 4, 5, 6, 7, 9, 10, 11}),
            (having("IS_NOT_SET"), {3, 8, 12}),
            (having("IS_SET", "It"), set()),
        )

    def test_greek_text_contains_its_beginning_in_capitals(self, boutique: RecordedShop) -> None:
        """A lower-case sigma looks different at the end of a word."""
        boutique.record(contacts_with(["ΟΔΟΣΑ", "οδος", "ΟΔΟΣ", "οδό"]))
        boutique.check(
            (having("CONTAINS", text="ΟΔΟΣ"), {0, 1, 2}),
            (having("STARTS_WITH", text="οδος"), {0, 1, 2}),
        )


class TestNumbers:
    VALUES = (
        *(5, 5.0, -3, 0, 0.1, 12.5, -0.0, 1e308, 2**53 + 1, 2**63, 2**64, -(2**63) - 1),
        *("5", True, None, [5], "many"),
    )

    def test_numbers_of_any_size_compare_as_numbers(self, boutique: RecordedShop) -> None:
        boutique.record(contacts_with(self.VALUES))
        boutique.check(
            (having("EQUALS", number="5"), {0, 1, 12, 15}),
            (having("EQUALS", number="5.0000"), {0, 1, 12, 15}),
            (having("NOT_EQUALS", number="5"), {*range(2, 17)} - {12, 15}),
            (having("EQUALS", number="0"), {3, 6}),
            (having("EQUALS", number="-0"), {3, 6}),
            (having("EQUALS", number="0.1"), {4}),
            (having("GREATER_THAN", number="5"), {5, 7, 8, 9, 10}),
            (having("AT_LEAST", number="5"), {0, 1, 5, 7, 8, 9, 10, 12, 15}),
            (having("LESS_THAN", number="0"), {2, 11}),
            (having("AT_MOST", number="-3"), {2, 11}),
            (having("BETWEEN", number="-3", numberUpTo="0.1"), {2, 3, 4, 6}),
            (having("GREATER_THAN", number="99999999999.9999"), {7, 8, 9, 10}),
            (having("IS_SET"), {*range(17)} - {14}),
        )

    def test_a_text_that_is_a_plain_decimal_number_compares_as_one(
        self, boutique: RecordedShop
    ) -> None:
        numbers = ("12", "-3.5", "007", "0.10", "-0", "12.0000001", "9" * 100)
        others = ("+5", "5.", ".5", "1e1", " 5", "5 ", "5\n", "٥", "5,0", "0x5", "inf", "9" * 101)
        boutique.record(contacts_with([*numbers, *others, "many"]))
        any_number = {"any": [having("LESS_THAN", number="0"), having("AT_LEAST", number="0")]}
        boutique.check(
            (having("EQUALS", number="12"), {0}),
            (having("EQUALS", number="7"), {2}),
            (having("EQUALS", number="0.1"), {3}),
            (having("LESS_THAN", number="0"), {1}),
            (having("GREATER_THAN", number="12"), {5, 6}),
            (having("BETWEEN", number="-4", numberUpTo="12"), {0, 1, 2, 3, 4}),
            (any_number, {*range(7)}),
            (having("ANY_OF", texts=["12", "7"]), {0}),
        )

    def test_integers_beyond_64_bits_remain_numbers_at_any_depth(self) -> None:
        given = {"a": 2**64, "b": -(2**63) - 1, "c": [{"d": 10**40}], "e": 2**64 - 1, "f": -(2**63)}
        for value in (given, json.dumps(given)):
            stored = PROPERTIES.parse_value(value)
            assert [type(json.loads(stored)[name]) for name in "abef"] == [float, float, int, int]
            restored = restore_whole_numbers(stored)
            assert json.loads(restored) == given
            assert PROPERTIES.parse_value(stored) == PROPERTIES.parse_value(restored) == stored

    def test_digits_within_texts_stay_as_they_are(self) -> None:
        texts = [f"{2**64}", f"a:{2**64}e0,", f'\\"{2**64}e0', f'"{2**64}"', "e0", f"{2**64}e0"]
        given = {text: text for text in texts} | {"n": 2**64, "m": 2**63}
        stored = PROPERTIES.parse_value(given)
        assert json.loads(stored) == given | {"n": 2.0**64}
        assert json.loads(restore_whole_numbers(stored)) == given

    @pytest.mark.parametrize("digits", ["9" * 400, "-" + "9" * 400, "9" * 5_000])
    def test_an_integer_too_large_for_a_float_is_refused(self, digits: str) -> None:
        with pytest.raises(BadValueError, match=f"fewer than {len(digits)} digits"):
            PROPERTIES.parse_value(f'{{"a": [{digits}]}}')

    @pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
    def test_nan_and_infinity_are_refused_by_name(self, text: str) -> None:
        with pytest.raises(BadValueError, match="must be a number, not NaN or infinite"):
            PROPERTIES.parse_value(f'{{"a": {text}}}')


class TestYesAndNo:
    def test_only_json_booleans_are_true_or_false(self, boutique: RecordedShop) -> None:
        boutique.record(contacts_with([True, False, None, 1, 0, "true", "false", [True]]))
        boutique.check(
            (having("IS_TRUE"), {0, 7}),
            (having("IS_FALSE"), {1}),
            ({"not": having("IS_TRUE")}, {*range(1, 7)}),
        )


class TestLists:
    VALUES: tuple[Any, ...] = (
        *(["red", "blue"], ["RED", 5], [12, "7.5"], ["2024-07-15", "2024-07-01T12:00:00Z"]),
        *([True, False], [], [None, ""], [["red"], {"it": "red"}], [None, "red"], [0], [1e20]),
    )
    EVERYONE = frozenset(range(len(VALUES)))

    CASES: tuple[tuple[str, str | None, dict[str, Any], set[int]], ...] = (
        ("ANY_OF", "NONE_OF", {"texts": ["red"]}, {0, 1, 8}),
        ("ANY_OF", "NONE_OF", {"texts": ["blue", "RED", "5"]}, {0, 1, 8}),
        ("ANY_OF", "NONE_OF", {"texts": ["100000000000000000000"]}, set()),
        ("CONTAINS", "NOT_CONTAINS", {"text": "ED"}, {0, 1, 8}),
        ("CONTAINS", "NOT_CONTAINS", {"text": "re, bl"}, set()),
        ("STARTS_WITH", "NOT_STARTS_WITH", {"text": "bl"}, {0}),
        ("EQUALS", "NOT_EQUALS", {"number": "5"}, {1}),
        ("EQUALS", "NOT_EQUALS", {"number": "7.5"}, {2}),
        ("EQUALS", "NOT_EQUALS", {"number": "0"}, {9}),
        ("GREATER_THAN", None, {"number": "7.5"}, {2, 10}),
        ("LESS_THAN", None, {"number": "8"}, {1, 2, 9}),
        # One element must be in the range, not two on both sides of it.
        ("BETWEEN", None, {"number": "8", "numberUpTo": "11"}, set()),
        ("ON", "NOT_ON", {"date": "2024-07-15"}, {3}),
        ("BEFORE", None, {"date": "2024-07-02"}, {3}),
        ("MORE_THAN_AGO", None, {"days": 10}, {3}),
        ("IS_TRUE", None, {}, {4}),
        ("IS_FALSE", None, {}, {4}),
        ("IS_SET", "IS_NOT_SET", {}, {0, 1, 2, 3, 4, 8, 9, 10}),
    )

    def test_a_list_matches_if_one_of_its_elements_does(self, boutique: RecordedShop) -> None:
        boutique.record(contacts_with(self.VALUES))
        expected = list[tuple[Document, Set[int]]]()
        for positive, negative, more, matching in self.CASES:
            rest = self.EVERYONE - matching
            opposite = [] if negative is None else [(having(negative, **more), rest)]
            expected += [
                (having(positive, **more), matching),
                ({"not": having(positive, **more)}, rest),
                *opposite,
            ]
        boutique.check(*expected)

    def test_an_element_may_have_any_character(self, boutique: RecordedShop) -> None:
        boutique.record(contacts_with([[text, "same"] for text in HOSTILE]))
        rules = [boutique.rule(having("ANY_OF", texts=[text])) for text in HOSTILE]
        assert boutique.matching_each(rules) == [{id_} for id_ in range(len(HOSTILE))]

    def test_events_with_lists_meet_conditions(self, boutique: RecordedShop) -> None:
        boutique.record(
            people_with_ids(1, 2),
            Event(1, 1, "viewed", NOW, '{"colors": ["red", "blue"], "sizes": [1, 2]}'),
            Event(2, 2, "viewed", NOW, '{"colors": ["blue"], "sizes": "2"}'),
        )
        red = where("ANY_OF", "colors", texts=["red"])
        large = where("AT_LEAST", "sizes", number="2")
        rules = [
            happened("AT_LEAST", 1, conditions=conditions)
            for conditions in (
                [red],
                [large],
                [red, large],
                [where("NONE_OF", "colors", texts=["red"])],
            )
        ]
        assert boutique.answers(rules) == [{1}, {1, 2}, {1}, {2}]


class TestDates:
    # Today is July 15, 2024.
    VALUES = (
        *("2024-07-15", "2024-07-14", "2024-07-13", "2024-07-12", "2024-07-16", "1950-01-31"),
        *("2024-02-30", "2024-7-15", "20240715", " 2024-07-15", "2024-07-15 ", "yesterday"),
        *("2024-07-15T10:00:00", "2024-07-15T24:00:00Z", "2024-07-15T10:00:00+5"),
        *("2024-13-01", "2024-13-01T10:00:00Z", "2023-02-29T10:00:00Z", "1899-12-31"),
        *("2200-01-01", 20240715, None, True),
        *("0001-01-01", "9999-12-31", "0000-12-31", "1900-02-29", "0400-02-29"),
    )

    def test_values_that_are_no_day_have_no_value(self, boutique: RecordedShop) -> None:
        boutique.record(contacts_with(self.VALUES))
        past, future = {18, 23, 27}, {19, 24}
        boutique.check(
            (having("ON", date="2024-07-14"), {1}),
            (having("BEFORE", date="2024-07-14"), {2, 3, 5} | past),
            (having("ON_OR_BEFORE", date="2024-07-14"), {1, 2, 3, 5} | past),
            (having("AFTER", date="2024-07-14"), {0, 4} | future),
            (having("ON_OR_AFTER", date="2024-07-14"), {0, 1, 4} | future),
            (having("BETWEEN_DAYS", date="2024-07-13", dateUpTo="2024-07-14"), {1, 2}),
            (having("BETWEEN_DAYS", date="1900-01-01", dateUpTo="2199-12-31"), {*range(6)}),
            (having("BEFORE", date="1900-01-01"), past),
            (having("AFTER", date="2199-12-31"), future),
            (having("ON", date="1950-01-31"), {5}),
            (having("ON", date="9999-12-31"), {24}),
            (having("NOT_ON", date="9999-12-31"), {*range(len(self.VALUES))} - {24}),
            (having("ON_OR_AFTER", date="9999-12-31"), {24}),
            (having("AFTER", date="9999-12-31"), set()),
            (having("ON", date="0001-01-01"), {23}),
            (having("BEFORE", date="0001-01-01"), set()),
            (having("ON", date="0400-02-29"), {27}),
            (
                having("BETWEEN_DAYS", date="0001-01-01", dateUpTo="9999-12-31"),
                {*range(6)} | past | future,
            ),
            # The last two days are today and yesterday, not tomorrow.
            (having("IN_LAST", days=2), {0, 1}),
            (having("IN_LAST", days=1), {0}),
            (having("MORE_THAN_AGO", days=2), {3, 5} | past),
            (having("MORE_THAN_AGO", days=1), {2, 3, 5} | past),
            (having("MORE_THAN_AGO", days=36_500), past),
            (having("IN_LAST", days=36_500), {0, 1, 2, 3, 5}),
        )

    def test_days_ago_are_hours_for_values_with_a_time_and_calendar_days_for_dates(
        self, services: Services
    ) -> None:
        """In New York, it is July 15, 12:00."""
        shop = RecordedShop(services, "America/New_York", utc("2024-07-15T16:00"))
        shop.record(
            contacts_with(
                [
                    *("2024-07-14T16:00:00Z", "2024-07-14T12:00:00.001-04:00"),
                    *("2024-07-15T16:00:00Z", "2024-07-15T16:00:00.001Z"),
                    *("2024-07-13T16:00:00Z", "2024-07-13T15:59:59.999Z"),
                    *("2024-07-15", "2024-07-14", "2024-07-13", "2024-07-16"),
                ]
            )
        )
        shop.check(
            (having("IN_LAST", days=1), {1, 2, 6}),
            (having("IN_LAST", days=2), {0, 1, 2, 6, 7}),
            (having("NOT_IN_LAST", days=1), {0, 3, 4, 5, 7, 8, 9}),
            (having("MORE_THAN_AGO", days=1), {4, 5, 8}),
            (having("MORE_THAN_AGO", days=2), {5}),
        )

    def test_time_alone_moves_values_out_of_the_last_hours(self, boutique: RecordedShop) -> None:
        several = ["2024-07-15T10:00:00Z", "2024-07-14T11:00:00Z"]
        boutique.record(contacts_with(["2024-07-15T10:00:00Z", "2024-07-15", several]))
        for now, matching in (
            ("2024-07-15T09:59:59.999", {1, 2}),
            ("2024-07-15T10:00", {0, 1, 2}),
            ("2024-07-15T23:59:59.999", {0, 1, 2}),
            ("2024-07-16T00:00", {0, 2}),
            ("2024-07-16T10:00", set[int]()),
        ):
            boutique.now = utc(now)
            boutique.check(
                (having("IN_LAST", days=1), matching),
                (having("NOT_IN_LAST", days=1), {0, 1, 2} - matching),
            )

    def test_instants_of_any_year_compare_with_the_bounds_of_days(self, services: Services) -> None:
        shop = RecordedShop(services, "America/New_York")
        shop.record(
            contacts_with(
                [
                    "0001-01-01T00:00:00+14:00",
                    "1899-12-31T23:59:59Z",
                    "1900-01-01T04:59:59.999Z",
                    "1900-01-01T05:00:00Z",
                    "2200-01-01T04:59:59.999Z",
                    "2200-01-01T05:00:00Z",
                    "9999-12-31T23:59:59.999-12:00",
                    "0000-12-31T23:59:59Z",
                    "2100-02-29T10:00:00Z",
                ]
            )
        )
        shop.check(
            (having("BEFORE", date="1900-01-01"), {0, 1, 2}),
            (having("ON", date="1900-01-01"), {3}),
            (having("ON", date="2199-12-31"), {4}),
            (having("AFTER", date="2199-12-31"), {5, 6}),
            (having("MORE_THAN_AGO", days=36_500), {0, 1, 2, 3}),
        )

    @pytest.mark.parametrize(
        ("zone", "first", "last"),
        [
            ("UTC", {1, 2}, {5}),
            ("America/New_York", {2}, {5, 6}),
            ("Pacific/Kiritimati", {2}, set()),
            ("Asia/Tokyo", {1, 2}, {5}),
        ],
    )
    def test_instants_of_the_first_and_the_last_day(
        self, services: Services, zone: str, first: set[int], last: set[int]
    ) -> None:
        shop = RecordedShop(services, zone)
        values = (
            "0001-01-01T00:00:00+14:00",  # in the year 0
            "0001-01-01T00:00:00Z",
            "0001-01-01T12:00:00Z",
            "0001-01-02T12:00:00Z",
            "9999-12-30T00:00:00Z",
            "9999-12-31T12:00:00Z",
            "9999-12-31T23:59:59.999-04:00",  # in the year 10000
        )
        shop.record(contacts_with(values))
        before = {0} | ({1} - first)
        after = {5, 6} - last
        shop.check(
            (having("ON", date="0001-01-01"), first),
            (having("BEFORE", date="0001-01-01"), before),
            (having("ON_OR_BEFORE", date="0001-01-01"), before | first),
            (having("ON", date="9999-12-31"), last),
            (having("AFTER", date="9999-12-31"), after),
            (having("ON_OR_AFTER", date="9999-12-31"), last | after),
            (
                having("BETWEEN_DAYS", date="0001-01-01", dateUpTo="9999-12-31"),
                {*range(len(values))} - before - after,
            ),
        )
        explained = shop.engine.explain(shop.rule(having("ON", date="9999-12-31")), [*range(7)])
        assert {id for id, explanation in explained.items() if explanation.is_member} == last

    @pytest.mark.parametrize("shared_audience", ["http", "cluster"], indirect=True)
    def test_dates_compare_on_servers(self, boutique_apart: RecordedShop) -> None:
        """On a cluster, constants reach the shards as literals, with the type that they look of."""
        boutique_apart.zone = "America/New_York"
        boutique_apart.record(
            contacts_with(["2024-07-15", "2024-07-15T12:00:00Z", "0001-01-01"]),
            Contact(7, subscribed_at=NOW),
        )
        boutique_apart.check(
            (having("ON", date="2024-07-15"), {0, 1}),
            (having("IN_LAST", days=1), {0, 1}),
            (having("BEFORE", date="2024-07-15"), {2}),
            (criterion("anniversary", "IS_TODAY", property="it"), {0, 1}),
            (criterion("anniversary", "IN_NEXT", property="it", days=200), {0, 1, 2}),
            (criterion("anniversary", "IS_TODAY"), {7}),
        )

    def test_plugins_read_the_days_that_the_engine_can_express(self, services: Services) -> None:
        shop = RecordedShop(services, "America/New_York")
        values = ("2024-07-15", "2024-07-15T03:59:59Z", "1900-01-01", "2299-12-31")
        shop.record(contacts_with([*values, "1899-12-31", "2300-01-01", "soon", 5, None]))
        day = property_day(col(StoredContact.properties), "it", shop.scope)
        rows = shop.without_index.rows(select(col(StoredContact.id), day))
        days = {id_: found and found.isoformat() for id_, found in rows}
        expected = ("2024-07-15", "2024-07-14", "1900-01-01", "2299-12-31", *(None,) * 5)
        assert days == dict(enumerate(expected))

    def test_instants_accept_the_offsets_that_facts_accept(self, boutique: RecordedShop) -> None:
        offsets = ("Z", "+00:00", "+0530", "-05", "+14:00", "-00:30", "+1359", "-12", "-11:59")
        others = ("", "+23:00", "+14:01", "+15", "-12:01", "-1300", "+24:00", "+09:60", "-23:59")
        instants, texts = (
            [f"2024-07-15T14:30:00{offset}" for offset in each] for each in (offsets, others)
        )
        for instant in instants:
            parse_instant(instant)
        for text in texts:
            with pytest.raises(BadValueError):
                parse_instant(text)
        boutique.record(contacts_with([*instants, *texts]))
        accepted = {*range(len(instants))}
        boutique.check(
            (having("AFTER", date="2024-07-13"), accepted),
            (criterion("anniversary", "IS_THIS_MONTH", property="it"), accepted),
        )

    def test_negative_operators_match_values_that_are_no_day(self, boutique: RecordedShop) -> None:
        boutique.record(contacts_with(self.VALUES), people_with_ids(99))
        everyone = {*range(len(self.VALUES)), 99}
        boutique.check(
            (having("NOT_ON", date="2024-07-14"), everyone - {1}),
            (having("ON", date="2024-07-14"), {1}),
            (having("NOT_IN_LAST", days=2), everyone - {0, 1}),
            (having("IN_LAST", days=2), {0, 1}),
        )

    def test_the_day_of_an_instant_follows_the_shops_timezone(self, services: Services) -> None:
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
        shop.check(
            (having("ON", date="2024-07-14"), {0, 2, 4, 5}),
            (having("ON", date="2024-07-15"), {1, 3}),
            # Daylight saving time applied that summer, too.
            (having("ON", date="1950-07-15"), {6}),
        )

    def test_a_local_day_of_instants_ends_at_the_first_of_the_next(
        self, boutique: RecordedShop
    ) -> None:
        times = [time for number in range(len(LOCAL_DAYS)) for time in around(number).values()]
        boutique.record(contacts_with([time.isoformat() for time in times]))
        for number, (zone, day, *_) in enumerate(LOCAL_DAYS):
            boutique.zone = zone
            before, first, last_one, after = around(number)
            rules = [having(operator, date=day) for operator in ("ON", "BEFORE", "AFTER")]
            found = [ids & {*around(number)} for ids in boutique.answers(rules)]
            assert found == [{first, last_one}, {before}, {after}], (zone, day)


@pytest.fixture(scope="module")
def hostile(services: Services) -> RecordedShop:
    """Record contacts and events whose n-th property has the n-th hostile name and value."""
    shop = RecordedShop(services)
    documents = [json.dumps({text: text, "it": text}) for text in HOSTILE]
    shop.record(
        *(Contact(id_, properties=it) for id_, it in enumerate(documents)),
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
    def test_a_hostile_name_or_value_only_matches_itself(
        self, hostile: RecordedShop, rule: Any
    ) -> None:
        found = hostile.matching_each([hostile.rule(rule(text)) for text in HOSTILE])
        assert found == [{id_} for id_ in range(len(HOSTILE))]

    def test_a_hostile_part_is_only_found_in_values_that_contain_it(
        self, hostile: RecordedShop
    ) -> None:
        rules = [hostile.rule(having("CONTAINS", text=text)) for text in HOSTILE]
        for text, found in zip(HOSTILE, hostile.matching_each(rules), strict=True):
            containing = {id_ for id_, other in enumerate(HOSTILE) if text.lower() in other.lower()}
            assert found == containing, text


RED, BLUE = (where("ANY_OF", "color", texts=[color]) for color in ("red", "blue"))
EXPENSIVE = where("AT_LEAST", "price", number="20")


class TestEvents:
    @pytest.fixture(scope="class")
    @classmethod
    def events(cls, services: Services) -> RecordedShop:
        """Record views of red and blue things, recent and old, and one without a color."""
        boutique = RecordedShop(services)
        red, blue = '{"color": "red", "price": 10}', '{"color": "blue", "price": 20}'
        boutique.record(
            people_with_ids(1, 2, 3, 4),
            Event(1, 1, "viewed", NOW, red),
            Event(2, 1, "viewed", NOW - 2 * DAY, red),
            Event(3, 2, "viewed", NOW, red),
            Event(4, 2, "viewed", NOW, blue),
            Event(5, 3, "viewed", NOW),
            Event(6, 3, "Viewed", NOW, red),
            Event(7, 4, "bought", NOW, red),
        )
        return boutique

    def test_events_that_meet_all_conditions_count(self, events: RecordedShop) -> None:
        events.check(
            (happened("EQUALS", 2), {1, 2}),
            (happened("EQUALS", 0), {4}),
            (happened("AT_LEAST", 1, "Viewed"), {3}),
            (happened("AT_LEAST", 1, " viewed"), set()),
            (happened("EQUALS", 1, within=last(1, "DAYS")), {1, 3}),
            (happened("EQUALS", 2, conditions=[RED]), {1}),
            (happened("EQUALS", 0, conditions=[RED]), {3, 4}),
            # A negative condition also counts events without the property.
            (happened("EQUALS", 1, conditions=[where("NONE_OF", "color", texts=["red"])]), {2, 3}),
            (happened("EQUALS", 1, conditions=[where("IS_NOT_SET", "color")]), {3}),
            # The same event must meet all conditions.
            (happened("AT_LEAST", 1, conditions=[RED, EXPENSIVE]), set()),
            (happened("AT_LEAST", 1, conditions=[BLUE, EXPENSIVE]), {2}),
            (happened("EQUALS", 1, conditions=[RED], within={"before": "2024-07-14"}), {1}),
        )

    def test_an_event_recorded_again_replaces_the_earlier_version(
        self, boutique: RecordedShop
    ) -> None:
        rule = happened("AT_LEAST", 1, conditions=[BLUE])
        boutique.record(
            people_with_ids(1, 2, 3),
            Event(1, 2, "viewed", NOW, '{"color": "red"}'),
            Event(2, 2, "viewed", NOW, '{"color": "blue"}'),
        )
        assert boutique.matching(rule) == {2}
        boutique.record(Event(2, 3, "viewed", NOW, '{"color": "light blue"}'))
        assert boutique.matching(rule) == set()
        assert boutique.matching(happened("EQUALS", 1)) == {2, 3}
