"""The packages of the guide to plugins work as it says."""

from __future__ import annotations

import importlib
import json
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any

import pytest

from graphql_app.criteria import CONTRACT_VERSION
from graphql_app.criteria.hooks import ENTRY_POINT_GROUP
from graphql_app.plugins import Plugin, Registry, register
from graphql_app.segments import rule as rules
from graphql_app.settings import Settings
from tests.docs.pages import all_blocks, blocks, page
from tests.support import Client, Server, serving

GUIDE = page("docs/plugins.md")
FILES = {
    block.info.removeprefix("file="): block.text
    for block in blocks(GUIDE)
    if block.info.startswith("file=")
}
MODULES = [name.removesuffix(".py") for name in FILES if name.endswith(".py")]
RULES = all_blocks("json", "plugin rule")


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, ModuleType]]:
    """The guide's modules, imported from files."""
    directory = tmp_path_factory.mktemp("guide")
    for name in MODULES:
        (directory / f"{name}.py").write_text(FILES[f"{name}.py"])
    sys.path.insert(0, str(directory))
    yield {name: importlib.import_module(name) for name in MODULES}
    sys.path.remove(str(directory))
    for name in MODULES:
        del sys.modules[name]


@pytest.fixture(scope="module")
def extended(modules: Mapping[str, ModuleType]) -> Registry:
    """The built-in criteria and the guide's."""
    implementations: dict[Plugin, Any] = {
        Plugin(point.name, "open-segments", ""): point.load()
        for point in entry_points(group=ENTRY_POINT_GROUP)
    }
    for name, module in modules.items():
        implementations[Plugin(name, name.replace("_", "-"), "1.0.0")] = module
    return register(implementations)


@pytest.fixture
def acme(server: Server, settings: Settings, extended: Registry) -> Iterator[Client]:
    """A shop on a server that has the guide's criteria, with a few facts."""
    services = replace(server.services, registry=extended)
    with serving(services, settings) as address:
        other = Server(address, services, server.http, _made=server._made + 1_000_000)
        shop = other.shop()
        server._made += 1
        shop.record("contactsUpsert", [{"id": str(number)} for number in (1, 2, 3)])
        sent = "2024-05-01T09:00:00Z"
        shop.record(
            "textsRecord",
            [
                {"id": "1", "contactId": "1", "sentAt": sent, "clickedAt": "2024-05-01T10:00:00Z"},
                {"id": "2", "contactId": "2", "sentAt": sent},
                {"id": "3", "contactId": "3", "sentAt": sent, "clickedAt": "2023-12-31T23:00:00Z"},
            ],
        )
        shop.record(
            "eventsRecord",
            [
                {"id": "1", "contactId": "1", "name": "signup", "occurredAt": sent},
                {"id": "2", "contactId": "1", "name": "login", "occurredAt": sent},
                {"id": "3", "contactId": "2", "name": "login", "occurredAt": sent},
            ],
        )
        yield shop


def test_the_entry_point_names_the_module_of_the_guide() -> None:
    project = tomllib.loads(FILES["pyproject.toml"])["project"]
    assert set(project["entry-points"][ENTRY_POINT_GROUP].values()) <= set(MODULES)
    assert project["dependencies"] == ["open-segments"]


def test_the_modules_name_the_version_of_the_contract(modules: Mapping[str, ModuleType]) -> None:
    assert [module.CONTRACT_VERSION for module in modules.values()] == [CONTRACT_VERSION] * 2


@pytest.mark.usefixtures("modules")
def test_the_guide_registers_its_module_beside_the_built_in_ones() -> None:
    (snippet,) = (block for block in blocks(GUIDE) if block.language == "python" and not block.info)
    names: dict[str, Any] = {}
    exec(snippet.text, names)  # noqa: S102  # the guide's own
    assert {"textsClicked", "spend"} <= set(names["registry"].criteria)


@pytest.mark.parametrize("block", RULES, ids=str)
def test_a_rule_of_the_guide_is_valid(block: Any, extended: Registry) -> None:
    document = json.loads(block.text)
    assert rules.document(rules.parse(document, extended.criteria)) == document


def test_the_criteria_of_the_guide_count(acme: Client) -> None:
    clicked, not_signed_up = (json.loads(block.text) for block in RULES)
    assert acme.members(clicked) == 1
    assert acme.members({"textsClicked": {"operator": "EQUALS", "count": 0}}) == 1
    assert acme.members(not_signed_up) == 2
    both = {"acmeEvent": {"operator": "HAPPENED", "names": ["login"]}}
    size = acme.size(both)
    assert size["members"] == 2
    assert size["parts"][0]["summary"] == 'Event happened: "login"'


def test_the_problems_that_a_criterion_of_the_guide_finds_are_told(acme: Client) -> None:
    query = "query ($rule: RuleInput!) { segmentSize(rule: $rule) { members } }"
    rule = {"acmeEvent": {"operator": "HAPPENED", "names": ["login", "Login"]}}
    (error,) = acme.errors(query, rule=rule)
    assert error["extensions"]["path"] == ["rule", "acmeEvent", "names"]


def test_the_starters_and_suggestions_of_the_guide_are_there(acme: Client) -> None:
    answer = acme.ask(
        """
        {
          segments(search: "signed up") { nodes { isDefault size { members } } }
          segmentTemplates { key rule }
          fieldSuggestions(criterion: "acmeEvent", field: "names", search: "log") { value }
        }
        """
    )
    assert answer["segments"]["nodes"] == [{"isDefault": True, "size": {"members": 1}}]
    rules_by_key = {template["key"]: template["rule"] for template in answer["segmentTemplates"]}
    assert rules_by_key["acme-active"]["acmeEvent"]["names"] == ["login"]
    assert answer["fieldSuggestions"] == [{"value": "login"}]


def test_the_code_of_the_guide_is_formatted_for_readers() -> None:
    longest = max(len(line) for text in FILES.values() for line in text.splitlines())
    assert longest <= 100


def test_the_guide_imports_only_what_plugins_may() -> None:
    allowed = ("graphql_app.criteria", "graphql_app.audience.tables")
    for name in MODULES:
        imported = [
            line.split()[1]
            for line in FILES[f"{name}.py"].splitlines()
            if line.startswith("from graphql_app")
        ]
        assert imported, name
        assert set(imported) <= set(allowed), name
