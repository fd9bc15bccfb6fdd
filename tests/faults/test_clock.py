"""Jumping clocks: the last write wins, and time windows and live sizes follow the clock."""

import time
from datetime import UTC, datetime, timedelta, tzinfo

import pytest

from graphql_app.catalog import tables
from graphql_app.segments import scope
from tests.client import connected
from tests.factories import contacts
from tests.faults.concurrency import CREATE
from tests.support import Client

COUNT = "subscription ($rule: RuleInput!) { segmentSize(rule: $rule) { members } }"
RECENTLY = {"subscribeDate": {"operator": "IN_LAST", "days": 1}}
TAGGED = {"tag": {"operator": "ANY_OF", "tags": ["new"]}}

_wall = time.time_ns


class Clock:
    """A wall clock with an offset, in place of ``datetime`` and ``time.time_ns``."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self, zone: tzinfo | None = UTC) -> datetime:
        return datetime.fromtimestamp(_wall() / 1e9, zone) + self.offset

    def time_ns(self) -> int:
        return _wall() + int(self.offset.total_seconds() * 1e9)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Replace the clock wherever the service reads it."""
    clock = Clock()
    for module in (scope, tables):
        monkeypatch.setattr(module, "datetime", clock)
    monkeypatch.setattr(time, "time_ns", clock.time_ns)
    return clock


def _contact(moment: datetime, *tags: str) -> list[dict[str, object]]:
    return contacts(1, subscribedAt=moment.isoformat(), tags=tags)


def test_the_last_write_wins_and_windows_follow_a_jumping_clock(shop: Client, clock: Clock) -> None:
    subscribed = datetime.now(UTC) - timedelta(hours=12)
    shop.record("contactsUpsert", _contact(subscribed, "old"))
    for jump in (timedelta(days=3), timedelta(days=-3), timedelta(hours=-1), timedelta()):
        clock.offset = jump
        shop.record("contactsUpsert", _contact(subscribed, "new"))
        assert shop.members(TAGGED) == 1
        shop.record("contactsUpsert", _contact(subscribed))
        assert shop.members(TAGGED) == 0
        is_recent = timedelta() <= clock.now() - subscribed < timedelta(days=1)
        assert shop.members(RECENTLY) == is_recent
        name = f"After {jump}"
        assert shop.ask(CREATE, name=name)["segmentCreate"]["segment"]["id"]


def test_a_live_size_follows_a_jumping_clock(shop: Client, clock: Clock) -> None:
    shop.record("contactsUpsert", _contact(datetime.now(UTC) - timedelta(hours=1)))
    with connected(shop) as stream:
        stream.subscribe(COUNT, rule=RECENTLY)
        assert stream.next() == {"segmentSize": {"members": 1}}
        clock.offset = timedelta(days=2)
        assert stream.next() == {"segmentSize": {"members": 0}}
        clock.offset = timedelta()
        assert stream.next() == {"segmentSize": {"members": 1}}
