"""Anniversaries: across the end of a year, and on February 29."""

import json
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any

from graphql_app.runtime.services import Services
from tests.parity.evaluation.facts import Contact, Contacts, Document
from tests.parity.examples import criterion, utc
from tests.parity.recorded_shop import RecordedShop

subscribed = partial(criterion, "anniversary")
recurs = partial(criterion, "anniversary", property="birthday")
in_next = partial(recurs, "IN_NEXT")


def born(*days: Any) -> Contacts:
    """Record a contact for each day, born on it."""
    documents = [json.dumps({"birthday": day}) for day in days]
    return Contacts(tuple(Contact(id_, properties=it) for id_, it in enumerate(documents)))


class TestTheYearsEnd:
    def test_the_next_days_continue_into_the_next_year(self, boutique: RecordedShop) -> None:
        boutique.now = utc("2023-12-30T12:00")
        boutique.record(
            born("1990-12-29", "1990-12-30", "2023-12-31", "2000-01-01", "1950-01-02", "1950-01-03")
        )
        for days, matching in (
            (1, {1, 2}),
            (2, {1, 2, 3}),
            (3, {1, 2, 3, 4}),
            (365, {0, 1, 2, 3, 4, 5}),
        ):
            boutique.check(
                (in_next(days=days), matching),
                (recurs("NOT_IN_NEXT", days=days), set(range(6)) - matching),
            )

    def test_every_day_recurs_within_more_than_a_year(self, boutique: RecordedShop) -> None:
        boutique.now = utc("2023-03-01T12:00")
        boutique.record(born("1990-02-28", "1992-02-29", "1990-03-01", "not a day", None))
        boutique.check(*((in_next(days=days), {0, 1, 2}) for days in (366, 367, 36_500)))

    def test_yesterday_recurs_in_a_year_less_a_day(self, boutique: RecordedShop) -> None:
        boutique.now = utc("2022-07-15T12:00")
        boutique.record(born("1990-07-14"))
        boutique.check((in_next(days=363), set()), (in_next(days=364), {0}))


# Today, and whether contacts born on February 28, 29 and March 1 have an anniversary.
LEAPS: tuple[tuple[str, Document, set[int]], ...] = (
    ("2024-02-28", subscribed("IS_TODAY"), {0}),
    ("2024-02-29", subscribed("IS_TODAY"), {1}),
    ("2024-03-01", subscribed("IS_TODAY"), {2}),
    ("2023-02-28", subscribed("IS_TODAY"), {0, 1}),
    ("2023-03-01", subscribed("IS_TODAY"), {2}),
    ("2100-02-28", subscribed("IS_TODAY"), {0, 1}),
    ("2000-02-28", subscribed("IS_TODAY"), {0}),
    ("2024-02-27", subscribed("IN_NEXT", days=1), {0}),
    ("2024-02-27", subscribed("IN_NEXT", days=2), {0, 1}),
    ("2024-02-28", subscribed("IN_NEXT", days=2), {0, 1, 2}),
    ("2024-02-29", subscribed("IN_NEXT", days=1), {1, 2}),
    ("2024-03-01", subscribed("IN_NEXT", days=363), {2}),
    ("2024-03-01", subscribed("IN_NEXT", days=364), {0, 1, 2}),
    ("2023-02-27", subscribed("IN_NEXT", days=1), {0, 1}),
    ("2023-03-01", subscribed("IN_NEXT", days=364), {0, 2}),
    ("2023-03-01", subscribed("IN_NEXT", days=365), {0, 1, 2}),
    ("2023-12-31", subscribed("IN_NEXT", days=59), {0}),
    ("2023-12-31", subscribed("IN_NEXT", days=60), {0, 1}),
    ("2022-12-31", subscribed("IN_NEXT", days=59), {0, 1}),
    ("2023-02-01", subscribed("IS_THIS_MONTH"), {0, 1}),
    ("2023-03-31", subscribed("IS_THIS_MONTH"), {2}),
    ("2024-02-29", subscribed("IS_THIS_MONTH"), {0, 1}),
)


def test_an_anniversary_of_february_29_is_on_the_28th_in_other_years(
    boutique: RecordedShop,
) -> None:
    days = ("1991-02-28", "1992-02-29", "1991-03-01")
    boutique.record(
        Contacts(
            tuple(
                Contact(
                    id_,
                    subscribed_at=utc(f"{day}T23:59:59.999"),
                    properties=json.dumps({"birthday": day}),
                )
                for id_, day in enumerate(days)
            )
        )
    )
    for today, rules in groupby(LEAPS, key=itemgetter(0)):
        boutique.now = utc(f"{today}T12:00")
        for _, rule, matching in rules:
            birthday = {"anniversary": {**rule["anniversary"], "property": "birthday"}}
            boutique.check((rule, matching), (birthday, matching))


