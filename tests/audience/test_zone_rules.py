"""Time zones whose days earlier versions cut by other rules."""

import sysconfig
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from graphql_app.audience import zone_rules
from graphql_app.audience.store import Audience
from graphql_app.audience.zone_rules import has_other_rules
from graphql_app.timezones import offsets_of

BERLIN = "Europe/Berlin"
TZDATA = files("tzdata").joinpath("zoneinfo", BERLIN).read_bytes()


@pytest.fixture(autouse=True)
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory of the host's files, which has none."""
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: f"/nowhere:{tmp_path}")
    return tmp_path


@pytest.fixture
def audience(shared_audience: Audience) -> Audience:
    return shared_audience


@pytest.mark.parametrize("zone", ["UTC", BERLIN, "Asia/Kolkata", "Pacific/Chatham"])
def test_the_engine_has_the_rules_of_most_zones(audience: Audience, zone: str) -> None:
    assert not has_other_rules(ZoneInfo(zone), audience)
    assert not has_other_rules(ZoneInfo(zone), None)


def test_zones_that_the_engine_does_not_know_or_knows_otherwise(
    audience: Audience, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zone_rules, "offsets_of", lambda zone: offsets_of(ZoneInfo(BERLIN)))
    for name in ("Nowhere/At_All", "Europe/Helsinki"):
        path = files("tzdata").joinpath("zoneinfo", BERLIN)
        with path.open("rb") as file:
            assert has_other_rules(ZoneInfo.from_file(file, name), audience)


def test_rules_of_the_host_are_compared(host: Path) -> None:
    (host / "Europe").mkdir()
    for zone in (BERLIN, "Europe/Helsinki", "Europe/Oslo"):
        (host / zone).write_bytes(TZDATA)
    (host / "Europe" / "Paris").write_text("no rules")
    assert not has_other_rules(ZoneInfo(BERLIN), None)
    assert not has_other_rules(ZoneInfo("Europe/Paris"), None)
    assert has_other_rules(ZoneInfo("Europe/Helsinki"), None)
