"""Dates and time windows, at fixed times and in several time zones.

This module is long because of tables of cases: a rule, a time and the contacts who match.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from operator import itemgetter
from typing import Any

import pytest

from graphql_app.runtime.services import Services
from tests.parity.evaluation.facts import Contact, Contacts, Order, Text
from tests.parity.examples import (
    DAY,
    HOUR,
    LOCAL_DAYS,
    MILLISECOND,
    around,
    criterion,
    last,
    last_ordered,
    ordered,
    people_with_ids,
    period,
    spent,
    subscribed,
    texted,
    utc,
)
from tests.parity.recorded_shop import NOW, RecordedShop

AFTER_LOCAL_DAYS = utc("2025-01-01T00:00")


class TestDates:
    @pytest.fixture(scope="class")
    @classmethod
    def five(cls, services: Services) -> RecordedShop:
        """Record contacts who subscribed exactly 0, 1, 2, 3 and 4 days ago, and one who did not."""
        boutique = RecordedShop(services)
        contacts = [Contact(days, subscribed_at=NOW - days * DAY) for days in range(5)]
        boutique.record(*contacts, Contact(9))
        return boutique

    def test_subscribed_exactly_0_to_4_days_ago(self, five: RecordedShop) -> None:
        five.check(
            (subscribed("IN_LAST", days=2), {0, 1}),
            (subscribed("NOT_IN_LAST", days=3), {3, 4, 9}),
            (subscribed("MORE_THAN_AGO", days=2), {3, 4}),
            (subscribed("ON", date="2024-07-12"), {3}),
            (subscribed("NOT_ON", date="2024-07-12"), {0, 1, 2, 4, 9}),
            (subscribed("BEFORE", date="2024-07-12"), {4}),
            (subscribed("ON_OR_BEFORE", date="2024-07-12"), {3, 4}),
            (subscribed("AFTER", date="2024-07-13"), {0, 1}),
            (subscribed("ON_OR_AFTER", date="2024-07-13"), {0, 1, 2}),
            (subscribed("BETWEEN", date="2024-07-12", upTo="2024-07-13"), {2, 3}),
            (subscribed("BETWEEN", date="2024-07-12", upTo="2024-07-12"), {3}),
            (subscribed("IS_SET"), {0, 1, 2, 3, 4}),
            (subscribed("IS_NOT_SET"), {9}),
        )

    def test_a_window_of_days_ends_now_and_excludes_its_first_instant(
        self, boutique: RecordedShop
    ) -> None:
        times = (NOW - DAY, NOW - DAY + MILLISECOND, NOW, NOW + MILLISECOND)
        boutique.record(*(Contact(id_, subscribed_at=time) for id_, time in enumerate(times)))
        boutique.check(
            (subscribed("IN_LAST", days=1), {1, 2}),
            (subscribed("NOT_IN_LAST", days=1), {0, 3}),
            (subscribed("MORE_THAN_AGO", days=1), set()),
        )

    def test_without_orders_the_last_order_date_is_missing(self, boutique: RecordedShop) -> None:
        boutique.record(people_with_ids(1, 2), Order(1, 2, NOW - 2 * DAY, cancelled_at=NOW))
        rules = (
            *(last_ordered(each, date="2024-07-15") for each in ("ON", "BEFORE", "ON_OR_BEFORE")),
            *(last_ordered(each, date="1970-01-01") for each in ("AFTER", "ON_OR_AFTER")),
            last_ordered("BETWEEN", date="1970-01-01", upTo="2199-12-31"),
            last_ordered("IN_LAST", days=36_500),
            last_ordered("MORE_THAN_AGO", days=1),
            last_ordered("IS_SET"),
        )
        boutique.check(
            *((rule, set()) for rule in rules), *(({"not": rule}, {1, 2}) for rule in rules)
        )

    def test_the_first_and_last_recordable_instants(self, boutique: RecordedShop) -> None:
        first, last_one = utc("1970-01-01T00:00"), utc("2199-12-31T23:59:59.999")
        boutique.now = last_one
        boutique.record(Contact(1, subscribed_at=first), Contact(2, subscribed_at=last_one))
        boutique.check(
            (subscribed("ON", date="1970-01-01"), {1}),
            (subscribed("ON", date="2199-12-31"), {2}),
            (subscribed("IS_SET"), {1, 2}),
        )


class TestWindows:
    def test_a_window_of_one_unit_begins_right_after_one_unit_ago(
        self, boutique: RecordedShop
    ) -> None:
        now = boutique.now = utc("2024-03-31T12:00:00.250")
        starts = {
            "HOURS": utc("2024-03-31T11:00:00.250"),
            "DAYS": utc("2024-03-30T12:00:00.250"),
            "WEEKS": utc("2024-03-24T12:00:00.250"),
            # February has no 31st; its last day is the 29th.
            "MONTHS": utc("2024-02-29T12:00:00.250"),
        }
        around = [time for start in starts.values() for time in (start, start + MILLISECOND)]
        times = dict(enumerate([*around, now, now + MILLISECOND]))
        boutique.record(
            people_with_ids(*times), *(Text(id_, id_, time) for id_, time in times.items())
        )
        for unit, start in starts.items():
            inside = {id_ for id_, time in times.items() if start < time <= now}
            boutique.check((texted("EQUALS", 1, within=last(1, unit)), inside))

    def test_days_of_a_window_follow_the_shops_timezone(self, services: Services) -> None:
        shop = RecordedShop(services, "America/New_York")
        first, after = utc("2024-05-01T04:00"), utc("2024-05-02T04:00")
        times = (first - MILLISECOND, first, after - MILLISECOND, after)
        shop.record(
            people_with_ids(0, 1, 2, 3), *(Text(id_, id_, time) for id_, time in enumerate(times))
        )
        between = {"between": {"from": "2024-05-01", "to": "2024-05-01"}}
        shop.check(
            (texted("EQUALS", 1, within={"since": "2024-05-01"}), {1, 2, 3}),
            (texted("EQUALS", 1, within={"before": "2024-05-01"}), {0}),
            (texted("EQUALS", 1, within=between), {1, 2}),
        )

    def test_the_engines_own_rules_of_time_zones_do_not_matter(self, services: Services) -> None:
        """From November 2026, clocks in Vancouver stay at UTC-7; the engine may not know."""
        shop = RecordedShop(services, "America/Vancouver", utc("2026-12-01T12:00"))
        times = [utc("2026-11-20T06:59:59.999"), utc("2026-11-20T07:30")]
        shop.record(
            *(
                Contact(
                    id_,
                    created_at=time,
                    subscribed_at=time,
                    properties=json.dumps({"at": time.isoformat()}),
                )
                for id_, time in enumerate(times)
            ),
            *(Order(id_, id_, time) for id_, time in enumerate(times)),
        )
        on = {"operator": "ON", "date": "2026-11-20"}
        shop.check(
            ({"createdDate": on}, {1}),
            ({"lastOrderDate": on}, {1}),
            ({"property": {**on, "property": "at"}}, {1}),
        )
        shop.now = utc("2027-11-20T12:00")
        shop.check(
            (criterion("anniversary", "IS_TODAY"), {1}),
            (criterion("anniversary", "IS_TODAY", property="at"), {1}),
        )

    def test_a_month_ago_follows_the_shops_time_zone(self, services: Services) -> None:
        # From noon on March 9 to noon on April 9, New York has 31 days less an hour.
        shop = RecordedShop(services, "America/New_York", utc("2024-04-09T16:00"))
        noon = utc("2024-03-09T17:00")
        shop.record(people_with_ids(1, 2), Text(1, 1, noon), Text(2, 2, noon + MILLISECOND))
        shop.check(
            (texted("EQUALS", 1, within=last(1, "MONTHS")), {2}),
            (texted("EQUALS", 1, within=last(31, "DAYS")), {1, 2}),
        )

    @pytest.mark.parametrize("now", ["2024-03-31T22:00", "2024-04-01T21:59:59.999"])
    def test_calendar_periods_follow_the_shops_time_zone(
        self, services: Services, now: str
    ) -> None:
        """It is Monday, April 1 in Berlin, where clocks have just changed."""
        shop = RecordedShop(services, "Europe/Berlin", utc(now))
        starts = {  # of the last period, of this one, and of the next
            "DAY": ("2024-03-30T23:00", "2024-03-31T22:00", "2024-04-01T22:00"),
            "WEEK": ("2024-03-24T23:00", "2024-03-31T22:00", "2024-04-07T22:00"),
            "MONTH": ("2024-02-29T23:00", "2024-03-31T22:00", "2024-04-30T22:00"),
            "QUARTER": ("2023-12-31T23:00", "2024-03-31T22:00", "2024-06-30T22:00"),
            "YEAR": ("2022-12-31T23:00", "2023-12-31T23:00", "2024-12-31T23:00"),
        }
        bounds = {unit: [utc(start) for start in each] for unit, each in starts.items()}
        times = sorted(
            {
                start + step
                for each in bounds.values()
                for start in each
                for step in (-MILLISECOND, timedelta())
            }
        )
        sent = {id_: time for id_, time in enumerate(times) if time <= shop.now}
        shop.record(people_with_ids(*sent), *(Text(id_, id_, time) for id_, time in sent.items()))
        for unit, (last_start, start, end) in bounds.items():
            in_last = {id_ for id_, time in sent.items() if last_start <= time < start}
            in_this = {id_ for id_, time in sent.items() if start <= time < end}
            shop.check(
                (texted("EQUALS", 1, within=period("LAST", unit)), in_last),
                (texted("EQUALS", 1, within=period("THIS", unit)), in_this),
            )

    def test_last_month_is_the_december_of_last_year(self, boutique: RecordedShop) -> None:
        boutique.now = utc("2024-01-31T12:00")
        times = ("2023-11-30T12:00", "2023-12-01T00:00", "2023-12-31T12:00", "2024-01-01T00:00")
        boutique.record(
            people_with_ids(*range(4)),
            *(Text(id_, id_, utc(time)) for id_, time in enumerate(times)),
        )
        boutique.check(
            (texted("EQUALS", 1, within=period("LAST", "MONTH")), {1, 2}),
            (texted("EQUALS", 1, within=period("LAST", "QUARTER")), {0, 1, 2}),
            (texted("EQUALS", 1, within=period("LAST", "YEAR")), {0, 1, 2}),
        )

    def test_weeks_begin_on_the_shops_first_weekday(self, boutique: RecordedShop) -> None:
        """It is Tuesday, July 16."""
        boutique.now = utc("2024-07-16T12:00")
        boutique.record(
            people_with_ids(*range(1, 17)),
            *(Text(day, day, utc(f"2024-07-{day:02}T00:00")) for day in range(1, 17)),
        )
        for first_weekday, this_week, last_week in (
            (0, {15, 16}, {*range(8, 15)}),
            (6, {14, 15, 16}, {*range(7, 14)}),
            (1, {16}, {*range(9, 16)}),
        ):
            boutique.first_weekday = first_weekday
            boutique.check(
                (texted("EQUALS", 1, within=period("THIS", "WEEK")), this_week),
                (texted("EQUALS", 1, within=period("LAST", "WEEK")), last_week),
            )

    def test_before_a_duration_ago_excludes_its_last_instant(self, boutique: RecordedShop) -> None:
        boutique.now = utc("2024-03-31T12:00")
        times = {
            "HOURS": "2024-03-31T11:00",
            "WEEKS": "2024-03-24T12:00",
            "MONTHS": "2024-02-29T12:00",
        }
        bounds = [
            time for start in times.values() for time in (utc(start) - MILLISECOND, utc(start))
        ]
        boutique.record(
            people_with_ids(*range(len(bounds))),
            *(Text(id_, id_, time) for id_, time in enumerate(bounds)),
        )
        boutique.check(
            *(
                (
                    texted("EQUALS", 1, within={"beforeAgo": {"count": 1, "unit": unit}}),
                    {id_ for id_, time in enumerate(bounds) if time < utc(start)},
                )
                for unit, start in times.items()
            )
        )

    def test_a_window_of_100_years_includes_the_first_recordable_instant(
        self, boutique: RecordedShop
    ) -> None:
        boutique.record(people_with_ids(1), Text(1, 1, utc("1970-01-01T00:00")))
        for count, unit in (
            (876_000, "HOURS"),
            (36_500, "DAYS"),
            (5_214, "WEEKS"),
            (1_200, "MONTHS"),
        ):
            before = {"beforeAgo": {"count": count, "unit": unit}}
            boutique.check(
                (texted("EQUALS", 1, within=last(count, unit)), {1}),
                (texted("EQUALS", 1, within=before), set()),
            )

    def test_spend_within_a_day_excludes_older_orders(self, boutique: RecordedShop) -> None:
        boutique.record(
            people_with_ids(1, 2, 3),
            Order(1, 1, NOW - 3 * DAY, Decimal(10)),
            Order(2, 1, NOW, Decimal(5)),
            Order(3, 2, NOW, Decimal(15)),
            Order(4, 3, NOW, Decimal(25)),
        )
        boutique.check(
            (spent("EQUALS", "15.00", within=last(1, "DAYS")), {2}),
            (spent("EQUALS", "15.00"), {1, 2}),
        )

    def test_a_contact_matches_no_recent_texts_once_the_window_has_passed(
        self, boutique: RecordedShop
    ) -> None:
        boutique.record(people_with_ids(1), Text(1, 1, NOW))
        rule = texted("EQUALS", 0, within=last(1, "HOURS"))
        for waited, matching in (
            (timedelta(), set()),
            (timedelta(seconds=5), set()),
            (HOUR - MILLISECOND, set()),
            (HOUR, {1}),
            (HOUR + MILLISECOND, {1}),
        ):
            boutique.now = NOW + waited
            assert boutique.matching(rule) == matching

    def test_a_future_text_counts_in_a_window_once_it_is_sent(self, boutique: RecordedShop) -> None:
        boutique.record(people_with_ids(1), Text(1, 1, NOW + MILLISECOND))
        rule = texted("EQUALS", 1, within=last(1, "HOURS"))
        assert boutique.matching(rule) == set()
        boutique.now = NOW + MILLISECOND
        assert boutique.matching(rule) == {1}


class TestLocalDays:
    def test_a_local_day_ends_at_the_first_instant_of_the_next(
        self, boutique: RecordedShop
    ) -> None:
        boutique.now = AFTER_LOCAL_DAYS
        times = {
            id_: time for number in range(len(LOCAL_DAYS)) for id_, time in around(number).items()
        }
        boutique.record(
            *(Contact(id_, subscribed_at=time) for id_, time in times.items()),
            *(Order(id_, id_, time) for id_, time in times.items()),
            *(Text(id_, id_, time) for id_, time in times.items()),
        )
        for number, (zone, day, *_) in enumerate(LOCAL_DAYS):
            boutique.zone = zone
            own = before, first, last_one, after = [*around(number)]
            on: Mapping[str, set[int]] = {
                "ON": {first, last_one},
                "NOT_ON": {before, after},
                "BEFORE": {before},
                "ON_OR_BEFORE": {before, first, last_one},
                "AFTER": {after},
                "ON_OR_AFTER": {first, last_one, after},
            }
            windows: Sequence[tuple[Mapping[str, Any], set[int]]] = (
                ({"between": {"from": day, "to": day}}, {first, last_one}),
                ({"since": day}, {first, last_one, after}),
                ({"before": day}, {before}),
            )
            expected = [
                *(
                    (dated(operator, date=day), matching)
                    for dated in (subscribed, last_ordered)
                    for operator, matching in on.items()
                ),
                *(
                    (dated("BETWEEN", date=day, upTo=day), {first, last_one})
                    for dated in (subscribed, last_ordered)
                ),
                *(
                    (count("EQUALS", 1, within=window), matching)
                    for count in (texted, ordered)
                    for window, matching in windows
                ),
            ]
            found = boutique.answers([rule for rule, _ in expected])
            for (rule, matching), ids in zip(expected, found, strict=True):
                assert ids & {*own} == matching, (zone, rule)

    def test_a_local_day_has_23_to_25_hours(self, boutique: RecordedShop) -> None:
        boutique.now = AFTER_LOCAL_DAYS
        hours = [
            (number, utc(start) + hour * HOUR)
            for number, (_, _, start, _) in enumerate(LOCAL_DAYS)
            for hour in range(-24, 48)
        ]
        boutique.record(
            Contacts(tuple(Contact(id_, subscribed_at=time) for id_, (_, time) in enumerate(hours)))
        )
        for number, (zone, day, start, end) in enumerate(LOCAL_DAYS):
            boutique.zone = zone
            found = boutique.matching(subscribed("ON", date=day))
            own = [id_ for id_, (of, _) in enumerate(hours) if of == number]
            length = (utc(end) - utc(start)) // HOUR
            assert found & {*own} == {*own[24 : 24 + length]}, (zone, day)

    def test_days_of_a_duration_have_24_hours_despite_clock_changes(
        self, boutique: RecordedShop
    ) -> None:
        for number, (zone, day, _, end) in enumerate(sorted(LOCAL_DAYS, key=itemgetter(3))):
            boutique.zone, boutique.now = zone, utc(end)
            ago, (at, after) = boutique.now - DAY, (2 * number, 2 * number + 1)
            boutique.record(
                Contact(at, subscribed_at=ago),
                Contact(after, subscribed_at=ago + MILLISECOND),
                Text(at, at, ago),
                Text(after, after, ago + MILLISECOND),
            )
            rules = [
                subscribed("IN_LAST", days=1),
                texted("EQUALS", 1, within=last(1, "DAYS")),
                texted("EQUALS", 1, within=last(24, "HOURS")),
            ]
            for rule, ids in zip(rules, boutique.answers(rules), strict=True):
                assert ids & {at, after} == {after}, (zone, day, rule)
