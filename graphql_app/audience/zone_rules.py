"""Differences between the rules of time zones that this version and earlier ones use."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from graphql_app.audience.store import Audience
from graphql_app.errors import AppError
from graphql_app.timezones import DAY, host_zone, milliseconds, offset_at, offsets_of

END = milliseconds(datetime(2200, 1, 1, tzinfo=UTC)) // 1_000
STEP = 28 * DAY  # rules that differ do so for months


def has_other_rules(zone: ZoneInfo, audience: Audience | None) -> bool:
    """Return whether the host's or the engine's rules cut other days than the tzdata package.

    An engine that does not know the zone has other rules. Rules are compared from 1970 to 2199.
    """
    changes = [change for change in offsets_of(zone).starts if 0 < change < END]
    seconds = sorted({*range(0, END, STEP), *changes, *(change - 1 for change in changes)})
    expected = [offset_at(second, zone) for second in seconds]
    host = host_zone(zone.key)
    if host is not None and [offset_at(second, host) for second in seconds] != expected:
        return True
    return audience is not None and _engine_offsets(zone, seconds, audience) != expected


def _engine_offsets(zone: ZoneInfo, seconds: list[int], audience: Audience) -> list[int] | None:
    """Return the offsets at some seconds since 1970 by the engine's rules, if it has any."""
    instant = f"fromUnixTimestamp64Milli(toInt64(arrayJoin({seconds})) * 1000, '{zone.key}')"
    try:
        found = audience.query_unfiltered(f"SELECT toInt32(timezoneOffset({instant})) AS seconds")
    except AppError:
        return None
    offsets: list[int] = found["seconds"].to_pylist()
    return offsets
