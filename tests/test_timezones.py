"""The installed tzdata package is the only source of time zone rules."""

import re
import subprocess
import sys
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest
import tzdata

from graphql_app.timezones import offsets_of, repeats_midnight, zone_names

LOCK = Path(__file__).parent.parent / "requirements.lock"
GUIDE = Path(__file__).parent.parent / "docs/operations.md"
RUN = """
from datetime import UTC, datetime
from zoneinfo import ZoneInfo
before = ZoneInfo("America/Vancouver")
import {module}
for zone in (before, ZoneInfo("America/Vancouver"), ZoneInfo.no_cache("America/Vancouver")):
    print(datetime(2026, 11, 20, 7, 30, tzinfo=UTC).astimezone(zone).utcoffset())
"""


@pytest.mark.parametrize(
    "module",
    ["graphql_app.cli", "graphql_app.testing", "graphql_app.criteria", "criteria_plugins.property"],
)
def test_the_hosts_files_do_not_matter(tmp_path: Path, module: str) -> None:
    """The host says that clocks in Vancouver show UTC."""
    (tmp_path / "America").mkdir()
    utc = files("tzdata").joinpath("zoneinfo", "UTC").read_bytes()
    (tmp_path / "America" / "Vancouver").write_bytes(utc)
    done = subprocess.run(
        [sys.executable, "-c", RUN.format(module=module)],
        env={"PYTHONTZPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.splitlines() == ["0:00:00", "-1 day, 17:00:00", "-1 day, 17:00:00"]


def test_the_guide_and_the_lock_have_the_installed_release() -> None:
    assert f"release {tzdata.IANA_VERSION}" in GUIDE.read_text()
    assert re.search(rf"^tzdata=={re.escape(tzdata.__version__)} ", LOCK.read_text(), re.MULTILINE)


def test_every_zone_of_the_package_is_known() -> None:
    assert zone_names() == available_timezones()
    assert {"America/Vancouver", "Europe/Kyiv", "UTC"} <= zone_names()


@pytest.mark.parametrize("name", ["America/New_York", "Africa/Casablanca", "Asia/Kolkata", "UTC"])
def test_offsets_are_those_of_the_zone_in_any_year(name: str) -> None:
    zone = ZoneInfo(name)
    known = offsets_of(zone)
    for year in (2, 1883, 1945, 1970, 2007, 2037, 2038, 2100, 2399):
        for month in range(1, 13):
            instant = datetime(year, month, 15, 12, tzinfo=UTC)
            second = round(instant.timestamp())
            last = max(start for start in known.starts if start <= second)
            expected = instant.astimezone(zone).utcoffset()
            assert expected is not None
            assert known.offsets[known.starts.index(last)] == expected.total_seconds()


@pytest.mark.parametrize(
    ("zone", "repeats"),
    [
        ("UTC", False),
        ("Europe/Berlin", False),
        ("America/New_York", False),
        ("America/Sao_Paulo", False),  # from 00:00 to 23:00, so that midnight is an hour later
        ("America/Havana", True),  # from 01:00 to 00:00
    ],
)
def test_zones_whose_clocks_repeat_midnight(zone: str, repeats: bool) -> None:
    assert repeats_midnight(ZoneInfo(zone)) is repeats
