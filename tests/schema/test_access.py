"""Tokens and scopes: what each may use, and what requests without a valid token get."""

import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, select

from graphql_app.catalog import tokens
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.settings import Settings
from graphql_app.startup.catalog import open_catalog
from tests.catalogs import on_both
from tests.schema.operations import EVERYONE, everything, send
from tests.schema.roots import MUTATIONS, NEEDS, QUERIES, ROOTS, SHOP, SUBSCRIPTIONS, Shop
from tests.support import Server

server = on_both

SENTENCE = re.compile(r"Requires ((?:`[a-z:]+`(?: and )?)+)\.$")


@pytest.fixture
def owned(server: Server) -> Shop:
    return Shop(server)


@pytest.fixture(scope="module")
def shared(server: Server) -> Iterator[Shop]:
    """Return a shop that no test changes."""
    shop = Shop(server)
    before = shop.state()
    yield shop
    assert shop.state() == before


def test_every_root_field_documents_its_scopes_and_is_tested_here(shared: Shop) -> None:
    schema = shared.client.ask(ROOTS)["__schema"]
    queries = {field["name"] for field in schema["queryType"]["fields"]}
    mutations = {field["name"] for field in schema["mutationType"]["fields"]}
    assert queries == {*QUERIES}
    assert mutations == {*MUTATIONS}
    assert {field["name"] for field in schema["subscriptionType"]["fields"]} == {*SUBSCRIPTIONS}
    for field in [field for root in schema.values() for field in root["fields"]]:
        if field["name"] not in {"node", "nodes"}:  # their scopes depend on the id
            stated = SENTENCE.search(field["description"])
            scopes = {*re.findall("`([a-z:]+)`", stated[1])} if stated else set()
            assert scopes == NEEDS[field["name"]]


def test_a_root_field_needs_no_other_scopes(owned: Shop) -> None:
    last = {"segmentDelete", "contactsForget"}  # the other operations need what these delete
    for name in sorted(NEEDS, key=lambda name: name in last):
        answer = owned.having(*NEEDS[name]).post(owned.query(name)).json()
        assert "errors" not in answer, name
        assert answer["data"][name] is not None, name


def test_a_token_without_scopes_sees_only_the_name_of_its_shop(shared: Shop) -> None:
    without_scopes = shared.having()
    assert without_scopes.ask(SHOP)["shop"]["handle"] == shared.client.shop.handle
    for name, scopes in NEEDS.items():
        if scopes:
            codes = {
                error["extensions"]["code"] for error in without_scopes.errors(shared.query(name))
            }
            assert codes == {"FORBIDDEN"}


@pytest.mark.parametrize(
    ("query", "scope"),
    [
        ('{ segment(id: "SEGMENT") { size { members } } }', "contacts:read"),
        ('{ segment(id: "SEGMENT") { members { totalCount } } }', "contacts:read"),
        ('{ segment(id: "SEGMENT") { contains(contactId: "CONTACT") } }', "contacts:read"),
        ("{ segments { nodes { size { members } } } }", "contacts:read"),
        (
            '{ segment(id: "SEGMENT") { members { edges { explanation { isMember } } } } }',
            "contacts:read",
        ),
        ("{ segments { edges { node { members { totalCount } } } } }", "contacts:read"),
        ('{ node(id: "SEGMENT") { ... on Segment { size { members } } } }', "contacts:read"),
        ("{ shop { contactCounts { contacts } } }", "contacts:read"),
        ('{ contact(id: "CONTACT") { segments { name } } }', "segments:read"),
        ('{ node(id: "CONTACT") { ... on Contact { segments { name } } } }', "segments:read"),
        ('{ node(id: "CONTACT") { id } }', "contacts:read"),
        ('{ nodes(ids: ["SEGMENT"]) { id } }', "segments:read"),
        ('{ n: node(id: "SEGMENT") { id } }', "segments:read"),
        ("fragment F on Query { segments { totalCount } } { ...F }", "segments:read"),
    ],
)
def test_nested_fields_check_their_own_scopes(shared: Shop, query: str, scope: str) -> None:
    text = query.replace("SEGMENT", shared.segment).replace("CONTACT", shared.contact)
    assert shared.client.ask(text)
    answer = shared.lacking(scope).post(text).json()
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"FORBIDDEN"}
    assert set(_leaves(answer["data"])) <= {None}
    assert "secret" not in str(answer).casefold()


