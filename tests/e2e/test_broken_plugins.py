"""Broken plugins: strict processes refuse them by name, others continue without them."""

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.client import HTTP
from tests.e2e import process
from tests.e2e.packages import PLUGINS, install
from tests.factories import contacts

# The public reason, and a part of the detail that only operators see.
BROKEN = {
    "bad_hook": ("failed in register_criteria", "a file that is not there"),
    "bad_sentence": ("has a criterion, 'speechless', whose sentence fails", "no words"),
    "bad_sql": ("has a criterion, 'bornUnder', whose SQL fails", "moonPhase"),
    "bad_types": ("has types that do not fit into the GraphQL schema", "Segment"),
    "duplicate_key": ("has the criterion 'spend', which is also in plugin 'spend'", "uninstall"),
    "unimportable": ("cannot be imported", "no license was found"),
}

CREATE = """
mutation ($input: SegmentCreateInput!) {
  segmentCreate(input: $input) { segment { id } userErrors { code } }
}
"""
RENAME = """
mutation ($id: ID!) {
  segmentUpdate(id: $id, input: { name: "Renamed" }) { segment { name } userErrors { code } }
}
"""
SEGMENT = """
query ($id: ID!) { segment(id: $id) { name rule summary problems { code message path } } }
"""
SIZED = "query ($id: ID!) { segment(id: $id) { name size { members } } }"
SHOWN = '{ segments(search: "Steady ones") { nodes { name rule problems { code } } } }'


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "site").mkdir()
    return tmp_path / "site"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    process.segments(tmp_path / "data", "shop", "create", "acme")
    return tmp_path / "data"


@pytest.mark.parametrize("name", BROKEN)
def test_a_strict_server_does_not_start_and_names_the_broken_plugin(
    tmp_path: Path, site: Path, name: str
) -> None:
    distribution = install(site, PLUGINS / "broken" / f"{name}.py")
    output = process.segments(tmp_path / "data", "serve", status=1, PORT="0", PYTHONPATH=str(site))
    reason, detail = BROKEN[name]
    assert f"plugin '{name}' of {distribution} 1.0 {reason}" in output
    assert detail in output
    assert "STRICT_PLUGINS=false" in output


def test_a_lenient_server_starts_and_reports_the_plugins_left_out(data: Path, site: Path) -> None:
    for name in BROKEN:
        install(site, PLUGINS / "broken" / f"{name}.py")
    install(site, PLUGINS / "moody.py")
    token = process.token(data, "acme")
    with process.server(data, "serve", "--no-strict-plugins", PYTHONPATH=str(site)) as running:
        health = HTTP.get(f"{running.address}/health")
        assert health.status_code == 200
        assert health.json()["status"] == "degraded"
        left_out = {found["plugin"]: found for found in health.json()["pluginsLeftOut"]}
        assert left_out.keys() == BROKEN.keys()
        for name, (reason, _) in BROKEN.items():
            assert left_out[name]["distribution"] == f"{name.replace('_', '-')}-criteria"
            assert left_out[name]["version"] == "1.0"
            assert left_out[name]["reason"].startswith(reason)
        for secret in ("no license", "moonPhase", "no words"):
            assert secret not in health.text

        running.client(token).record("contactsUpsert", contacts(1, 2, 3))
        spend = {"spend": {"operator": "EQUALS", "amount": "0"}}
        steady = {"moodySteady": {"operator": "IS", "count": 2}}
        size = running.client(token).size({"all": [spend, steady]})
        assert (size["members"], size["contacts"]) == (2, 3)
        status, output = running.stop(signal.SIGTERM)
        assert status == 0
        for _, detail in BROKEN.values():
            assert detail in output


def test_the_list_of_plugins_includes_broken_ones(tmp_path: Path, site: Path) -> None:
    data = tmp_path / "data"
    for name in BROKEN:
        install(site, PLUGINS / "broken" / f"{name}.py")
    install(site, PLUGINS / "moody.py")
    with process.server(data):  # holds the data directory, which the list does not need
        output = process.segments(data, "plugins", "list", status=1, PYTHONPATH=str(site))
    assert "moodySteady" in output
    assert "moody-criteria 1.0" in output
    assert "open-segments" in output
    for name, (reason, detail) in BROKEN.items():
        [line] = [line for line in output.splitlines() if line.startswith(f"- plugin '{name}'")]
        assert reason in line
        assert detail in line
    assert "│ speechless" not in output


