"""The protocol ``graphql-transport-ws``: authentication, limits, and operations.

This module is long because of one short test for each message and close code of the protocol.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from graphql_app.catalog import tokens
from graphql_app.errors import AppError, ErrorCode
from graphql_app.http import connections
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings
from tests.client import Stream, authorization, connected, streaming
from tests.factories import contacts
from tests.http.live import (
    COUNT,
    SHOP,
    SPENT,
    WAYS_TO_LEAVE,
    check_usable,
    receive_refusal,
    revoke,
)
from tests.processes import WAIT, wait_until
from tests.schema.operations import EVERYONE
from tests.support import Client, Server, serving

pytestmark = pytest.mark.usefixtures("no_logged_errors")


def workers_busy(services: Services, number: int) -> bool:
    return services.workers.borrowed_tokens == number


@pytest.mark.parametrize(
    "payload",
    [
        None,
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer x"},
        {"authorization": ["Bearer x"]},
        {"Authorization": {}},
    ],
)
def test_without_a_valid_token_the_connection_is_closed(
    shop: Client, payload: dict[str, Any] | None
) -> None:
    with streaming(shop.address) as stream:
        stream.send("connection_init", **({} if payload is None else {"payload": payload}))
        assert stream.closed() == (4403, "Forbidden: connect with a valid token")


def test_a_revoked_token_is_refused(shop: Client, server: Server) -> None:
    revoke(server, shop)
    with streaming(shop.address) as stream:
        stream.send_token(shop.token)
        assert stream.closed() == (4403, "Forbidden: connect with a valid token")


def test_the_token_in_the_payload_takes_precedence_over_the_header(shop: Client) -> None:
    with streaming(shop.address, additional_headers=authorization(shop.token)) as stream:
        stream.send("connection_init")
        assert stream.receive() == {"type": "connection_ack"}
        stream.subscribe(COUNT, rule=EVERYONE)
        assert stream.next()["segmentSize"]["contacts"] == 0
    with streaming(shop.address, additional_headers=authorization(shop.token)) as stream:
        stream.send_token("x")
        assert stream.closed() == (4403, "Forbidden: connect with a valid token")


def test_a_page_of_another_origin_may_connect(shop: Client) -> None:
    with streaming(shop.address, origin="https://elsewhere.example") as stream:
        stream.init(shop.token)
        check_usable(stream)


def test_nothing_is_served_before_authentication(shop: Client) -> None:
    with streaming(shop.address) as stream:
        stream.subscribe(COUNT, rule=EVERYONE)
        assert stream.closed() == (4401, "Unauthorized: send connection_init first")


def test_a_client_that_does_not_authenticate_is_disconnected(
    services: Services, settings: Settings
) -> None:
    impatient = settings.model_copy(update={"init_timeout": 0.05})
    with serving(services, impatient) as address, streaming(address) as stream:
        assert stream.closed() == (4408, "Connection initialisation timeout")


def test_other_protocols_are_refused(shop: Client) -> None:
    for protocols in (["graphql-ws"], None):
        with streaming(shop.address, subprotocols=protocols) as stream:
            assert stream.closed()[0] == 4406


def test_revoking_a_token_disconnects_its_websockets(shop: Client, server: Server) -> None:
    leaving = server.client(shop.shop)
    with connected(leaving) as busy, connected(leaving) as idle, connected(shop) as other:
        busy.subscribe(COUNT, rule=EVERYONE)
        assert busy.next()["segmentSize"]["members"] == 0
        tokens.revoke_token(server.services.catalog, leaving.token.split("_")[1])
        for stream in (busy, idle):
            assert stream.closed() == (4403, "Forbidden: the token is no longer valid")
        shop.record("contactsUpsert", contacts(1))
        check_usable(other)


def test_one_task_watches_the_tokens_of_all_websockets(
    server: Server, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "CHECK_INTERVAL", 0.05)
    catalog, leaving = server.services.catalog, server.shop()

    async def run() -> None:
        disconnected = asyncio.Event()

        async def disconnect() -> None:
            disconnected.set()

        sockets = connections.OpenSockets(tokens.TokenCache(catalog), settings)
        before = asyncio.all_tasks()

        def open_socket() -> connections.OpenSocket:
            socket = connections.OpenSocket(disconnect)
            sockets.add(socket)
            sockets.authenticate(socket, leaving.token.split("_")[1])
            return socket

        for _ in range(5):
            sockets.remove(open_socket())
        assert len(asyncio.all_tasks() - before) == 1
        while asyncio.all_tasks() - before:  # without WebSockets the task ends
            await asyncio.sleep(0.01)
        open_socket()
        tokens.revoke_token(catalog, leaving.token.split("_")[1])
        await asyncio.wait_for(disconnected.wait(), WAIT)

    asyncio.run(run())


def test_connections_are_limited_per_token_and_per_process(
    server: Server, services: Services, settings: Settings
) -> None:
    few = settings.model_copy(update={"max_sockets": 3, "max_sockets_per_token": 2})
    with serving(services, few) as address:
        ours = replace(server.shop(), address=address)
        theirs = replace(server.client(ours.shop), address=address)
        with connected(ours), connected(ours) as second:
            with streaming(address) as stream:
                stream.send_token(ours.token)
                reason = "The token has reached its limit of 2 WebSockets; close one first."
                assert stream.closed() == (1013, reason)
            with streaming(address), streaming(address) as stream:
                reason = "The server has reached its limit of 3 WebSockets; try again later."
                assert stream.closed() == (1013, reason)
            check_usable(second)
            with connected(theirs) as stream:
                check_usable(stream)
        for _ in range(3):  # closed connections are not counted
            with connected(ours) as one, connected(ours) as two, connected(theirs) as three:
                for stream in (one, two, three):
                    check_usable(stream)


def test_a_completed_mutation_counts_until_it_ends(
    server: Server, services: Services, settings: Settings
) -> None:
    mutation = "mutation { contactsUpsert(contacts: [{ id: 1 }]) { recorded } }"
    with serving(services, settings.model_copy(update={"max_operations": 2})) as address:
        shop = replace(server.shop(), address=address)
        with connected(shop) as stream:
            with services.recorder.hold_write_lock(shop.shop_id):
                for number in (1, 2):
                    stream.subscribe(mutation, f"{number}")
                    wait_until(partial(workers_busy, services, number))
                    stream.send("complete", id=f"{number}")
                stream.subscribe(SHOP, "3")
                assert receive_refusal(stream, "3")["extensions"] == {"code": "TOO_MANY_OPERATIONS"}
            wait_until(lambda: services.workers.borrowed_tokens == 0)
            assert shop.size(EVERYONE)["members"] == 1
            check_usable(stream)


REFUSED: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "syntax": ({"query": "subscription {"}, "BAD_REQUEST"),
    "long syntax": ({"query": "subscription {" + " " * 20_000}, "BAD_REQUEST"),
    "an empty query": ({"query": ""}, "BAD_REQUEST"),
    "no operation": ({"query": "fragment F on Query { __typename }"}, "BAD_REQUEST"),
    "unknown operation": ({"query": SHOP, "operationName": "Other"}, "BAD_REQUEST"),
    "unnamed operation": ({"query": f"query A {SHOP} query B {SHOP}"}, "BAD_REQUEST"),
    "unknown field": ({"query": "subscription { nothing }"}, "BAD_REQUEST"),
    "no rule": ({"query": COUNT}, "BAD_REQUEST"),
    "two fields": (
        {"query": "subscription { " + "".join(f"{a}: __typename " for a in "ab") + "}"},
        "BAD_REQUEST",
    ),
    "wrong type": ({"query": COUNT, "variables": {"rule": {"all": 5}}}, "BAD_REQUEST"),
    "too deep": ({"query": "{ a " * 20 + "}" * 20}, "QUERY_TOO_DEEP"),
    "too many aliases": (
        {"query": "{" + " ".join(f"a{n}: __typename" for n in range(200)) + "}"},
        "TOO_MANY_ALIASES",
    ),
    "too long": ({"query": "{" + " __typename" * 20_001 + "}"}, "TOO_MANY_TOKENS"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_invalid_operation_is_refused_as_over_http(shop: Client, name: str) -> None:
    payload, code = REFUSED[name]
    with connected(shop) as stream:
        for _ in range(2):  # the second time its validation may be cached
            stream.send("subscribe", id="1", payload=payload)
            message = stream.receive()
            assert (message["type"], message["id"]) == ("error", "1"), message
            assert {error["extensions"]["code"] for error in message["payload"]} == {code}
        check_usable(stream)
    if "subscription" not in payload["query"]:
        response = shop.request("POST", "/graphql", json=dict(payload))
        assert {error["extensions"]["code"] for error in response.json()["errors"]} == {code}


SUBSCRIBE = {"type": "subscribe", "id": "1"}
MALFORMED: Mapping[str, str | bytes] = {
    "not JSON": "{",
    "long and not JSON": "{" + " " * 100_000,
    "a list": "[]",
    "null": "null",
    "too deep": '{"type": "ping", "payload": ' + "[" * 5_000 + "]" * 5_000 + "}",
    "a surrogate": '{"type": "\\ud800"}',
    "bytes": b'{"type": "ping"}',
    "no type": "{}",
    "unknown type": json.dumps({"type": "x" * 1_000}),
    "unhashable type": '{"type": []}',
    "a second init": '{"type": "connection_init", "payload": {}}',
    "no id": json.dumps({"type": "subscribe", "payload": {"query": SHOP}}),
    "id a list": json.dumps({"type": "subscribe", "id": [], "payload": {"query": SHOP}}),
    "no payload": '{"type": "subscribe", "id": "1"}',
    "payload a list": '{"type": "subscribe", "id": "1", "payload": []}',
    "no query": '{"type": "subscribe", "id": "1", "payload": {}}',
    "query a number": '{"type": "subscribe", "id": "1", "payload": {"query": 5}}',
    "variables a list": json.dumps({**SUBSCRIBE, "payload": {"query": SHOP, "variables": []}}),
    "name a number": json.dumps({**SUBSCRIBE, "payload": {"query": SHOP, "operationName": 5}}),
    "complete without id": '{"type": "complete"}',
    "complete a list": '{"type": "complete", "id": []}',
}


@pytest.mark.parametrize("name", MALFORMED)
def test_an_invalid_message_closes_the_connection(shop: Client, name: str) -> None:
    with connected(shop) as stream:
        stream.socket.send(MALFORMED[name])
        code, reason = stream.closed()
        assert code in {4400, 4429}
        assert reason


def test_a_message_may_not_exceed_max_query_bytes(shop: Client, settings: Settings) -> None:
    with connected(shop) as stream:
        filler = " " * (settings.max_query_bytes // 2)
        stream.subscribe(SHOP + filler, "still")
        assert stream.next("still")
        assert stream.receive()["type"] == "complete"
        stream.subscribe(SHOP + filler * 3)
        assert stream.closed()[0] == 1009


def test_two_operations_with_one_id_are_refused(shop: Client) -> None:
    with connected(shop) as stream:
        stream.subscribe(COUNT, "x" * 1_000, rule=EVERYONE)
        stream.next("x" * 1_000)
        stream.subscribe(COUNT, "x" * 1_000, rule=EVERYONE)
        assert stream.closed()[0] == 4409


def test_operations_are_limited_per_connection(shop: Client, settings: Settings) -> None:
    limit = settings.max_operations
    with connected(shop) as stream:
        for number in range(limit):
            stream.subscribe(COUNT, f"{number}", rule=EVERYONE)
        ids = {stream.receive()["id"] for _ in range(limit)}
        assert len(ids) == limit
        stream.subscribe(COUNT, "more", rule=EVERYONE)
        error = receive_refusal(stream, "more")
        assert error["extensions"] == {"code": "TOO_MANY_OPERATIONS"}
        assert f"{limit} operations" in error["message"]
        stream.send("complete", id="0")
        check_usable(stream)


def test_queries_and_mutations_run_over_websocket_too(shop: Client) -> None:
    query = "query ($rule: RuleInput!) { segmentSize(rule: $rule) { members asOf } }"
    mutation = 'mutation { contactsUpsert(contacts: [{id: "1"}]) { recorded } }'
    results = []
    with connected(shop) as stream:
        for text in (query, mutation, query):
            stream.subscribe(text, rule=EVERYONE)
            results.append(stream.next())
            assert stream.receive() == {"type": "complete", "id": "1"}
    before, recorded, after = results
    assert recorded == {"contactsUpsert": {"recorded": 1}}
    assert [each["segmentSize"]["members"] for each in (before, after)] == [0, 1]
    assert before["segmentSize"]["asOf"] < after["segmentSize"]["asOf"]


def test_an_error_during_authentication_closes_the_connection(
    shop: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failures: dict[int, Exception] = {
        1013: AppError(ErrorCode.UNAVAILABLE, "The catalog does not answer."),
        1011: LookupError("secret"),
    }
    for expected, failure in failures.items():

        def failing(*_: Any, failure: Exception = failure) -> Any:
            raise failure

        monkeypatch.setattr(tokens, "authenticate", failing)
        with streaming(shop.address) as stream:
            stream.send_token(shop.token)
            code, reason = stream.closed()
            assert code == expected
            assert reason
            assert "secret" not in reason
    assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 1
    caplog.clear()


@pytest.mark.parametrize("leave", WAYS_TO_LEAVE)
def test_a_mutation_runs_to_its_end_without_its_client(
    shop: Client, services: Services, leave: Callable[[Stream], None]
) -> None:
    upsert = "contactsUpsert(contacts: [{ id: %s }]) { recorded }"
    mutation = f"mutation {{ a: {upsert % 1} b: {upsert % 2} c: {upsert % 3} }}"
    with connected(shop) as stream:
        with services.recorder.hold_write_lock(shop.shop_id):
            stream.subscribe(mutation, "1")
            wait_until(lambda: services.workers.borrowed_tokens == 1)
            leave(stream)
            time.sleep(0.05)  # until the server notices
        wait_until(lambda: shop.size(EVERYONE)["members"] == 3)


def test_an_id_can_be_reused_while_a_completed_mutation_runs(
    shop: Client, services: Services
) -> None:
    mutation = "mutation { contactsUpsert(contacts: [{ id: 1 }]) { recorded } }"
    with connected(shop) as stream:
        with services.recorder.hold_write_lock(shop.shop_id):
            stream.subscribe(mutation, "1")
            wait_until(lambda: services.workers.borrowed_tokens == 1)
            stream.send("complete", id="1")
            stream.subscribe(SHOP, "1")
            assert stream.next("1") == {"shop": {"handle": shop.shop.handle}}
            assert stream.receive() == {"type": "complete", "id": "1"}
            stream.subscribe(COUNT, "1", rule={"not": SPENT})
        wait_until(lambda: shop.size(EVERYONE)["members"] == 1)
        while stream.next("1")["segmentSize"]["members"] < 1:
            pass
        shop.record("contactsUpsert", contacts(2))
        assert stream.next("1")["segmentSize"]["members"] == 2


def test_a_subscription_over_http_is_refused_with_a_hint(shop: Client) -> None:
    query = "subscription { segmentSize(rule: {all: []}) { members } }"
    hint = "Send subscriptions over WebSocket: graphql-transport-ws at /graphql."
    for accept in ("application/json", "application/graphql-response+json", "text/event-stream"):
        headers = {"Accept": accept}
        for response in (
            shop.request("POST", "/graphql", headers, json={"query": query}),
            shop.get("/graphql", params={"query": query}, headers=headers),
        ):
            assert response.status_code == 400
            assert response.json() == {
                "errors": [{"message": hint, "extensions": {"code": "BAD_REQUEST"}}]
            }
