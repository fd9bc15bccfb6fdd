"""A third-party package works exactly like the built-in plugins."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.e2e.process import Running, run_commands, server
from tests.factories import contacts
from tests.installed import ROOT, fresh_environment, install, run

ACME = ROOT / "tests/plugins/acme_loyalty"

METADATA = """
query ($key: String!) {
  criterion(key: $key) {
    key label description group inputType plugin { name version } example jsonSchema uiSchema
    operators { name label negated fields }
    fields { name label kind required multiple minimum maximum placeholder suggests usedWith }
  }
}
"""
SUGGEST = """
query ($search: String!) {
  fieldSuggestions(criterion: "loyaltyTier", field: "tiers", search: $search) { value label }
}
"""
RECORD = """
mutation ($rows: [JSON!]!) {
  factsRecord(table: "acme_loyalty_accounts", rows: $rows) {
    recorded userErrors { code message path }
  }
}
"""
CREATE = """
mutation ($input: SegmentCreateInput!) {
  segmentCreate(input: $input) { segment { id } }
}
"""
SEGMENT = """
query ($id: ID!) {
  segment(id: $id) { name rule summary size { members } problems { code message path } }
}
"""
MEASURED = """
query ($rule: RuleInput!) {
  segmentMembers(rule: $rule) {
    edges { node { sourceId } explanation { parts { summary measured } } }
  }
}
"""
TABLES = "{ factTables { name plugin { name version } key fields { name kind required } } }"
TEMPLATES = "{ segmentTemplates { key name rule summary } }"


def points(operator: str, count: int) -> dict[str, Any]:
    return {"loyaltyPoints": {"operator": operator, "count": count}}


@pytest.fixture(scope="module")
def bin_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a fresh environment with the product's and Acme's wheels; return its programs."""
    return fresh_environment(tmp_path_factory.mktemp("fresh"), ACME)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def commands_output(bin_dir: Path, data_dir: Path) -> str:
    """Import a shop of five contacts, four with accounts; list the plugins; create a token.

    Another shop has different accounts for the same contacts.
    """
    files = {"contacts": "id,country", "accounts": "contact_id,points,tier"}
    rows = {
        ("acme", "contacts"): [f"{number},US" for number in range(1, 6)],
        ("acme", "accounts"): ["1,100,silver", "2,500,gold", "3,900,gold", "4,700,"],
        ("other", "contacts"): ["1,US", "2,US"],
        ("other", "accounts"): ["1,9999,diamond", "2,9999,diamond"],
    }
    commands, recorded = [], []
    for shop in ("acme", "other"):
        commands.append(["shop", "create", shop])
        for name, head in files.items():
            file = data_dir / f"{shop}-{name}.csv"
            file.write_text("\n".join([head, *rows[shop, name]]) + "\n")
            commands.append(["import", str(file), "--shop", shop])
            fact = "contacts" if name == "contacts" else "acme_loyalty_accounts"
            recorded.append(f"{fact}: {len(rows[shop, name])} recorded")
    commands += [["plugins", "list"], ["token", "create", "--shop", "acme"]]
    output = run_commands(data_dir, bin_dir / "segments", *commands)
    assert re.findall(r"^\w+: \d+ recorded", output, re.MULTILINE) == recorded
    return output


@pytest.fixture(scope="module")
def acme_token(commands_output: str) -> str:
    return commands_output.rsplit(maxsplit=1)[-1]


@pytest.fixture(scope="module")
def running(bin_dir: Path, data_dir: Path, acme_token: str) -> Iterator[Running]:
    with server(data_dir, program=bin_dir / "segments") as process:
        yield process


def test_the_packages_own_tests_pass_where_it_is_installed(bin_dir: Path, tmp_path: Path) -> None:
    copy = tmp_path / "test_acme_loyalty.py"
    copy.write_text((ACME / "tests/test_acme_loyalty.py").read_text())
    output = run(bin_dir / "python", "-m", "pytest", "-q", "-W", "error", copy, cwd=tmp_path)
    assert "2 passed" in output


def test_the_command_lists_the_package(commands_output: str) -> None:
    _, _, listed = commands_output.rpartition(" recorded")
    assert "loyaltyPoints" in listed
    assert "acme-loyalty 2.1.0" in listed
    assert "acme_loyalty_accounts" in listed


def test_its_criteria_combine_with_built_in_criteria(running: Running, acme_token: str) -> None:
    in_the_us = {"location": {"operator": "ANY_OF", "countries": ["US"]}}
    found = running.client(acme_token).size({"all": [points("AT_LEAST", 500), in_the_us]})
    assert (found["members"], found["contacts"]) == (3, 5)
    part = found["parts"][1]
    assert (part["summary"], part["members"]) == ("Loyalty points is at least 500", 3)
    tier = {"loyaltyTier": {"operator": "NONE_OF", "tiers": ["gold"]}}
    sizes: list[tuple[dict[str, Any], int]] = [
        (points("LESS_THAN", 500), 2),
        (points("EQUALS", 0), 1),
        ({"not": points("EQUALS", 0)}, 4),
        (tier, 3),
        ({"loyaltyTier": {"operator": "IS_SET"}}, 3),
    ]
    for rule, members in sizes:
        assert running.client(acme_token).members(rule) == members