def test_the_list_of_plugins_succeeds_if_all_work(tmp_path: Path) -> None:
    output = process.segments(tmp_path, "plugins", "list")
    assert "spend" in output
    assert "cannot be used" not in output


def test_a_criterion_is_shown_with_its_fields_and_an_example(tmp_path: Path) -> None:
    output = process.segments(tmp_path, "plugins", "show", "event")
    assert "How many times a contact had an event" in output
    assert "plugin 'event' of open-segments" in output
    assert "conditions.number: Number; NUMBER; -99999999999.9999 to 99999999999.9999" in output
    assert "conditions: Where; CONDITION, optional; 1 to 10 of them" in output
    assert '"name": "viewed_product"' in output
    output = process.segments(tmp_path, "plugins", "show", "spnd", status=1)
    assert "Unknown criterion 'spnd'. Did you mean spend" in output


def test_the_demo_starts_without_a_broken_plugin_unless_strict(tmp_path: Path, site: Path) -> None:
    install(site, PLUGINS / "broken/bad_sql.py")
    data, path = tmp_path / "demo", str(site)
    refused = process.segments(data, "demo", "--strict-plugins", status=1, PYTHONPATH=path)
    assert "plugin 'bad_sql' of bad-sql-criteria 1.0" in refused
    output = process.segments(data, "demo", PYTHONPATH=path)
    assert "Loaded the demo shop" in output
    assert "left out: plugin 'bad_sql' of bad-sql-criteria 1.0" in output


def test_a_segment_keeps_its_rule_while_its_plugin_is_broken(data: Path, site: Path) -> None:
    settings: dict[str, Any] = {"PYTHONPATH": str(site), "STRICT_PLUGINS": "false"}
    install(site, PLUGINS / "moody.py")
    token = process.token(data, "acme")
    rule: dict[str, Any] = {"not": {"moodySteady": {"operator": "IS", "count": 2}}}
    with process.server(data, **settings) as running:
        running.client(token).record("contactsUpsert", contacts(1, 2, 3))
        created = running.client(token).ask(CREATE, input={"name": "Unsteady", "rule": rule})
        id = created["segmentCreate"]["segment"]["id"]
        assert running.client(token).ask(SIZED, id=id)["segment"]["size"] == {"members": 1}

    module = site / "moody.py"
    module.write_text("raise RuntimeError('no license was found')")
    with process.server(data, **settings) as running:
        found = running.client(token).ask(SEGMENT, id=id)["segment"]
        assert (found["name"], found["rule"]) == ("Unsteady", rule)
        assert found["summary"].startswith("Steady is not ")
        [problem] = found["problems"]
        assert problem["code"] == "UNKNOWN_CRITERION"
        assert problem["path"] == ["rule", "not", "moodySteady"]
        assert "Plugins left out at startup: moody-criteria 1.0 (moody)" in problem["message"]
        assert "license" not in problem["message"]
        [error] = running.client(token).errors(SIZED, id=id)
        assert error["extensions"]["code"] == "UNKNOWN_CRITERION"
        renamed = running.client(token).ask(RENAME, id=id)["segmentUpdate"]
        assert renamed == {"segment": {"name": "Renamed"}, "userErrors": []}
        [default] = running.client(token).ask(SHOWN)["segments"]["nodes"]
        assert [problem["code"] for problem in default["problems"]] == ["UNKNOWN_CRITERION"]

    module.write_text((PLUGINS / "moody.py").read_text())
    with process.server(data, **settings) as running:
        found = running.client(token).ask(SEGMENT, id=id)["segment"]
        assert (found["name"], found["rule"], found["problems"]) == ("Renamed", rule, [])
        assert running.client(token).ask(SIZED, id=id)["segment"]["size"] == {"members": 1}
        [default] = running.client(token).ask(SHOWN)["segments"]["nodes"]
        assert default["problems"] == []
