"""A segment whose plugin is missing keeps its rule, reports the problem, and has no size."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from graphql_app.plugins import PluginError, Registry, run_checks
from graphql_app.runtime.services import Services
from graphql_app.segments.templates import check_segment_rules
from graphql_app.settings import Settings
from tests.factories import contacts
from tests.support import Client, Server, serving

CREATE = """
mutation ($input: SegmentCreateInput!) {
  segmentCreate(input: $input) { segment { id rule summary } userErrors { code message } }
}
"""
SEGMENT = """
query ($id: ID!) { segment(id: $id) { name rule summary problems { code message path } } }
"""
SIZE = "query ($id: ID!) { segment(id: $id) { size { members } } }"
RULE = {"all": [{"not": {"spend": {"operator": "GREATER_THAN", "amount": "50.00"}}}]}


def _without_spend(registry: Registry) -> Registry:
    criteria = {key: kind for key, kind in registry.criteria.items() if key != "spend"}
    templates = tuple(template for template in registry.templates if template.key != "vips")
    return replace(registry, criteria=criteria, templates=templates)


@pytest.fixture
def bare(server: Server, services: Services, settings: Settings) -> Iterator[Server]:
    """Serve the same data without the plugin of one criterion."""
    fewer = replace(services, registry=_without_spend(services.registry))
    with serving(fewer, settings) as address:
        yield replace(server, address=address, services=fewer)


def test_a_segment_outlives_the_plugin_of_its_criterion(shop: Client, bare: Server) -> None:
    shop.record("contactsUpsert", contacts(1))
    created = shop.ask(CREATE, input={"name": "Thrifty", "rule": RULE})["segmentCreate"]["segment"]
    client = bare.client(shop.shop)

    found = client.ask(SEGMENT, id=created["id"])["segment"]
    assert found["rule"] == created["rule"] == RULE
    assert found["summary"] == "Has spent at most $50.00"
    [problem] = found["problems"]
    assert problem["code"] == "UNKNOWN_CRITERION"
    assert problem["path"] == ["rule", "all", "0", "not", "spend"]
    assert "'spend'" in problem["message"]

    [error] = client.errors(SIZE, id=created["id"])
    assert error["extensions"]["code"] == "UNKNOWN_CRITERION"
    person = "query { segmentMembers(rule: {all: []}) { nodes { segments { name } } } }"
    [node] = client.ask(person)["segmentMembers"]["nodes"]
    assert "Thrifty" not in [segment["name"] for segment in node["segments"]]

    assert shop.ask(SEGMENT, id=created["id"])["segment"]["problems"] == []
    assert shop.ask(SIZE, id=created["id"])["segment"]["size"] == {"members": 1}


def test_an_invalid_default_segment_is_named_at_startup(registry: Registry) -> None:
    assert check_segment_rules(registry) == []
    criteria = {key: kind for key, kind in registry.criteria.items() if key != "location"}
    with pytest.raises(PluginError, match=r"All US/Canada.*'location'"):
        run_checks(replace(registry, criteria=criteria), [check_segment_rules], strict=True)
