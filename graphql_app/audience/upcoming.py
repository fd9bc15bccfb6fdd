"""Upcoming facts: the facts of a shop whose time is in the future, and what happens when it comes.

Few shops have any: a date was mistyped, a clock is wrong, or a change is planned. Statements for
these shops read the tables as of now. When the time of a fact comes, that counts as a write, so
that all caches and subscribers follow.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import literal, select, union_all

from graphql_app.audience.as_of import AsOf
from graphql_app.audience.store import Audience
from graphql_app.audience.tables import (
    INSTANT,
    AudienceTable,
    Order,
    OrderLine,
    Statement,
    contact_column,
    sql_table,
    time_columns,
    time_expression,
)
from graphql_app.audience.write_log import AffectedContacts, Ids, WriteLog
from graphql_app.timezones import EPOCH, MILLISECOND, milliseconds

# The tables whose rows change at the times of another table's rows, too.
FOLLOWERS: Mapping[str, Sequence[str]] = {Order.__tablename__: (OrderLine.__tablename__,)}

# Requests do not run in the order of their instants, so the times of the last minute are kept, too.
MARGIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _Times:
    """Times of facts, ascending, with their contacts."""

    at: NDArray[np.int64]  # milliseconds since 1970
    contacts: Ids

    def between(self, start: datetime, end: datetime) -> Ids:
        """Return the contacts with a time after the start, and not after the end."""
        first, last = (np.searchsorted(self.at, milliseconds(at), "right") for at in (start, end))
        return self.contacts[first:last]

    def after(self, start: datetime) -> "_Times":
        first = np.searchsorted(self.at, milliseconds(start), "right")
        return _Times(self.at[first:], self.contacts[first:])

    def merged(self, other: "_Times") -> "_Times":
        at = np.concatenate([self.at, other.at])
        order = np.argsort(at, kind="stable")
        return _Times(at[order], np.concatenate([self.contacts, other.contacts])[order])


@dataclass(slots=True)
class _Shop:
    """The times of a shop's facts after ``since``, by table, as of its first ``count`` writes.

    ``now`` is the instant for which statements have been executed most recently.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    count: int = 0
    since: datetime | None = None
    now: datetime = EPOCH
    times: dict[str, _Times] = field(default_factory=dict)


class UpcomingFacts:
    """The upcoming facts of every shop.

    Args:
        audience: The store.
        write_log: The log of writes, to which facts are added when their time comes.
    """

    def __init__(self, audience: Audience, write_log: WriteLog) -> None:
        self._audience = audience
        self._write_log = write_log
        self._lock = threading.Lock()
        self._shops: dict[int, _Shop] = {}

    def as_of(self, shop_id: int, now: datetime) -> AsOf | None:
        """Return how to read a shop's facts at an instant; ``None`` if none come later.

        Facts whose time has come since the last call are logged as a write.

        Raises:
            AppError: A statement failed.
        """
        with self._lock:
            shop = self._shops.setdefault(shop_id, _Shop())
        with shop.lock:
            self._catch_up(shop_id, shop, now)
            if shop.times:
                self._move(shop_id, shop, now)
            shop.now = now
            later = {name for name, times in shop.times.items() if len(times.after(now).at)}
        later.update(*(FOLLOWERS.get(name, ()) for name in later))
        return AsOf(now, self._tables(later)) if later else None

    def next_after(self, shop_id: int, now: datetime) -> datetime | None:
        """Return the time of the next upcoming fact that ``as_of`` has loaded, if there is one."""
        with self._lock:
            shop = self._shops.get(shop_id)
        later = [] if shop is None else [times.after(now).at for times in [*shop.times.values()]]
        first = min((int(at[0]) for at in later if len(at)), default=None)
        return None if first is None else EPOCH + first * MILLISECOND

    def _tables(self, names: set[str]) -> Sequence[type[AudienceTable]]:
        return [table for table in self._audience.tables if table.__tablename__ in names]

    def _catch_up(self, shop_id: int, shop: _Shop, now: datetime) -> None:
        """Load the times that are missing: all of them, or those of recent writes."""
        count = self._write_log.count_writes(shop_id)
        writes = self._write_log.writes_since(shop_id, shop.count)
        if shop.since is None or writes is None or now < shop.since:
            since = now - MARGIN if shop.since is None else min(now - MARGIN, shop.since)
            shop.times = self._load(shop_id, since)
            shop.since = since
        else:
            contacts = [write.contacts for write in writes if write.may_come_after(now)]
            if contacts:
                found = self._load(shop_id, shop.since, np.unique(np.concatenate(contacts)))
                for name, times in found.items():
                    shop.times[name] = (
                        shop.times[name].merged(times) if name in shop.times else times
                    )
        shop.count = count

    def _move(self, shop_id: int, shop: _Shop, now: datetime) -> None:
        """Log the facts between the instant before and now, and forget those of long ago."""
        moved: dict[str, list[Ids]] = {}
        for name, times in shop.times.items():
            contacts = times.between(*sorted([shop.now, now]))
            if len(contacts):
                for each in (name, *FOLLOWERS.get(name, ())):
                    moved.setdefault(each, []).append(contacts)
        if moved and shop.now != EPOCH:
            affected = {name: np.unique(np.concatenate(ids)) for name, ids in moved.items()}
            self._write_log.begin_write(shop_id)
            self._write_log.finish_write(shop_id, AffectedContacts(affected, latest=EPOCH))
        if moved and now - MARGIN > (shop.since or now):
            shop.since = now - MARGIN
            recent = {name: times.after(shop.since) for name, times in shop.times.items()}
            shop.times = {name: times for name, times in recent.items() if len(times.at)}

    def _load(
        self, shop_id: int, since: datetime, contacts: Ids | None = None
    ) -> dict[str, _Times]:
        """Load the times of a shop's facts, or of some contacts' facts, after an instant.

        They may include times of replaced rows, since filtering those takes longer.
        """
        statement = _statement(self._audience.tables, since)
        found = self._audience.fetch_table(statement, shop_id, contacts, final=False)
        by_table: dict[str, _Times] = {}
        for name in found["name"].unique().to_pylist():
            rows = found.filter(pa.compute.equal(found["name"], name)).sort_by("at")
            at = rows["at"].cast(pa.timestamp("ms", "UTC")).cast(pa.int64())
            by_table[name] = _Times(at.to_numpy(), rows["contact"].to_numpy())
        return by_table


def tables_with_upcoming_facts(audience: Audience, shop_id: int, now: datetime) -> set[str]:
    """Return the names of the tables in which a shop has facts after an instant.

    Raises:
        AppError: A statement failed.
    """
    as_of = UpcomingFacts(audience, WriteLog()).as_of(shop_id, now)
    return set() if as_of is None else {table.__tablename__ for table in as_of.tables}


def _statement(tables: Sequence[type[AudienceTable]], since: datetime) -> Statement:
    times = []
    for table in tables:
        columns, contact = sql_table(table).columns, contact_column(table.__tablename__)
        times += [
            select(
                literal(table.__tablename__).label("name"),
                columns[contact].label("contact"),
                time_expression(table, name).label("at"),
            ).where(time_expression(table, name) > literal(since, INSTANT))
            for name in time_columns(table)
        ]
    every = union_all(*times).subquery().c
    return select(every.name, every.contact, every.at)
