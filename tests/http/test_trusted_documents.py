"""Documents of a list alone, over every transport, and a schema that is not told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from graphql_app.errors import AppError
from graphql_app.http.trusted_documents import Documents
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings
from tests.support import Client, Server, serving, streaming

SHOP = "query Shop { shop { handle } }"
COUNT = "subscription Count($rule: RuleInput!) { segmentSize(rule: $rule) { members } }"
RECORD = 'mutation Record { contactsUpsert(contacts: [{ id: "1" }]) { recorded } }'
OTHER = "{ shop { name } }"
DOCUMENTS = {sha256(text.encode()).hexdigest(): text for text in (SHOP, COUNT, RECORD)}
IDS = {text: name for name, text in DOCUMENTS.items()}
UNTRUSTED = {"code": "UNTRUSTED_DOCUMENT"}

NAMED: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "with its algorithm": lambda text: {"documentId": f"sha256:{IDS[text]}"},
    "bare": lambda text: {"documentId": IDS[text]},
    "as Apollo does": lambda text: {
        "extensions": {"persistedQuery": {"version": 1, "sha256Hash": IDS[text]}}
    },
    "with its text": lambda text: {"documentId": IDS[text], "query": text},
    "by its text": lambda text: {"query": text},
}
REFUSED: Mapping[str, Mapping[str, Any]] = {
    "a text": {"query": OTHER},
    "no text": {"query": ""},
    "another text": {"query": OTHER, "documentId": IDS[SHOP]},
    "another text for Apollo": {
        "query": OTHER,
        "extensions": {"persistedQuery": {"version": 1, "sha256Hash": IDS[SHOP]}},
    },
    "an unknown name": {"documentId": "sha256:" + "0" * 64},
    "another algorithm": {"documentId": f"md5:{IDS[SHOP]}"},
    "no name": {"documentId": ""},
    "a text with a blank more": {"query": f"{SHOP} "},
    "a surrogate": {"query": "\ud800"},
}


@pytest.fixture(scope="module")
def address(
    services: Services, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A server with trusted documents."""
    path = tmp_path_factory.mktemp("documents") / "persisted-documents.json"
    path.write_text(json.dumps(DOCUMENTS))
    with serving(services, settings.model_copy(update={"trusted_documents": path})) as address:
        yield address


@pytest.fixture
def shop(server: Server, address: str) -> Client:
    """A shop on it."""
    return replace(server.shop(), address=address)


def _post(shop: Client, body: Mapping[str, Any]) -> httpx.Response:
    headers = {"Authorization": f"Bearer {shop.token}", "Content-Type": "application/json"}
    return shop.http.post(f"{shop.address}/graphql", content=json.dumps(body), headers=headers)


def _get(shop: Client, body: Mapping[str, Any]) -> httpx.Response:
    params = {
        name: value if isinstance(value, str) else json.dumps(value) for name, value in body.items()
    }
    headers = {"Authorization": f"Bearer {shop.token}"}
    return shop.http.get(f"{shop.address}/graphql", params=params, headers=headers)


@pytest.mark.parametrize("how", NAMED)
def test_a_listed_document_is_run(shop: Client, how: str) -> None:
    answer = {"data": {"shop": {"handle": shop.shop.handle}}}
    for ask in (_post, _get):
        assert ask(shop, NAMED[how](SHOP)).json() == answer
    assert _post(shop, NAMED[how](RECORD)).json() == {"data": {"contactsUpsert": {"recorded": 1}}}
    with streaming(shop.address) as stream:
        stream.init(shop.token)
        stream.send("subscribe", id="1", payload=NAMED[how](SHOP))
        assert stream.next() == answer["data"]
        assert stream.receive()["type"] == "complete"
        stream.send(
            "subscribe", id="1", payload={**NAMED[how](COUNT), "variables": {"rule": {"all": []}}}
        )
        assert stream.next()["segmentSize"]["members"] == 1


@pytest.mark.parametrize("what", REFUSED)
def test_any_other_document_is_refused(shop: Client, what: str) -> None:
    asks = (_post,) if what == "a surrogate" else (_post, _get)
    for ask in asks:
        response = ask(shop, REFUSED[what])
        assert response.status_code == 400
        assert [error["extensions"] for error in response.json()["errors"]] == [UNTRUSTED]
    with streaming(shop.address) as stream:
        stream.init(shop.token)
        stream.send("subscribe", id="1", payload=REFUSED[what])
        message = stream.receive()
        assert (message["type"], message["id"]) == ("error", "1")
        assert [error["extensions"] for error in message["payload"]] == [UNTRUSTED]
        stream.subscribe(SHOP)
        assert stream.next()


def test_who_shows_no_token_is_not_told_what_is_listed(shop: Client) -> None:
    stranger = replace(shop, token=shop.token[:-1])
    for body in ({"documentId": IDS[SHOP]}, {"query": OTHER}):
        assert _post(stranger, body).status_code == 401
        with streaming(shop.address) as stream:
            stream.send("subscribe", id="1", payload=body)
            assert stream.closed() == (
                4401,
                "Unauthorized: send connection_init first",
            )