class TestDays:
    def test_values_that_are_no_day_never_recur(self, boutique: RecordedShop) -> None:
        boutique.record(
            born("2023-02-29", "soon", 715, True, None, [["2000-07-15"]], "07-15"),
            Contact(7),
            Contact(8, properties='{"Birthday": "2000-07-15"}'),
        )
        rules = (in_next(days=366), recurs("IS_TODAY"), recurs("IS_THIS_MONTH"))
        complements = (
            *({"not": rule} for rule in rules),
            recurs("IS_NOT_TODAY"),
            recurs("IS_NOT_THIS_MONTH"),
        )
        boutique.check(
            *((rule, set()) for rule in rules),
            *((complement, set(range(9))) for complement in complements),
        )

    def test_one_day_of_a_list_has_to_recur(self, boutique: RecordedShop) -> None:
        boutique.now = utc("2024-07-15T12:00")
        boutique.record(
            born(
                ["1990-01-01", "2000-07-15", "2000-07-16"],
                ["soon", 5, "2001-07-16T10:00:00Z"],
                ["1990-01-01", {"day": "2000-07-15"}],
                [],
                "2002-07-15",
            )
        )
        rules = (
            (recurs("IS_TODAY"), {0, 4}),
            (recurs("IS_NOT_TODAY"), {1, 2, 3}),
            (recurs("IS_THIS_MONTH"), {0, 1, 4}),
            (recurs("IS_NOT_THIS_MONTH"), {2, 3}),
            (in_next(days=1), {0, 1, 4}),
            (in_next(days=170), {0, 1, 2, 4}),
            (recurs("NOT_IN_NEXT", days=1), {2, 3}),
        )
        boutique.check(*rules)
        for rule, matching in rules:
            explained = boutique.engine.explain(boutique.rule(rule), [*range(5)])
            assert {id_ for id_, each in explained.items() if each.is_member} == matching

    def test_today_and_the_days_of_instants_follow_the_shops_timezone(
        self, services: Services
    ) -> None:
        """In New York it is July 14, and one of the two instants is on that day."""
        shop = RecordedShop(services, "America/New_York", utc("2024-07-15T03:59"))
        late, next_day = "2020-07-15T03:59:59Z", "2020-07-15T04:00:00Z"
        shop.record(
            *(
                Contact(
                    id_,
                    subscribed_at=utc(when.removesuffix("Z")),
                    properties=json.dumps({"birthday": when}),
                )
                for id_, when in enumerate((late, next_day))
            )
        )
        for anniversary in (recurs, subscribed):
            shop.check(
                (anniversary("IS_TODAY"), {0}),
                (anniversary("IS_NOT_TODAY"), {1}),
                (anniversary("IN_NEXT", days=1), {0, 1}),
            )

    def test_instants_of_any_year_recur_on_the_shops_day(self, services: Services) -> None:
        shop = RecordedShop(services, "America/New_York", utc("2024-07-15T16:00"))
        on_the_day = (
            *("9999-07-15", "0001-07-15", "2500-07-16T03:59:59.999Z", "2500-07-15T04:00:00Z"),
            # Local mean time was 4:56:02 behind.
            *("1700-07-16T04:56:01Z", "1700-07-15T04:56:02Z", "9999-07-15T23:59:59-04:00"),
        )
        others = (
            *("2500-07-16T04:00:00Z", "2500-07-15T03:59:59.999Z", "0000-07-15"),
            *("1700-07-16T04:56:02Z", "1700-07-15T04:56:01Z", "9999-07-15T23:59:59-05:00"),
        )
        shop.record(born(*on_the_day, *others))
        assert shop.matching(recurs("IS_TODAY")) == {*range(len(on_the_day))}
        # The year after 9999 begins in UTC.
        shop.record(born("9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59-04:00", "9999-12-31"))
        shop.now = utc("2024-12-31T16:00")
        shop.check((recurs("IS_TODAY"), {1, 2}), (in_next(days=1), {0, 1, 2}))

    def test_the_latest_subscription_counts_even_for_unsubscribed_contacts(
        self, boutique: RecordedShop
    ) -> None:
        boutique.record(
            Contact(1, subscribed_at=utc("2020-07-15T10:00")),
            Contact(
                2, subscribed_at=utc("2021-07-15T10:00"), unsubscribed_at=utc("2022-01-01T10:00")
            ),
            Contact(3, unsubscribed_at=utc("2020-07-15T10:00")),
        )
        assert boutique.matching(subscribed("IS_TODAY")) == {1, 2}
        boutique.record(Contact(1, subscribed_at=utc("2024-01-15T10:00")))
        assert boutique.matching(subscribed("IS_TODAY")) == {2}
