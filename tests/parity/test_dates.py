"""Dates and time windows, at fixed times and in several time zones.

This module is long because of tables of cases: a rule, a time and the contacts that match.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from graphql_app.runtime.services import Services
from tests.parity.evaluation.facts import Contact, Document, Order, Text
from tests.parity.examples import (
    DAY,
    HOUR,
    LOCAL_DAYS,
    MILLISECOND,
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


class TestDates:
    @pytest.fixture(scope="class")
    @classmethod
    def five(cls, services: Services) -> RecordedShop:
        """Record contacts who subscribed exactly 0, 1, 2, 3 and 4 days ago, and one who did not."""
        boutique = RecordedShop(services)
        contacts = [Contact(days, subscribed_at=NOW - days * DAY) for days in range(5)]
        boutique.record(*contacts, Contact(9))
        return boutique

    @pytest.mark.parametrize(
        ("rule", "matching"),
        [
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
        ],
    )
    def test_subscribed_exactly_0_to_4_days_ago(
        self, five: RecordedShop, rule: Document, matching: set[int]
    ) -> None:
        assert five.matching(rule) == matching

    def test_a_window_of_days_ends_now_and_excludes_its_first_instant(
        self, boutique: RecordedShop
    ) -> None:
        times = (NOW - DAY, NOW - DAY + MILLISECOND, NOW, NOW + MILLISECOND)
        boutique.record(*(Contact(id_, subscribed_at=time) for id_, time in enumerate(times)))
        assert boutique.matching(subscribed("IN_LAST", days=1)) == {1, 2}
        assert boutique.matching(subscribed("NOT_IN_LAST", days=1)) == {0, 3}
        assert boutique.matching(subscribed("MORE_THAN_AGO", days=1)) == set()

    @pytest.mark.parametrize(
        ("operator", "more"),
        [
            *((name, {"date": "2024-07-15"}) for name in ("ON", "BEFORE", "ON_OR_BEFORE")),
            *((name, {"date": "1970-01-01"}) for name in ("AFTER", "ON_OR_AFTER")),
            ("BETWEEN", {"date": "1970-01-01", "upTo": "2199-12-31"}),
            ("IN_LAST", {"days": 36_500}),
            ("MORE_THAN_AGO", {"days": 1}),
            ("IS_SET", {}),
        ],
    )
    def test_without_orders_the_last_order_date_is_missing(
        self, boutique: RecordedShop, operator: str, more: Mapping[str, Any]
    ) -> None:
        boutique.record(people_with_ids(1, 2), Order(1, 2, NOW - 2 * DAY, cancelled_at=NOW))
        assert boutique.matching(last_ordered(operator, **more)) == set()
        assert boutique.matching({"not": last_ordered(operator, **more)}) == {1, 2}

    def test_the_first_and_last_recordable_instants(self, boutique: RecordedShop) -> None:
        first, last_one = utc("1970-01-01T00:00"), utc("2199-12-31T23:59:59.999")
        boutique.now = last_one
        boutique.record(Contact(1, subscribed_at=first), Contact(2, subscribed_at=last_one))
        assert boutique.matching(subscribed("ON", date="1970-01-01")) == {1}
        assert boutique.matching(subscribed("ON", date="2199-12-31")) == {2}
        assert boutique.matching(subscribed("IS_SET")) == {1, 2}


class TestWindows:
    @pytest.mark.parametrize(
        ("unit", "start"),
        [
            ("HOURS", "2024-03-31T11:00:00.250"),
            ("DAYS", "2024-03-30T12:00:00.250"),
            ("WEEKS", "2024-03-24T12:00:00.250"),
            # February has no 31st; its last day is the 29th.
            ("MONTHS", "2024-02-29T12:00:00.250"),
        ],
    )
    def test_a_window_of_one_unit_begins_right_after_one_unit_ago(
        self, boutique: RecordedShop, unit: str, start: str
    ) -> None:
        boutique.now = utc("2024-03-31T12:00:00.250")
        times = (utc(start), utc(start) + MILLISECOND, boutique.now, boutique.now + MILLISECOND)
        boutique.record(
            people_with_ids(0, 1, 2, 3), *(Text(id_, id_, time) for id_, time in enumerate(times))
        )
        assert boutique.matching(texted("EQUALS", 1, within=last(1, unit))) == {1, 2}

    def test_days_of_a_window_follow_the_shops_timezone(self, services: Services) -> None:
        shop = RecordedShop(services, "America/New_York")
        first, after = utc("2024-05-01T04:00"), utc("2024-05-02T04:00")
        times = (first - MILLISECOND, first, after - MILLISECOND, after)
        shop.record(
            people_with_ids(0, 1, 2, 3), *(Text(id_, id_, time) for id_, time in enumerate(times))
        )
        between = {"between": {"from": "2024-05-01", "to": "2024-05-01"}}
        assert shop.matching(texted("EQUALS", 1, within={"since": "2024-05-01"})) == {1, 2, 3}
        assert shop.matching(texted("EQUALS", 1, within={"before": "2024-05-01"})) == {0}
        assert shop.matching(texted("EQUALS", 1, within=between)) == {1, 2}

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
        for key, more in (
            ("createdDate", {}),
            ("lastOrderDate", {}),
            ("property", {"property": "at"}),
        ):
            assert shop.matching({key: {**on, **more}}) == {1}
        shop.now = utc("2027-11-20T12:00")
        for more in ({}, {"property": "at"}):
            assert shop.matching(criterion("anniversary", "IS_TODAY", **more)) == {1}

    def test_a_month_ago_follows_the_shops_time_zone(self, services: Services) -> None:
        # From noon on March 9 to noon on April 9, New York has 31 days less an hour.
        shop = RecordedShop(services, "America/New_York", utc("2024-04-09T16:00"))
        noon = utc("2024-03-09T17:00")
        shop.record(people_with_ids(1, 2), Text(1, 1, noon), Text(2, 2, noon + MILLISECOND))
        assert shop.matching(texted("EQUALS", 1, within=last(1, "MONTHS"))) == {2}
        assert shop.matching(texted("EQUALS", 1, within=last(31, "DAYS"))) == {1, 2}

    @pytest.mark.parametrize(
        ("unit", "starts"),  # of the last period, of this one, and of the next
        [
            ("DAY", ("2024-03-30T23:00", "2024-03-31T22:00", "2024-04-01T22:00")),
            ("WEEK", ("2024-03-24T23:00", "2024-03-31T22:00", "2024-04-07T22:00")),
            ("MONTH", ("2024-02-29T23:00", "2024-03-31T22:00", "2024-04-30T22:00")),
            ("QUARTER", ("2023-12-31T23:00", "2024-03-31T22:00", "2024-06-30T22:00")),
            ("YEAR", ("2022-12-31T23:00", "2023-12-31T23:00", "2024-12-31T23:00")),
        ],
    )
    @pytest.mark.parametrize("now", ["2024-03-31T22:00", "2024-04-01T21:59:59.999"])
    def test_calendar_periods_follow_the_shops_time_zone(
        self, services: Services, unit: str, starts: tuple[str, str, str], now: str
    ) -> None:
        """It is Monday, April 1 in Berlin, where clocks have just changed."""
        shop = RecordedShop(services, "Europe/Berlin", utc(now))
        times = [utc(start) + step for start in starts for step in (-MILLISECOND, timedelta())]
        sent = {id_: time for id_, time in enumerate(times) if time <= shop.now}
        shop.record(
            people_with_ids(*range(6)), *(Text(id_, id_, time) for id_, time in sent.items())
        )
        assert shop.matching(texted("EQUALS", 1, within=period("LAST", unit))) == {1, 2}
        assert shop.matching(texted("EQUALS", 1, within=period("THIS", unit))) == {3, 4} & {*sent}

    def test_last_month_is_the_december_of_last_year(self, boutique: RecordedShop) -> None:
        boutique.now = utc("2024-01-31T12:00")
        times = ("2023-11-30T12:00", "2023-12-01T00:00", "2023-12-31T12:00", "2024-01-01T00:00")
        boutique.record(
            people_with_ids(*range(4)),
            *(Text(id_, id_, utc(time)) for id_, time in enumerate(times)),
        )
        for unit, matching in (("MONTH", {1, 2}), ("QUARTER", {0, 1, 2}), ("YEAR", {0, 1, 2})):
            assert boutique.matching(texted("EQUALS", 1, within=period("LAST", unit))) == matching

    @pytest.mark.parametrize(
        ("first_weekday", "this_week", "last_week"),
        [(0, {15, 16}, range(8, 15)), (6, {14, 15, 16}, range(7, 14)), (1, {16}, range(9, 16))],
    )
    def test_weeks_begin_on_the_shops_first_weekday(
        self,
        services: Services,
        first_weekday: int,
        this_week: set[int],
        last_week: range,
    ) -> None:
        """It is Tuesday, July 16."""
        shop = RecordedShop(services, now=utc("2024-07-16T12:00"), first_weekday=first_weekday)
        shop.record(
            people_with_ids(*range(1, 17)),
            *(Text(day, day, utc(f"2024-07-{day:02}T00:00")) for day in range(1, 17)),
        )
        assert shop.matching(texted("EQUALS", 1, within=period("THIS", "WEEK"))) == this_week
        assert shop.matching(texted("EQUALS", 1, within=period("LAST", "WEEK"))) == set(last_week)

    def test_before_a_duration_ago_excludes_its_last_instant(self, boutique: RecordedShop) -> None:
        boutique.now = utc("2024-03-31T12:00")
        times = {
            "HOURS": "2024-03-31T11:00",
            "WEEKS": "2024-03-24T12:00",
            "MONTHS": "2024-02-29T12:00",
        }
        for number, (unit, start) in enumerate(times.items()):
            before, at = 2 * number, 2 * number + 1
            boutique.record(
                people_with_ids(before, at),
                Text(before, before, utc(start) - MILLISECOND),
                Text(at, at, utc(start)),
            )
            rule = texted("EQUALS", 1, within={"beforeAgo": {"count": 1, "unit": unit}})
            assert boutique.matching(rule) & {before, at} == {before}

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
            assert boutique.matching(texted("EQUALS", 1, within=last(count, unit))) == {1}
            before = {"beforeAgo": {"count": count, "unit": unit}}
            assert boutique.matching(texted("EQUALS", 1, within=before)) == set()

    def test_spend_within_a_day_excludes_older_orders(self, boutique: RecordedShop) -> None:
        boutique.record(
            people_with_ids(1, 2, 3),
            Order(1, 1, NOW - 3 * DAY, Decimal(10)),
            Order(2, 1, NOW, Decimal(5)),
            Order(3, 2, NOW, Decimal(15)),
            Order(4, 3, NOW, Decimal(25)),
        )
        assert boutique.matching(spent("EQUALS", "15.00", within=last(1, "DAYS"))) == {2}
        assert boutique.matching(spent("EQUALS", "15.00")) == {1, 2}

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


@pytest.mark.parametrize(("zone", "day", "start", "end"), LOCAL_DAYS)
class TestLocalDays:
    def test_a_local_day_ends_at_the_first_instant_of_the_next(
        self, services: Services, zone: str, day: str, start: str, end: str
    ) -> None:
        first, after = utc(start), utc(end)
        shop = RecordedShop(services, zone, after)
        times = dict(enumerate((first - MILLISECOND, first, after - MILLISECOND, after)))
        shop.record(
            *(Contact(id_, subscribed_at=time) for id_, time in times.items()),
            *(Order(id_, id_, time) for id_, time in times.items()),
            *(Text(id_, id_, time) for id_, time in times.items()),
        )
        only = {"between": {"from": day, "to": day}}
        for dated in (subscribed, last_ordered):
            expected = {
                "ON": {1, 2},
                "NOT_ON": {0, 3},
                "BEFORE": {0},
                "ON_OR_BEFORE": {0, 1, 2},
                "AFTER": {3},
                "ON_OR_AFTER": {1, 2, 3},
            }
            rules = [dated(operator, date=day) for operator in expected]
            assert dict(zip(expected, shop.answers(rules), strict=True)) == expected
            assert shop.matching(dated("BETWEEN", date=day, upTo=day)) == {1, 2}
        for count in (texted, ordered):
            windows = (only, {"since": day}, {"before": day})
            found = shop.answers([count("EQUALS", 1, within=window) for window in windows])
            assert found == [{1, 2}, {1, 2, 3}, {0}]

    def test_a_local_day_has_23_to_25_hours(
        self, services: Services, zone: str, day: str, start: str, end: str
    ) -> None:
        shop = RecordedShop(services, zone, utc(end) + DAY)
        hours = [utc(start) + hour * HOUR for hour in range(-24, 48)]
        shop.record(*(Contact(id_, subscribed_at=time) for id_, time in enumerate(hours)))
        length = (utc(end) - utc(start)) // HOUR
        assert shop.matching(subscribed("ON", date=day)) == set(range(24, 24 + length))

    def test_days_of_a_duration_have_24_hours_despite_clock_changes(
        self, services: Services, zone: str, day: str, start: str, end: str
    ) -> None:
        shop = RecordedShop(services, zone, utc(end))
        ago = shop.now - DAY
        shop.record(
            Contact(1, subscribed_at=ago),
            Contact(2, subscribed_at=ago + MILLISECOND),
            Text(1, 1, ago),
            Text(2, 2, ago + MILLISECOND),
        )
        assert shop.matching(subscribed("IN_LAST", days=1)) == {2}
        assert shop.matching(texted("EQUALS", 1, within=last(1, "DAYS"))) == {2}
        assert shop.matching(texted("EQUALS", 1, within=last(24, "HOURS"))) == {2}
