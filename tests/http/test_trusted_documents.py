"""Trusted documents over every transport, and a server without introspection."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from graphql_app.errors import AppError
from graphql_app.http.trusted_documents import TrustedDocuments
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings
from tests.client import connected, streaming
from tests.schema.operations import send
from tests.support import Client, Server, serving

SHOP = "query Shop { shop { handle } }"
COUNT = "subscription Count($rule: RuleInput!) { segmentSize(rule: $rule) { members } }"
RECORD = 'mutation Record { contactsUpsert(contacts: [{ id: "1" }]) { recorded } }'
OTHER = "{ shop { name } }"
DOCUMENTS = {sha256(text.encode()).hexdigest(): text for text in (SHOP, COUNT, RECORD)}
IDS = {text: id for id, text in DOCUMENTS.items()}
UNTRUSTED = {"code": "UNTRUSTED_DOCUMENT"}

ACCEPTED: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "id with the algorithm": lambda text: {"documentId": f"sha256:{IDS[text]}"},
    "bare id": lambda text: {"documentId": IDS[text]},
    "persistedQuery": lambda text: {
        "extensions": {"persistedQuery": {"version": 1, "sha256Hash": IDS[text]}}
    },
    "id and document": lambda text: {"documentId": IDS[text], "query": text},
    "document": lambda text: {"query": text},
}
REFUSED: Mapping[str, Mapping[str, Any]] = {
    "another document": {"query": OTHER},
    "an empty document": {"query": ""},
    "an id with another document": {"query": OTHER, "documentId": IDS[SHOP]},
    "persistedQuery with another document": {
        "query": OTHER,
        "extensions": {"persistedQuery": {"version": 1, "sha256Hash": IDS[SHOP]}},
    },
    "an unknown id": {"documentId": "sha256:" + "0" * 64},
    "another algorithm": {"documentId": f"md5:{IDS[SHOP]}"},
    "an empty id": {"documentId": ""},
    "a document with a space more": {"query": f"{SHOP} "},
    "a surrogate": {"query": "\ud800"},
}


@pytest.fixture(scope="module")
def address(
    services: Services, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    path = tmp_path_factory.mktemp("documents") / "persisted-documents.json"
    path.write_text(json.dumps(DOCUMENTS))
    with serving(services, settings.model_copy(update={"trusted_documents": path})) as address:
        yield address


@pytest.fixture
def shop(server: Server, address: str) -> Client:
    return replace(server.shop(), address=address)


def _post(shop: Client, body: Mapping[str, Any]) -> httpx.Response:
    return send(shop, json.dumps(body))


def _get(shop: Client, body: Mapping[str, Any]) -> httpx.Response:
    params = {
        name: value if isinstance(value, str) else json.dumps(value) for name, value in body.items()
    }
    return shop.get("/graphql", params=params)


@pytest.mark.parametrize("form", ACCEPTED)
def test_a_trusted_document_runs(shop: Client, form: str) -> None:
    expected = {"data": {"shop": {"handle": shop.shop.handle}}}
    for request in (_post, _get):
        assert request(shop, ACCEPTED[form](SHOP)).json() == expected
    recorded = {"data": {"contactsUpsert": {"recorded": 1}}}
    assert _post(shop, ACCEPTED[form](RECORD)).json() == recorded
    with connected(shop) as stream:
        stream.send("subscribe", id="1", payload=ACCEPTED[form](SHOP))
        assert stream.next() == expected["data"]
        assert stream.receive()["type"] == "complete"
        payload = {**ACCEPTED[form](COUNT), "variables": {"rule": {"all": []}}}
        stream.send("subscribe", id="1", payload=payload)
        assert stream.next()["segmentSize"]["members"] == 1


@pytest.mark.parametrize("form", REFUSED)
def test_any_other_document_is_refused(shop: Client, form: str) -> None:
    transports = (_post,) if form == "a surrogate" else (_post, _get)
    for request in transports:
        response = request(shop, REFUSED[form])
        assert response.status_code == 400
        assert [error["extensions"] for error in response.json()["errors"]] == [UNTRUSTED]
    with connected(shop) as stream:
        stream.send("subscribe", id="1", payload=REFUSED[form])
        message = stream.receive()
        assert (message["type"], message["id"]) == ("error", "1")
        assert [error["extensions"] for error in message["payload"]] == [UNTRUSTED]
        stream.subscribe(SHOP)
        assert stream.next()


def test_without_a_token_trusted_documents_are_not_revealed(shop: Client) -> None:
    without_token = replace(shop, token=shop.token[:-1])
    for body in ({"documentId": IDS[SHOP]}, {"query": OTHER}):
        assert _post(without_token, body).status_code == 401
        with streaming(shop.address) as stream:
            stream.send("subscribe", id="1", payload=body)
            assert stream.closed() == (4401, "Unauthorized: send connection_init first")


def test_a_trusted_mutation_does_not_run_by_get(shop: Client) -> None:
    response = _get(shop, {"documentId": IDS[RECORD]})
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"] == {"code": "BAD_REQUEST"}
    assert "data" not in response.json()


def test_document_ids_need_a_list(server: Server) -> None:
    shop = server.shop()
    response = _post(shop, {"documentId": IDS[SHOP]})
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"] == {"code": "BAD_REQUEST"}
    assert _post(shop, {"documentId": "anything", "query": SHOP}).json()["data"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read"),
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"a": 1}', "not a JSON object"),
        (json.dumps({"0" * 64: SHOP}).encode(), f"SHA-256 is {IDS[SHOP]}"),
        (json.dumps({**DOCUMENTS, IDS[SHOP]: f"{SHOP} "}).encode(), IDS[SHOP]),
    ],
)
def test_an_invalid_list_is_a_clear_error_at_startup(
    tmp_path: Path, content: bytes | None, problem: str
) -> None:
    path = tmp_path / "documents.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AppError, match=r"^TRUSTED_DOCUMENTS: ") as refused:
        TrustedDocuments.load(path)
    assert str(path) in str(refused.value)
    assert problem in str(refused.value)


@pytest.fixture(scope="module")
def closed(services: Services, settings: Settings) -> Iterator[str]:
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
def test_introspection_can_be_turned_off(server: Server, closed: str, query: str) -> None:
    shop = replace(server.shop(), address=closed)
    body = {"query": query, "operationName": "Q" if "query Q" in query else None}
    for response in (_post(shop, body), _post(shop, body)):
        result = response.json()
        assert {e["extensions"]["code"] for e in result["errors"]} == {"INTROSPECTION_OFF"}
        assert result.get("data") is None
    with connected(shop) as stream:
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
def test_without_introspection_errors_suggest_no_names(
    server: Server, closed: str, query: str, variables: dict[str, Any]
) -> None:
    open_client = server.shop()
    closed_client = replace(open_client, address=closed)
    body = {"query": query, "variables": variables}

    def send_over_websocket(client: Client) -> Any:
        with connected(client) as stream:
            stream.send("subscribe", id="1", payload=body)
            return stream.receive()["payload"]

    transports = [send_over_websocket]
    if "subscription" not in query:
        transports.append(lambda client: _post(client, body).json())
    for ask in transports:
        suggestion = ask(open_client)
        assert ("Did you mean" in str(suggestion)) is ("@" not in query), suggestion
        assert "Did you mean" not in str(ask(closed_client))
        assert "message" in str(ask(closed_client))


def test_without_introspection_graphiql_is_not_served(server: Server, closed: str) -> None:
    shop = replace(server.shop(), address=closed)
    assert shop.ask("{ __typename shop { __typename } }")["shop"] == {"__typename": "Shop"}
    for address, status in ((server.address, 200), (closed, 404)):
        assert shop.http.get(f"{address}/graphiql").status_code == status
        assert shop.http.get(f"{address}/builder/graphiql.html").status_code == 404
        assert shop.http.get(f"{address}/builder/").status_code == 200