def _leaves(data: Any) -> Iterator[Any]:
    if isinstance(data, dict | list):
        for inner in data.values() if isinstance(data, dict) else data:
            yield from _leaves(inner)
    else:
        yield data


def _tokens(shared: Shop) -> Mapping[str, str | None]:
    token = shared.client.token
    other = shared.having(*TokenScope).token
    return {
        "none": None,
        "empty": "",
        "no scheme": token,
        "another scheme": f"Basic {token}",
        "no token": "Bearer",
        "garbage": "Bearer x",
        "cut short": f"Bearer {token[:-1]}",
        "too long": f"Bearer {token}x",
        "another's secret": f"Bearer {token[:21]}{other[21:]}",
        "unknown id": f"Bearer seg_{'0' * 16}_{token[21:]}",
        "in capitals": f"Bearer {token.upper()}",
        "twice": f"Bearer {token} {token}",
        "SQL": "Bearer ' OR 1=1 --",
        "long": "Bearer " + "x" * 20_000,
    }


@pytest.mark.parametrize("method", ["POST", "GET", "PUT", "OPTIONS"])
def test_a_request_without_a_valid_token_is_rejected(shared: Shop, method: str) -> None:
    for name, header in _tokens(shared).items():
        headers = {} if header is None else {"Authorization": header}
        response = shared.client.http.request(
            method,
            f"{shared.client.address}/graphql",
            params={"query": SHOP} if method == "GET" else None,
            json=None if method == "GET" else {"query": SHOP},
            headers=headers,
        )
        assert response.status_code == 401, name
        assert response.headers["www-authenticate"] == "Bearer"
        answer = response.json()
        assert [*answer] == ["errors"]
        (error,) = answer["errors"]
        assert {*error} == {"message", "extensions"}
        assert error["extensions"] == {"code": "UNAUTHENTICATED"}


def test_a_bad_token_is_reported_before_errors_in_the_request(shared: Shop) -> None:
    answers = {
        send(shared.client, content, Authorization="Bearer x").text
        for content in (b"", b"{", b"[" * 100_000, b'{"query": "{ nothing }"}', b" " * 100_000)
    }
    assert len(answers) == 1
    response = send(
        shared.client, b'{"query": "{ __schema { types { name } } }"}', Authorization=""
    )
    assert response.status_code == 401


def test_the_authorization_scheme_is_case_insensitive(shared: Shop) -> None:
    body = b'{"query": "{ shop { handle } }"}'
    for scheme in ("bearer", "BEARER", "Bearer "):
        header = f"{scheme} {shared.client.token}"
        assert "data" in send(shared.client, body, Authorization=header).json()


def test_a_revoked_token_stops_within_a_second_and_others_keep_working(
    owned: Shop, server: Server
) -> None:
    client = owned.having(*TokenScope)
    assert client.ask(SHOP)
    tokens.revoke_token(server.services.catalog, client.token.split("_")[1])
    time.sleep(tokens.CACHE_SECONDS)
    response = client.post(SHOP)
    assert response.status_code == 401
    assert response.json()["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}
    assert "data" not in response.json()
    assert owned.client.ask(SHOP)


def test_no_row_holds_a_token_in_clear_text(owned: Shop, server: Server) -> None:
    token = owned.client.token
    prefix, number, secret = token.split("_", 2)
    assert prefix == "seg"
    assert len(secret) == 43
    tables = MetaData()
    with server.services.catalog.read() as session:
        tables.reflect(session.connection())
        rows = [session.execute(select(table)).all() for table in tables.tables.values()]
    stored = str(rows)
    assert number in stored
    assert "Secret segment" in stored
    assert secret not in stored


def test_files_on_disk_are_readable_only_by_their_owner(settings: Settings, tmp_path: Path) -> None:
    new = tmp_path / "new"
    with open_catalog(settings.model_copy(update={"data_dir": new})):
        assert new.stat().st_mode & 0o777 == 0o700


def test_a_token_belongs_to_one_shop(owned: Shop, server: Server) -> None:
    other = server.shop()
    assert other.ask(SHOP)["shop"]["handle"] == other.shop.handle
    assert other.size(EVERYONE)["contacts"] == 0
    assert all(segment["isDefault"] for segment in everything(other))
    assert len(everything(owned.client)) == 3
