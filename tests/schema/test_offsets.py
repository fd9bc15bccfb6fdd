"""The offsets of a shop from UTC."""

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from tests.support import Server


@pytest.mark.parametrize("zone", ["America/Vancouver", "Europe/London", "UTC"])
def test_the_offsets_of_a_shop_are_those_by_which_its_days_begin(server: Server, zone: str) -> None:
    found = server.shop(timezone=zone).ask("{ shop { utcOffsets { since seconds } } }")
    offsets = [
        (datetime.fromisoformat(each["since"]), each["seconds"])
        for each in found["shop"]["utcOffsets"]
    ]
    assert offsets[0][0] == datetime(1970, 1, 1, tzinfo=UTC)
    assert all(one < other for (one, _), (other, _) in pairwise(offsets))
    for year in range(1970, 2200):
        for month in range(1, 13):
            instant = datetime(year, month, 11, 12, tzinfo=UTC)
            seconds = next(seconds for since, seconds in reversed(offsets) if since <= instant)
            offset = instant.astimezone(ZoneInfo(zone)).utcoffset()
            assert offset is not None
            assert seconds == offset.total_seconds(), instant
