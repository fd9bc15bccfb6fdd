"""The examples in the docs run and return the answers shown."""

import json
import secrets
import shlex
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLSchema, build_schema, parse, validate

from graphql_app.demo import load
from graphql_app.plugins import Registry
from graphql_app.schema.build import build_schema as build
from graphql_app.segments.rules import parser, tree
from tests.docs.pages import PAGES, Block, all_blocks, blocks
from tests.factories import order
from tests.support import Client, Server

GRAPHQL = all_blocks("graphql")
RULES = all_blocks("json", "rule")
CURLS = [block for block in all_blocks("sh") if "curl" in block.text]
ANSWERED = [path for path in PAGES if any(block.info == "answer" for block in blocks(path))]


@pytest.fixture(scope="module")
def schema(registry: Registry) -> GraphQLSchema:
    return build_schema(build(registry).as_str())


@pytest.fixture
def demo(server: Server, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Return a client of a new demo shop, which the examples may change."""
    monkeypatch.setattr(load, "DEMO_HANDLE", f"demo-{secrets.token_hex(4)}")
    shop, loaded = load.load_demo(server.services)
    assert loaded
    return server.client(shop)


def body(curl: Block) -> dict[str, Any]:
    command = curl.text[curl.text.index("curl") :].replace("\\\n", " ")
    arguments = shlex.split(command)
    sent: dict[str, Any] = json.loads(arguments[arguments.index("-d") + 1])
    return sent


def test_the_pages_contain_examples_of_every_kind() -> None:
    assert len(GRAPHQL) >= 10
    assert len(RULES) >= 6
    assert len(CURLS) == 2
    assert [path.name for path in ANSWERED] == ["README.md", "api.md"]


@pytest.mark.parametrize("block", GRAPHQL, ids=str)
def test_a_graphql_example_is_valid(block: Block, schema: GraphQLSchema) -> None:
    assert validate(schema, parse(block.text)) == []


@pytest.mark.parametrize("block", RULES, ids=str)
def test_a_rule_is_valid_and_canonical(block: Block, registry: Registry) -> None:
    document = json.loads(block.text)
    assert tree.document(parser.parse(document, registry)) == document


@pytest.mark.parametrize("block", CURLS, ids=str)
def test_a_curl_example_sends_a_valid_query_and_a_token(
    block: Block, schema: GraphQLSchema
) -> None:
    assert validate(schema, parse(body(block)["query"])) == []
    assert "Authorization: Bearer " in block.text
    assert "Content-Type: application/json" in block.text


@pytest.mark.parametrize("block", all_blocks("json"), ids=str)
def test_a_json_block_parses(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("path", ANSWERED, ids=lambda path: path.name)
def test_the_examples_of_a_page__run_in_order__return_the_answers_shown(
    path: Path, demo: Client
) -> None:
    found = blocks(path)
    answered = 0
    for number, block in enumerate(found):
        if block.info != "answer":
            continue
        answer = demo.post(*_operation_above(found[:number])).json()
        assert answer == json.loads(block.text), block
        answered += 1
    assert answered >= 4


def _operation_above(before: list[Block]) -> tuple[str, dict[str, Any]]:
    """Return the operation and the variables above an answer."""
    last = before[-1]
    if last.language == "sh":
        sent = body(last)
        return sent["query"], sent.get("variables", {})
    if last.info == "variables":
        return before[-2].text, json.loads(last.text)
    assert last.language == "graphql", last
    return last.text, {}


def test_cancelling_the_order_of_the_readme_removes_its_contact(demo: Client) -> None:
    rule = body(CURLS[0])["variables"]["rule"]
    placed = order(900_001, 14_576, total="25.50", at="2011-12-09T13:00:00Z")
    demo.record("ordersUpsert", [placed])
    assert demo.members(rule) == 1986
    demo.record("ordersUpsert", [{**placed, "cancelledAt": "2011-12-09T14:00:00Z"}])
    assert demo.members(rule) == 1985