def test_its_measures_are_shown_like_those_of_built_in_criteria(
    running: Running, acme_token: str
) -> None:
    ours = {"spend": {"operator": "AT_LEAST", "amount": "0"}}
    rule = {"all": [points("NOT_EQUALS", 700), ours]}
    edges = running.client(acme_token).ask(MEASURED, rule=rule)["segmentMembers"]["edges"]
    shown = {
        edge["node"]["sourceId"]: [part["measured"] for part in edge["explanation"]["parts"]]
        for edge in edges
    }
    assert shown == {
        "1": [None, "100", "$0.00"],
        "2": [None, "500", "$0.00"],
        "3": [None, "900", "$0.00"],
        "5": [None, "0", "$0.00"],
    }
    assert edges[0]["explanation"]["parts"][1]["summary"] == "Loyalty points is not exactly 700"


@pytest.mark.parametrize(
    ("key", "built_in"), [("loyaltyPoints", "textsReceived"), ("loyaltyTier", "city")]
)
def test_its_metadata_is_like_that_of_built_in_criteria(
    running: Running, acme_token: str, key: str, built_in: str
) -> None:
    theirs = running.client(acme_token).ask(METADATA, key=key)["criterion"]
    ours = running.client(acme_token).ask(METADATA, key=built_in)
    assert theirs.keys() == ours["criterion"].keys()
    assert theirs["plugin"] == {"name": "acme-loyalty", "version": "2.1.0"}
    assert theirs["inputType"] == f"{key[0].upper()}{key[1:]}CriterionInput"
    validator: Any = Draft202012Validator(theirs["jsonSchema"])
    assert validator.is_valid(theirs["example"][key])
    assert not validator.is_valid({**theirs["example"][key], "operator": "LOOKS_LIKE"})
    assert running.client(acme_token).size(theirs["example"])["contacts"] == 5


def test_its_suggestions_and_its_template_use_the_shops_own_data(
    running: Running, acme_token: str
) -> None:
    found = running.client(acme_token).ask(SUGGEST, search="")["fieldSuggestions"]
    assert [option["value"] for option in found] == ["gold", "silver"]
    found = running.client(acme_token).ask(SUGGEST, search="SIL")["fieldSuggestions"]
    assert found == [{"value": "silver", "label": "silver"}]
    templates = running.client(acme_token).ask(TEMPLATES)["segmentTemplates"]
    [template] = [each for each in templates if each["key"] == "acme-reward-ready"]
    assert template["summary"] == "Loyalty tier is any of gold and loyalty points is at least 500"
    assert running.client(acme_token).members(template["rule"]) == 2


def test_the_generic_mutation_records_its_facts(running: Running, acme_token: str) -> None:
    [table] = running.client(acme_token).ask(TABLES)["factTables"]
    assert table["name"] == "acme_loyalty_accounts"
    assert table["plugin"] == {"name": "acme-loyalty", "version": "2.1.0"}
    required = [field["name"] for field in table["fields"] if field["required"]]
    assert required == ["contactId", "points"]

    running.client(acme_token).record("contactsUpsert", contacts(6, 7))
    bad = [{"contactId": "6", "points": 1}, {"contactId": "7", "points": "many"}]
    payload = running.client(acme_token).ask(RECORD, rows=bad)["factsRecord"]
    assert payload["recorded"] == 0
    assert [error["path"] for error in payload["userErrors"]] == [["rows", "1", "points"]]
    rich = points("AT_LEAST", 5_000)
    assert running.client(acme_token).members(rich) == 0

    good = [{"contactId": "6", "points": 5_000}, {"contactId": "7", "points": 6_000}]
    payload = running.client(acme_token).ask(RECORD, rows=good)["factsRecord"]
    assert payload == {"recorded": 2, "userErrors": []}
    assert running.client(acme_token).members(rich) == 2
    running.client(acme_token).forget("6")
    running.client(acme_token).record("contactsUpsert", contacts(6))
    assert running.client(acme_token).members(rich) == 1
    # Forget the contacts again: the server is shared by the module.
    running.client(acme_token).forget("6", "7")


def test_a_segment_survives_uninstalling_the_package(bin_dir: Path, tmp_path: Path) -> None:
    data_dir, program = tmp_path, bin_dir / "segments"
    commands = (["shop", "create", "acme"], ["token", "create", "--shop", "acme"])
    access = run_commands(data_dir, program, *commands).rsplit(maxsplit=1)[-1]
    rule = {"not": points("LESS_THAN", 500)}
    with server(data_dir, program=program) as running:
        running.client(access).record("contactsUpsert", contacts(1, 2))
        running.client(access).ask(RECORD, rows=[{"contactId": "2", "points": 500}])
        created = running.client(access).ask(CREATE, input={"name": "Loyal", "rule": rule})
        segment = created["segmentCreate"]["segment"]
    python = bin_dir / "python"
    run(sys.executable, "-m", "uv", "pip", "uninstall", "--python", python, "acme-loyalty")
    try:
        with server(data_dir, program=program) as running:
            plain = SEGMENT.replace("size { members }", "")
            found = running.client(access).ask(plain, id=segment["id"])["segment"]
            assert (found["name"], found["rule"]) == ("Loyal", rule)
            assert found["summary"] == "Loyalty points is at least 500"
            [problem] = found["problems"]
            assert problem["code"] == "UNKNOWN_CRITERION"
            assert problem["path"] == ["rule", "not", "loyaltyPoints"]
            [error] = running.client(access).errors(SEGMENT, id=segment["id"])
            assert error["extensions"]["code"] == "UNKNOWN_CRITERION"
    finally:
        install(python, *(bin_dir.parent.parent / "wheels").glob("acme_loyalty-*.whl"))
    with server(data_dir, program=program) as running:
        found = running.client(access).ask(SEGMENT, id=segment["id"])["segment"]
        assert found["problems"] == []
        assert found["size"] == {"members": 1}
