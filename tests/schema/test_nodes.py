"""``node`` and ``nodes``, and ids that are invalid or belong to another shop."""

import base64
import json
from typing import Any

import pytest

from graphql_app.catalog.token_scope import TokenScope
from tests.catalogs import on_both
from tests.factories import contacts
from tests.schema.operations import (
    ARCHIVE,
    DELETE,
    DUPLICATE,
    GET,
    ORDERED,
    UNARCHIVE,
    UPDATE,
    create,
    refused,
)
from tests.support import Client, Server

server = on_both

NODE = """
query ($id: ID!) {
  node(id: $id) { __typename id ... on Segment { name } ... on Shop { name } }
}
"""
CONTAINS = """
query ($id: ID!, $person: ID!) { segment(id: $id) { contains(contactId: $person) } }
"""
NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"


@pytest.fixture
def other(server: Server) -> Client:
    return server.shop()


def _forged(*parts: Any) -> str:
    text = json.dumps(parts, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def test_node_finds_every_kind_of_object(shop: Client) -> None:
    shop.record("contactsUpsert", contacts(2**64 - 1))
    segment = create(shop, "Mine")
    own = shop.ask("{ shop { id } }")["shop"]["id"]
    contact = shop.ask("{ segmentMembers(rule: {all: []}) { nodes { id } } }")
    contact_id = contact["segmentMembers"]["nodes"][0]["id"]
    ids = [contact_id, segment["id"], own]
    kinds = ["Contact", "Segment", "Shop"]
    for number, kind in zip(ids, kinds, strict=True):
        found = shop.ask(NODE, id=number)["node"]
        assert (found["__typename"], found["id"]) == (kind, number)
    found = shop.ask(NODES, ids=[*ids, ids[0]])["nodes"]
    assert [node["id"] for node in found] == [*ids, ids[0]]
    assert [node["__typename"] for node in found] == [*kinds, "Contact"]


def test_an_id_of_another_kind_finds_nothing(shop: Client) -> None:
    segment = create(shop, "Mine")
    own = shop.ask("{ shop { id } }")["shop"]["id"]
    assert shop.ask(GET, id=own)["segment"] is None
    contact = "query ($id: ID!) { contact(id: $id) { id } }"
    assert shop.ask(contact, id=segment["id"])["contact"] is None
    assert refused(shop.ask(DELETE, id=own)) == [("NOT_FOUND", ["id"])]


@pytest.mark.parametrize(
    "number",
    [
        "", "1", "x", "é", "\x00", "A" * 10_000, "W10", _forged(), _forged("Segment"),
        _forged("Segment", "1"), _forged("Segment", -1), _forged("Segment", 1.0),
        _forged("Segment", True), _forged("Segment", 2**64), _forged("Segment", 1, 1),
        _forged("Segment", 1) + "=",
    ],
)  # fmt: skip
def test_invalid_ids_are_coded_errors_everywhere(shop: Client, number: str) -> None:
    contact = "query ($id: ID!) { contact(id: $id) { id } }"
    for query in (GET, NODE, contact):
        [error] = shop.errors(query, id=number)
        assert error["extensions"] == {"code": "INVALID", "path": ["id"]}
    [error] = shop.errors(NODES, ids=[number])
    assert error["extensions"]["path"] == ["ids", "0"]
    for mutation, variables in (
        (UPDATE, {"input": {"name": "x"}}),
        (DELETE, {}),
        (DUPLICATE, {}),
        (ARCHIVE, {}),
        (UNARCHIVE, {}),
    ):
        assert refused(shop.ask(mutation, id=number, **variables)) == [("INVALID", ["id"])]


def test_another_shops_ids_look_like_missing_ones(shop: Client, other: Client) -> None:
    other.record("contactsUpsert", contacts(77))
    secret = create(other, "Secret", ORDERED)
    nothing = _forged("Segment", 2**31 - 1)
    contact = other.ask("{ segmentMembers(rule: {all: []}) { nodes { id } } }")
    theirs = contact["segmentMembers"]["nodes"][0]["id"]
    own = create(shop, "Own")
    shop_id = other.ask("{ shop { id } }")["shop"]["id"]

    def answers(segment: str, person: str, owner: str) -> list[Any]:
        queries: list[tuple[str, dict[str, Any]]] = [
            (GET, {"id": segment}),
            (NODE, {"id": segment}),
            (NODE, {"id": owner}),
            (NODES, {"ids": [segment, person, owner]}),
            ("query ($id: ID!) { contact(id: $id) { id email } }", {"id": person}),
            (CONTAINS, {"id": own["id"], "person": person}),
            (UPDATE, {"id": segment, "input": {"name": "Taken over"}}),
            (UPDATE, {"id": segment, "input": {"name": "Taken over", "expectedVersion": 7}}),
            (UPDATE, {"id": segment, "input": {"rule": {"any": []}}}),
            (DUPLICATE, {"id": segment}),
            (ARCHIVE, {"id": segment}),
            (UNARCHIVE, {"id": segment}),
            (DELETE, {"id": segment}),
        ]
        return [shop.post(query, variables).json() for query, variables in queries]

    found = answers(secret["id"], theirs, shop_id)
    assert found == answers(nothing, _forged("Contact", 404), _forged("Shop", 2**31 - 1))
    assert "errors" not in found[0]
    assert other.ask(GET, id=secret["id"])["segment"] == {**secret, "problems": []}


def test_a_bad_id_leaves_the_other_nodes_alone(shop: Client, server: Server) -> None:
    shop.record("contactsUpsert", contacts(5))
    segment, contact = create(shop, "Mine")["id"], _forged("Contact", 5)
    own = shop.ask("{ shop { id } }")["shop"]["id"]
    ids = ["x", segment, contact, _forged("Contact", 6), "", own]
    reader = server.client(shop.shop, [TokenScope.SEGMENTS_READ])
    for client, found, refused_ids in (
        (shop, [None, segment, contact, None, None, own], {0: "INVALID", 4: "INVALID"}),
        (
            reader,
            [None, segment, None, None, None, own],
            {0: "INVALID", 2: "FORBIDDEN", 3: "FORBIDDEN", 4: "INVALID"},
        ),
    ):
        answer = client.post(NODES, {"ids": ids}).json()
        assert [node and node["id"] for node in answer["data"]["nodes"]] == found
        assert [
            (error["path"], error["extensions"]["code"], error["extensions"]["path"])
            for error in answer["errors"]
        ] == [(["nodes", n], code, ["ids", str(n)]) for n, code in refused_ids.items()]


def test_the_number_of_nodes_is_limited(shop: Client) -> None:
    own = shop.ask("{ shop { id } }")["shop"]["id"]
    assert len(shop.ask(NODES, ids=[own] * 250)["nodes"]) == 250
    errors = shop.errors(NODES, ids=[own] * 251)
    assert errors[0]["extensions"] == {"code": "LIMIT_EXCEEDED", "path": ["ids"]}
