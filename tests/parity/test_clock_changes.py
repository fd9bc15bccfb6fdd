"""Every clock change of every time zone: SQL, the index, explanations and the evaluator agree.

`make test` tries a year of a few zones, `make soak` all changes from 1970 to 2037.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo, available_timezones

import pytest
from sqlalchemy import select
from sqlmodel import col

from graphql_app.audience.tables import Contact as StoredContact
from graphql_app.criteria import month_and_day, property_month_and_day
from graphql_app.runtime.services import Services
from tests.parity.evaluation.clock import Clock
from tests.parity.evaluation.facts import Contact, Contacts, Document, Order, Orders
from tests.parity.examples import HOUR, MILLISECOND, criterion
from tests.parity.recorded_shop import RecordedShop

FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)
NOW = LAST + 48 * HOUR  # facts after it would not have happened yet
STEP = 12 * HOUR
WRITTEN = (UTC, *(timezone(timedelta(hours=hours)) for hours in (5.5, -9.5, 14, -12)))
DAYS_AT_ONCE = 30

# Clocks that skip or repeat midnight, a skipped day, and rules that differ between releases.
SAMPLE = (
    ("America/Vancouver", 2026),
    ("America/St_Johns", 2006),
    ("Pacific/Apia", 2011),
    ("America/Sao_Paulo", 2018),
    ("Africa/Casablanca", 2030),
    ("Australia/Lord_Howe", 2037),
)


@cache
def changes(zone: str) -> Sequence[datetime]:
    """Return the first second of every offset from 1970 to 2037."""
    clock = ZoneInfo(zone)

    def offset(second: int) -> timedelta | None:
        return (FIRST + timedelta(seconds=second)).astimezone(clock).utcoffset()

    found = []
    step = round(STEP.total_seconds())
    for before in range(0, round((LAST - FIRST).total_seconds()), step):
        low, high = before, before + step
        if offset(low) == offset(high):
            continue
        while high - low > 1:
            middle = (low + high) // 2
            if offset(middle) == offset(before):
                low = middle
            else:
                high = middle
        found.append(FIRST + timedelta(seconds=high))
    return found


def names_by_rules() -> Mapping[bytes, Sequence[str]]:
    """Return the names of all zones, those with the same rules together."""
    found = defaultdict(list)
    for name in sorted(available_timezones()):
        path = files("tzdata").joinpath("zoneinfo", *name.split("/"))
        found[path.read_bytes()].append(name)
    return found


class Sweep:
    """A shop with a contact, an order and a property at each of some instants."""

    def __init__(self, services: Services, zone: str, times: Sequence[datetime]) -> None:
        self.shop = RecordedShop(services, zone, NOW)
        self.clock = Clock(zone, NOW)
        self.times = dict(enumerate(times, 1))
        self.shop.record(
            Contacts(
                tuple(
                    Contact(
                        id_,
                        subscribed_at=time,
                        created_at=time,
                        properties=json.dumps({"at": written(time, id_)}),
                    )
                    for id_, time in self.times.items()
                )
            ),
            Orders(tuple(Order(id_, id_, time) for id_, time in self.times.items())),
        )
        self.by_day: dict[date, set[int]] = defaultdict(set)
        for id_, time in self.times.items():
            self.by_day[self.clock.day_of(time)].add(id_)

    def check_days(self, days: Sequence[date]) -> None:
        """Check which instants are on some days."""
        documents = [rule for day in days for rule in rules_on(day)]
        expected = [self.by_day[day] for day in days for _ in rules_on(day)]
        shop, rules = self.shop, [self.shop.rule(document) for document in documents]
        assert shop.matching_each(rules) == expected

        index = shop.engine.index
        evaluation = None if index is None else index.evaluate(shop.id, rules, shop.scope)
        assert evaluation is not None
        ids = evaluation.contact_index.ids
        assert [{*ids[flags].tolist()} for flags in evaluation.each(rules)] == expected

        some = sorted(set().union(*expected))
        explained = shop.engine.explain(shop.rule({"any": documents}), some)
        assert [*explained] == some
        for id_, found in explained.items():
            assert [part.matches for part in found.parts[1:]] == [id_ in ids for ids in expected]

    def check_anniversaries(self) -> None:
        """Check the month and day of every instant."""
        subscribed, properties = col(StoredContact.subscribed_at), col(StoredContact.properties)
        rows = self.shop.without_index.rows(
            select(
                col(StoredContact.id),
                month_and_day(subscribed, self.shop.scope),
                property_month_and_day(properties, "at", self.shop.scope),
            )
        )
        days = {id_: day for day, ids in self.by_day.items() for id_ in ids}
        expected = {id_: day.month * 100 + day.day for id_, day in days.items()}
        assert {row[0]: (row[1], row[2]) for row in rows} == {
            id_: (number, number) for id_, number in expected.items()
        }


def written(time: datetime, number: int) -> str:
    return time.astimezone(WRITTEN[number % len(WRITTEN)]).isoformat()


def rules_on(day: date) -> Sequence[Document]:
    on = {"date": day.isoformat()}
    return (
        criterion("createdDate", "ON", **on),
        criterion("firstOrderDate", "ON", **on),
        criterion("property", "ON", property="at", **on),
    )


def sweep(services: Services, zone: str, some: Sequence[datetime]) -> None:
    """Check the days around some changes of a zone's clocks."""
    clock = Clock(zone, NOW)
    days = sorted(
        {clock.day_of(change - step) for change in some for step in (timedelta(), MILLISECOND)}
    )
    bounds = [*some, *(clock.start(day.isoformat(), later) for day in days for later in (0, 1))]
    times = sorted({bound - step for bound in bounds for step in (timedelta(), MILLISECOND)})
    found = Sweep(services, zone, [time for time in times if time >= FIRST])
    for start in range(0, len(days), DAYS_AT_ONCE):
        found.check_days(days[start : start + DAYS_AT_ONCE])
    found.check_anniversaries()


@pytest.mark.parametrize(("zone", "year"), SAMPLE)
def test_days_around_the_changes_of_a_year_are_the_same_everywhere(
    services: Services, zone: str, year: int
) -> None:
    sweep(services, zone, [change for change in changes(zone) if change.year == year])


@pytest.mark.soak
@pytest.mark.parametrize("zone", [names[0] for names in names_by_rules().values()])
def test_days_around_every_change_are_the_same_everywhere(services: Services, zone: str) -> None:
    sweep(services, zone, changes(zone))