def test_a_mutation_is_not_run_by_get__whatever_names_it(shop: Client) -> None:
    response = _get(shop, {"documentId": IDS[RECORD]})
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"] == {"code": "BAD_REQUEST"}
    assert "data" not in response.json()


def test_without_a_list_a_name_is_no_document(server: Server) -> None:
    shop = server.shop()
    response = _post(shop, {"documentId": IDS[SHOP]})
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"] == {"code": "BAD_REQUEST"}
    assert _post(shop, {"documentId": "anything", "query": SHOP}).json()["data"]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (None, "cannot be read"),
        (b"{", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "no JSON object"),
        (b'{"a": 1}', "no JSON object"),
        (json.dumps({"0" * 64: SHOP}).encode(), f"SHA-256 is {IDS[SHOP]}"),
        (json.dumps({**DOCUMENTS, IDS[SHOP]: f"{SHOP} "}).encode(), IDS[SHOP]),
    ],
)
def test_a_list_that_cannot_be_trusted_is_a_clear_error_at_the_start(
    tmp_path: Path, content: bytes | None, what: str
) -> None:
    path = tmp_path / "documents.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AppError, match=r"^TRUSTED_DOCUMENTS: ") as refused:
        Documents.read(path)
    assert str(path) in str(refused.value)
    assert what in str(refused.value)


@pytest.fixture(scope="module")
def silent(services: Services, settings: Settings) -> Iterator[str]:
    """A server that does not tell its schema."""
    with serving(services, settings.model_copy(update={"introspection": False})) as address:
        yield address


@pytest.mark.parametrize(
    "query",
    [
        "{ __schema { types { name } } }",
        '{ __type(name: "Shop") { name fields { name } } }',
        "{ shop { handle } ...T } fragment T on Query { a: __schema { queryType { name } } }",
        "query Q { shop { handle } } query T { __schema { queryType { name } } }",
    ],
)
def test_a_schema_that_is_not_told_cannot_be_asked_for(
    server: Server, silent: str, query: str
) -> None:
    shop = replace(server.shop(), address=silent)
    body = {"query": query, "operationName": "Q" if "query Q" in query else None}
    for response in (_post(shop, body), _post(shop, body)):
        answer = response.json()
        assert {e["extensions"]["code"] for e in answer["errors"]} == {"INTROSPECTION_OFF"}
        assert answer.get("data") is None
    with streaming(silent) as stream:
        stream.init(shop.token)
        stream.send("subscribe", id="1", payload=body)
        message = stream.receive()
        assert message["type"] == "error"
        assert {e["extensions"]["code"] for e in message["payload"]} == {"INTROSPECTION_OFF"}


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{ shap { handle } }", {}),
        ("{ shop { handl } }", {}),
        ("{ segments(frist: 1) { totalCount } }", {}),
        ("{ segments(sortKey: NAM) { totalCount } }", {}),
        ("query ($r: RuleInpt!) { segmentSize(rule: $r) { members } }", {}),
        ("{ shop @includ(if: true) { handle } }", {}),
        ("{ segmentSize(rule: { spent: {} }) { members } }", {}),
        (
            "query ($r: RuleInput!) { segmentSize(rule: $r) { members } }",
            {"r": {"spent": {"operator": "EQUALS", "amount": "1"}}},
        ),
        (
            "query ($r: RuleInput!) { segmentSize(rule: $r) { members } }",
            {"r": {"spend": {"operator": "EQUAL", "amount": "1"}}},
        ),
        ("subscription { segmentSise(rule: { all: [] }) { members } }", {}),
    ],
)
def test_a_schema_that_is_not_told_is_not_suggested(
    server: Server, silent: str, query: str, variables: dict[str, Any]
) -> None:
    telling = server.shop()
    shop = replace(telling, address=silent)
    body = {"query": query, "variables": variables}

    def over_websocket(client: Client) -> Any:
        with streaming(client.address) as stream:
            stream.init(client.token)
            stream.send("subscribe", id="1", payload=body)
            return stream.receive()["payload"]

    asks = [over_websocket]
    if "subscription" not in query:
        asks.append(lambda client: _post(client, body).json())
    for ask in asks:
        assert ("Did you mean" in str(ask(telling))) is ("@" not in query), ask(telling)
        assert "Did you mean" not in str(ask(shop))
        assert "message" in str(ask(shop))


def test_a_schema_that_is_not_told_has_no_explorer(server: Server, silent: str) -> None:
    shop = replace(server.shop(), address=silent)
    assert shop.ask("{ __typename shop { __typename } }")["shop"] == {"__typename": "Shop"}
    for address, status in ((server.address, 200), (silent, 404)):
        assert shop.http.get(f"{address}/graphiql").status_code == status
        assert shop.http.get(f"{address}/builder/graphiql.html").status_code == 404
        assert shop.http.get(f"{address}/builder/").status_code == 200
