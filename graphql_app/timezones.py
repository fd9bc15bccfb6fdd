"""Time zones: the installed ``tzdata`` package is the only source of their rules.

By default, ``zoneinfo`` prefers the files of the host, which may be years older or newer than the
package, and the engine and browsers have rules of their own. So importing ``graphql_app`` takes the
host's files out of the search path, and SQL and the page get offsets from UTC instead of names.
"""

import os
import struct
import sysconfig
import zoneinfo
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import tzdata

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
DAY = 86_400  # seconds
# The calendar, and yearly rules for clocks, repeat after 400 years.
CYCLE = 146_097  # days
PROBE = 28 * DAY  # yearly rules keep an offset for longer than this
# Of written times, as ISO 8601 has them. No zone has had another offset since 1970.
OFFSET_PATTERN = r"(Z|\+(0\d|1[0-3])(:?[0-5]\d)?|\+14(:?00)?|-(0\d|1[01])(:?[0-5]\d)?|-12(:?00)?)"
HEADER = struct.Struct(">4sc15x6l")


def use_installed_rules() -> None:
    """Make ``ZoneInfo`` read the tzdata package only, whatever files the host has."""
    zoneinfo.reset_tzpath(to=[])
    ZoneInfo.clear_cache()  # it may have zones that another package created from the host's files


def rules_release() -> str:
    """Return the release of the rules, such as "2026c"."""
    release: str = tzdata.IANA_VERSION
    return release


@cache
def zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def milliseconds(instant: datetime) -> int:
    """Return the milliseconds from 1970 to an instant."""
    return (instant - EPOCH) // MILLISECOND


@dataclass(frozen=True, slots=True)
class Offsets:
    """The offsets of a zone from UTC, from the year 1 on.

    Attributes:
        starts: The seconds since 1970 from which each offset applies. The first is a day of the
            year 1.
        offsets: The offsets in seconds.
        repeats_from: The second from which the offsets repeat every 400 years; ``starts`` has the
            first of these cycles.
    """

    starts: Sequence[int]
    offsets: Sequence[int]
    repeats_from: int


@cache
def offsets_of(zone: ZoneInfo) -> Offsets:
    first = _seconds(datetime(1, 1, 3, tzinfo=UTC))  # local times of the 1st may be in year 0
    listed = [change for change in _listed_changes(zone.key) if change > first]
    repeats_from = listed[-1] if listed else first
    starts, offsets = [first], [offset_at(first, zone)]
    for change in (*listed, *_yearly_changes(repeats_from, zone)):
        offset = offset_at(change, zone)
        if offset != offsets[-1]:
            starts.append(change)
            offsets.append(offset)
    return Offsets(starts, offsets, repeats_from)


def offset_at(second: int, zone: ZoneInfo) -> int:
    """Return the offset in seconds at a second since 1970."""
    instant = EPOCH + timedelta(seconds=second)
    local = instant.astimezone(zone).replace(tzinfo=UTC)
    return (local - instant) // timedelta(seconds=1)


def host_zone(name: str) -> ZoneInfo | None:
    """Return a zone by the rules of the host's files, if the host has files."""
    default = sysconfig.get_config_var("TZPATH") or ""
    for directory in os.environ.get("PYTHONTZPATH", default).split(os.pathsep):
        try:
            with Path(directory, name).open("rb") as file:
                return ZoneInfo.from_file(file, name)
        except (OSError, ValueError):
            continue
    return None


def repeats_midnight(zone: ZoneInfo) -> bool:
    """Return whether a zone's clocks have ever gone back over midnight since 1970."""
    known = offsets_of(zone)
    pairs = zip(known.starts[1:], known.offsets, known.offsets[1:], strict=False)
    return any(
        (change + before - 1) // DAY > (change + after - 1) // DAY
        for change, before, after in pairs
        if change > 0 and after < before
    )


def _listed_changes(name: str) -> tuple[int, ...]:
    """Return the changes that the file of a zone lists, in seconds since 1970.

    After the last of them, the offset is constant or follows a yearly rule.
    """
    from importlib.resources import files  # noqa: PLC0415 - slow, and most commands need no offsets

    content = files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
    # The file has two blocks; the second one has 64-bit times (RFC 8536).
    _, _, utc, standard, leap, times, types, characters = HEADER.unpack_from(content)
    second = HEADER.size + times * 5 + types * 6 + characters + leap * 8 + standard + utc
    times = HEADER.unpack_from(content, second)[5]
    found: tuple[int, ...] = struct.unpack_from(f">{times}q", content, second + HEADER.size)
    return found


def _yearly_changes(start: int, zone: ZoneInfo) -> Sequence[int]:
    """Return the changes by a zone's yearly rule in the 400 years after a second, in order."""
    found: set[int] = set()
    for begin in range(start, start + 366 * DAY, PROBE):
        before, seconds = offset_at(begin, zone), range(begin + 1, begin + PROBE + 1)
        if offset_at(seconds[-1], zone) == before:
            continue
        change = _first_change(seconds, before, zone)
        while change < start + CYCLE * DAY:
            found.add(change)
            # A year later, on about the same day, at the same time of the day.
            days = range(change + 357 * DAY, change + 374 * DAY, DAY)
            change = _first_change(days, before, zone)
    return sorted(found)


def _first_change(seconds: range, before: int, zone: ZoneInfo) -> int:
    """Return the first of some seconds at which the offset differs; it does at the last."""
    return seconds[bisect_left(seconds, True, key=lambda second: offset_at(second, zone) != before)]


def _seconds(instant: datetime) -> int:
    return (instant - EPOCH) // timedelta(seconds=1)
