"""Live sizes, over a real WebSocket."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from anyio import CapacityLimiter

from graphql_app.catalog import tokens
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.errors import AppError, ErrorCode
from graphql_app.http import connections
from graphql_app.runtime import context, threads
from graphql_app.runtime.services import Services
from graphql_app.schema import size
from graphql_app.segments.engine import ShopEngine
from graphql_app.segments.rules.tree import Rule
from graphql_app.segments.scope import shop_scope
from graphql_app.segments.size import SegmentSize
from graphql_app.settings import Settings
from tests.processes import wait_until
from tests.schema.operations import EVERYONE, UPDATE, create
from tests.support import WAIT, Client, Server, Stream, serving, streaming

LIVE = """
subscription ($rule: RuleInput!) {
  segmentSize(rule: $rule) {
    members textable contacts share asOf parts { path summary members }
  }
}
"""
COUNT = "subscription ($rule: RuleInput!) { segmentSize(rule: $rule) { members contacts } }"
SHOP = "{ shop { handle } }"
SPENT = {"spend": {"operator": "AT_LEAST", "amount": "50.00"}}


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """New facts are looked for more often than a server does."""
    monkeypatch.setattr(size, "PAUSE", 0.01)


def _count_often(monkeypatch: pytest.MonkeyPatch, seconds: float = 0.01) -> None:
    for name in ("COUNT_AFTER", "COUNT_MOVING_AFTER"):
        monkeypatch.setattr(size, name, seconds)


@pytest.fixture(autouse=True)
def _no_tracebacks(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing that a client does may be an unexpected error in the log."""
    yield
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """How often the rules of each shop were counted; here without new facts as well."""
    counts: Counter[int] = Counter()
    count = ShopEngine.size

    def counting(engine: ShopEngine, rule: Rule) -> SegmentSize:
        counts[engine.shop_id] += 1
        return count(engine, rule)

    monkeypatch.setattr(ShopEngine, "size", counting)
    _count_often(monkeypatch)
    return counts


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The time of the server, which a test may move."""
    moved = SimpleNamespace(by=timedelta())
    monkeypatch.setattr(
        context, "shop_scope", lambda shop: shop_scope(shop, datetime.now(UTC) + moved.by)
    )
    return moved


@contextmanager
def admitted(client: Client) -> Iterator[Stream]:
    with streaming(client.address) as stream:
        stream.init(client.token)
        yield stream


def order(number: int, total: str = "60.00", **fields: Any) -> dict[str, Any]:
    at = "2024-05-01T10:00:00Z"
    return {"id": f"{number}", "contactId": f"{number}", "orderedAt": at, "total": total, **fields}


def contacts(*numbers: int) -> list[dict[str, Any]]:
    return [{"id": f"{number}"} for number in numbers]


def workers_busy(services: Services, number: int) -> bool:
    """Whether so many workers are at work."""
    return services.workers.borrowed_tokens == number


def revoke(server: Server, client: Client) -> None:
    """End a token, and wait until every process must know."""
    tokens.revoke_token(server.services.catalog, client.token.split("_")[1])
    time.sleep(tokens.CACHE_SECONDS)


def error_of(stream: Stream, id: str = "1") -> Any:
    """The one error with which an operation is refused."""
    message = stream.receive()
    assert (message["type"], message["id"]) == ("error", id), message
    (error,) = message["payload"]
    return error


def end_of(stream: Stream, id: str = "1") -> Any:
    """The one error with which an operation ends."""
    message = stream.receive()
    assert (message["type"], message["id"]) == ("next", id), message
    assert message["payload"]["data"] is None
    (error,) = message["payload"]["errors"]
    assert stream.receive() == {"type": "complete", "id": id}
    return error


def still_works(stream: Stream) -> None:
    """The connection serves other operations, and has sent nothing before."""
    stream.subscribe(SHOP, "still")
    assert stream.next("still")["shop"]
    assert stream.receive() == {"type": "complete", "id": "still"}


def test_the_size_comes_at_once__and_again_with_new_facts(shop: Client) -> None:
    shop.record("contactsUpsert", contacts(1, 2))
    shop.record("ordersUpsert", [order(1)])
    with admitted(shop) as stream:
        stream.subscribe(LIVE, rule={"not": SPENT})
        first = stream.next()["segmentSize"]
        assert {**first, "asOf": None} == {**shop.size({"not": SPENT}), "asOf": None}
        assert (first["members"], first["contacts"]) == (1, 2)
        shop.record("ordersUpsert", [order(2)])
        second = stream.next()["segmentSize"]
        assert (second["members"], second["contacts"]) == (0, 2)
        assert [part["members"] for part in second["parts"]] == [0, 2]
        assert second["asOf"] > first["asOf"]
        shop.forget("1")
        assert stream.next()["segmentSize"]["contacts"] == 1
        shop.record("ordersUpsert", [order(2, "5.00")])
        assert stream.next()["segmentSize"]["members"] == 1


def test_a_part_that_changes_is_enough(shop: Client) -> None:
    shop.record("contactsUpsert", contacts(1, 2))
    rule = {"any": [EVERYONE, SPENT]}
    with admitted(shop) as stream:
        stream.subscribe(LIVE, rule=rule)
        assert [part["members"] for part in stream.next()["segmentSize"]["parts"]] == [2, 2, 0]
        shop.record("ordersUpsert", [order(1)])
        assert [part["members"] for part in stream.next()["segmentSize"]["parts"]] == [2, 2, 1]


def test_what_changes_nothing_sends_nothing(shop: Client, counted: Counter[int]) -> None:
    shop.record("contactsUpsert", contacts(1))
    with admitted(shop) as stream:
        stream.subscribe(LIVE, rule=SPENT)
        assert stream.next()["segmentSize"]["members"] == 0
        shop.record("ordersUpsert", [order(1, "5.00")])
        shop.record("contactsUpsert", contacts(1))
        done = counted[shop.shop_id]
        wait_until(lambda: counted[shop.shop_id] > done + 2)
        still_works(stream)


def test_time_that_passes_changes_a_size(
    shop: Client, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    _count_often(monkeypatch)
    shop.record("contactsUpsert", contacts(1))
    shop.record("ordersUpsert", [order(1, orderedAt=datetime.now(UTC).isoformat())])
    window = {"last": {"count": 2, "unit": "HOURS"}}
    with admitted(shop) as stream:
        stream.subscribe(COUNT, rule={"spend": {**SPENT["spend"], "within": window}})
        assert stream.next() == {"segmentSize": {"members": 1, "contacts": 1}}
        clock.by = timedelta(hours=1)
        still_works(stream)
        clock.by = timedelta(hours=3)
        assert stream.next() == {"segmentSize": {"members": 0, "contacts": 1}}


def test_a_segment_that_the_rule_asks_about_may_be_edited(
    shop: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    _count_often(monkeypatch)
    shop.record("contactsUpsert", contacts(1))
    segment = create(shop, "Others", EVERYONE)
    rule = {"inSegment": {"operator": "IS", "segment": segment["id"]}}
    with admitted(shop) as stream:
        stream.subscribe(COUNT, rule=rule)
        assert stream.next()["segmentSize"]["members"] == 1
        shop.ask(UPDATE, id=segment["id"], input={"rule": SPENT})
        assert stream.next()["segmentSize"]["members"] == 0


def test_shops_see_their_own_sizes_only(server: Server, counted: Counter[int]) -> None:
    ours, theirs = server.shop(), server.shop()
    with admitted(ours) as stream, admitted(theirs) as other:
        for one in (stream, other):
            one.subscribe(COUNT, rule=EVERYONE)
            assert one.next() == {"segmentSize": {"members": 0, "contacts": 0}}
        ours.record("contactsUpsert", contacts(1, 2))
        assert stream.next() == {"segmentSize": {"members": 2, "contacts": 2}}
        done = counted[theirs.shop_id]
        wait_until(lambda: counted[theirs.shop_id] > done + 2)
        still_works(other)


def test_new_facts_of_another_shop_are_no_reason_to_count(
    server: Server, counted: Counter[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    _count_often(monkeypatch, 1_000)
    ours, theirs = server.shop(), server.shop()
    with admitted(ours) as stream, admitted(theirs) as other:
        for one in (stream, other):
            one.subscribe(COUNT, rule=EVERYONE)
            one.next()
        for number in range(1, 4):
            ours.record("contactsUpsert", contacts(number))
            assert stream.next()["segmentSize"]["members"] == number
        assert (counted[ours.shop_id], counted[theirs.shop_id]) == (4, 1)
        theirs.record("contactsUpsert", contacts(1))
        assert other.next()["segmentSize"]["members"] == 1


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


def test_a_revoked_token_is_not_taken(shop: Client, server: Server) -> None:
    revoke(server, shop)
    with streaming(shop.address) as stream:
        stream.send("connection_init", payload={"authorization": f"Bearer {shop.token}"})
        assert stream.closed() == (4403, "Forbidden: connect with a valid token")


def test_the_token_may_be_in_the_header__and_the_payload_comes_first(shop: Client) -> None:
    header = {"Authorization": f"Bearer {shop.token}"}
    with streaming(shop.address, additional_headers=header) as stream:
        stream.send("connection_init")
        assert stream.receive() == {"type": "connection_ack"}
        stream.subscribe(COUNT, rule=EVERYONE)
        assert stream.next()["segmentSize"]["contacts"] == 0
    with streaming(shop.address, additional_headers=header) as stream:
        stream.send("connection_init", payload={"authorization": "Bearer x"})
        assert stream.closed() == (4403, "Forbidden: connect with a valid token")


def test_a_page_of_another_origin_may_connect(shop: Client) -> None:
    with streaming(shop.address, origin="https://elsewhere.example") as stream:
        stream.init(shop.token)
        still_works(stream)


def test_nothing_is_served_before_the_token_is_shown(shop: Client) -> None:
    with streaming(shop.address) as stream:
        stream.subscribe(COUNT, rule=EVERYONE)
        assert stream.closed() == (4401, "Unauthorized: send connection_init first")


def test_a_client_that_shows_no_token_is_not_waited_for(
    services: Services, settings: Settings
) -> None:
    hasty = settings.model_copy(update={"init_timeout": 0.05})
    with serving(services, hasty) as address, streaming(address) as stream:
        assert stream.closed() == (4408, "Connection initialisation timeout")


def test_other_protocols_are_refused(shop: Client) -> None:
    for protocols in (["graphql-ws"], None):
        with streaming(shop.address, subprotocols=protocols) as stream:
            assert stream.closed()[0] == 4406


def test_who_has_a_token_that_is_revoked_is_cut_off(shop: Client, server: Server) -> None:
    leaving = server.client(shop.shop)
    with admitted(leaving) as busy, admitted(leaving) as idle, admitted(shop) as other:
        busy.subscribe(COUNT, rule=EVERYONE)
        assert busy.next()["segmentSize"]["members"] == 0
        tokens.revoke_token(server.services.catalog, leaving.token.split("_")[1])
        for stream in (busy, idle):
            assert stream.closed() == (4403, "Forbidden: the token is no longer valid")
        shop.record("contactsUpsert", contacts(1))
        still_works(other)


def test_a_client_that_comes_again_and_again_is_watched_once(
    server: Server, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "LOOK_AGAIN", 0.05)
    catalog, leaving = server.services.catalog, server.shop()

    async def come_and_go() -> None:
        cut_off = asyncio.Event()

        async def cut() -> None:
            cut_off.set()

        some = connections.Sockets(tokens.TokenCache(catalog), settings)
        before = asyncio.all_tasks()

        def come() -> connections.Place:
            place = connections.Place(cut)
            some.enter(place)
            some.show(place, leaving.token.split("_")[1])
            return place

        for _ in range(5):
            some.leave(come())
        assert len(asyncio.all_tasks() - before) == 1
        while asyncio.all_tasks() - before:  # nobody is there, nobody is watched
            await asyncio.sleep(0.01)
        come()
        tokens.revoke_token(catalog, leaving.token.split("_")[1])
        await asyncio.wait_for(cut_off.wait(), WAIT)

    asyncio.run(come_and_go())


def test_a_token_that_is_revoked_gets_no_more_sizes(
    server: Server, services: Services, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        connections, "LOOK_AGAIN", 1_000.0
    )  # what comes before the client is cut off
    with serving(services, settings) as address:
        shop = replace(server.shop(), address=address)
        leaving = replace(server.client(shop.shop), address=address)
        with admitted(leaving) as stream:
            stream.subscribe(COUNT, rule=EVERYONE)
            assert stream.next()["segmentSize"]["members"] == 0
            revoke(server, leaving)
            shop.record("contactsUpsert", contacts(1))
            assert end_of(stream)["extensions"] == {"code": "UNAUTHENTICATED"}
            for query in (SHOP, COUNT):
                stream.subscribe(query, rule=EVERYONE)
                assert error_of(stream)["extensions"] == {"code": "UNAUTHENTICATED"}


def test_there_may_be_so_many_connections_of_a_token_and_in_all(
    server: Server, services: Services, settings: Settings
) -> None:
    few = settings.model_copy(update={"max_sockets": 3, "max_sockets_per_token": 2})
    with serving(services, few) as address:
        ours = replace(server.shop(), address=address)
        theirs = replace(server.client(ours.shop), address=address)
        with admitted(ours), admitted(ours) as second:
            with streaming(address) as stream:
                stream.send("connection_init", payload={"authorization": f"Bearer {ours.token}"})
                assert stream.closed() == (1013, "The token has 2 WebSockets already; end one.")
            with streaming(address), streaming(address) as stream:
                code, reason = stream.closed()
                assert code == 1013
                assert "3 WebSockets" in (reason or "")
            still_works(second)
            with admitted(theirs) as stream:
                still_works(stream)
        for _ in range(3):  # none is counted that has left
            with admitted(ours) as one, admitted(ours) as two, admitted(theirs) as three:
                for stream in (one, two, three):
                    still_works(stream)


def test_a_mutation_that_its_client_has_left_counts_among_the_operations(
    server: Server, services: Services, settings: Settings
) -> None:
    mutation = "mutation { contactsUpsert(contacts: [{ id: 1 }]) { recorded } }"
    with serving(services, settings.model_copy(update={"max_operations": 2})) as address:
        shop = replace(server.shop(), address=address)
        with admitted(shop) as stream:
            with services.recorder.hold_write_lock(shop.shop_id):
                for number in (1, 2):
                    stream.subscribe(mutation, f"{number}")
                    wait_until(partial(workers_busy, services, number))
                    stream.send("complete", id=f"{number}")
                stream.subscribe(SHOP, "3")
                assert error_of(stream, "3")["extensions"] == {"code": "TOO_MANY_OPERATIONS"}
            wait_until(lambda: services.workers.borrowed_tokens == 0)
            assert shop.size(EVERYONE)["members"] == 1
            still_works(stream)


@pytest.mark.parametrize("missing", [TokenScope.SEGMENTS_READ, TokenScope.CONTACTS_READ])
def test_a_size_needs_both_scopes(server: Server, missing: TokenScope) -> None:
    lacking = server.shop(scopes=[scope for scope in TokenScope if scope != missing])
    with admitted(lacking) as stream:
        stream.subscribe(COUNT, rule=EVERYONE)
        error = error_of(stream)
        assert error["extensions"] == {"code": "FORBIDDEN"}
        assert missing in error["message"]
        assert error["path"] == ["segmentSize"]
        still_works(stream)


def test_the_mistakes_of_a_rule_are_told_with_their_places(shop: Client) -> None:
    with admitted(shop) as stream:
        stream.subscribe(COUNT, rule={"all": [{"any": []}, {"all": [{"any": []}]}]})
        message = stream.receive()
        assert message["payload"]["data"] is None
        assert [error["extensions"] for error in message["payload"]["errors"]] == [
            {"code": "INVALID", "path": ["rule", "all", 0, "any"]},
            {"code": "INVALID", "path": ["rule", "all", 1, "all", 0, "any"]},
        ]
        assert stream.receive() == {"type": "complete", "id": "1"}
        still_works(stream)


REFUSED: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "syntax": ({"query": "subscription {"}, "BAD_REQUEST"),
    "long syntax": ({"query": "subscription {" + " " * 20_000}, "BAD_REQUEST"),
    "nothing": ({"query": ""}, "BAD_REQUEST"),
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


@pytest.mark.parametrize("what", REFUSED)
def test_an_operation_is_refused_as_over_http(shop: Client, what: str) -> None:
    payload, code = REFUSED[what]
    with admitted(shop) as stream:
        for _ in range(2):  # the second time it may be in a cache
            stream.send("subscribe", id="1", payload=payload)
            message = stream.receive()
            assert (message["type"], message["id"]) == ("error", "1"), message
            assert {error["extensions"]["code"] for error in message["payload"]} == {code}
        still_works(stream)
    if "subscription" not in payload["query"]:
        response = shop.http.post(
            f"{shop.address}/graphql",
            json=dict(payload),
            headers={"Authorization": f"Bearer {shop.token}"},
        )
        assert {error["extensions"]["code"] for error in response.json()["errors"]} == {code}


MALFORMED: Mapping[str, str | bytes] = {
    "no JSON": "{",
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
    "variables a list": json.dumps(
        {"type": "subscribe", "id": "1", "payload": {"query": SHOP, "variables": []}}
    ),
    "name a number": json.dumps(
        {"type": "subscribe", "id": "1", "payload": {"query": SHOP, "operationName": 5}}
    ),
    "complete without id": '{"type": "complete"}',
    "complete a list": '{"type": "complete", "id": []}',
}


@pytest.mark.parametrize("what", MALFORMED)
def test_what_is_no_message_closes_the_connection(shop: Client, what: str) -> None:
    with admitted(shop) as stream:
        stream.socket.send(MALFORMED[what])
        code, reason = stream.closed()
        assert code in {4400, 4429}
        assert reason


def test_a_message_may_not_be_larger_than_a_query(shop: Client, settings: Settings) -> None:
    with admitted(shop) as stream:
        filler = " " * (settings.max_query_bytes // 2)
        stream.subscribe(SHOP + filler, "still")
        assert stream.next("still")
        assert stream.receive()["type"] == "complete"
        stream.subscribe(SHOP + filler * 3)
        assert stream.closed()[0] == 1009


def test_two_operations_of_one_id_are_refused(shop: Client) -> None:
    with admitted(shop) as stream:
        stream.subscribe(COUNT, "x" * 1_000, rule=EVERYONE)
        stream.next("x" * 1_000)
        stream.subscribe(COUNT, "x" * 1_000, rule=EVERYONE)
        assert stream.closed()[0] == 4409


def test_a_connection_has_a_number_of_operations_at_once(shop: Client, settings: Settings) -> None:
    most = settings.max_operations
    with admitted(shop) as stream:
        for number in range(most):
            stream.subscribe(COUNT, f"{number}", rule=EVERYONE)
        answered = {stream.receive()["id"] for _ in range(most)}
        assert len(answered) == most
        stream.subscribe(COUNT, "more", rule=EVERYONE)
        error = error_of(stream, "more")
        assert error["extensions"] == {"code": "TOO_MANY_OPERATIONS"}
        assert f"{most} operations" in error["message"]
        stream.send("complete", id="0")
        still_works(stream)


def test_queries_and_mutations_may_be_asked_too__each_at_an_instant_of_its_own(
    shop: Client,
) -> None:
    query = "query ($rule: RuleInput!) { segmentSize(rule: $rule) { members asOf } }"
    mutation = 'mutation { contactsUpsert(contacts: [{id: "1"}]) { recorded } }'
    found = []
    with admitted(shop) as stream:
        for text in (query, mutation, query):
            stream.subscribe(text, rule=EVERYONE)
            found.append(stream.next())
            assert stream.receive() == {"type": "complete", "id": "1"}
    before, recorded, after = found
    assert recorded == {"contactsUpsert": {"recorded": 1}}
    assert [each["segmentSize"]["members"] for each in (before, after)] == [0, 1]
    assert before["segmentSize"]["asOf"] < after["segmentSize"]["asOf"]


@pytest.mark.parametrize(
    "code", [ErrorCode.TIMEOUT, ErrorCode.UNAVAILABLE, ErrorCode.CRITERION_FAILED]
)
def test_a_later_failure_is_told__and_ends_that_subscription(
    shop: Client, monkeypatch: pytest.MonkeyPatch, code: ErrorCode
) -> None:
    with admitted(shop) as stream:
        stream.subscribe(COUNT, rule=EVERYONE)
        assert stream.next()["segmentSize"]["members"] == 0

        def failing(*_: Any) -> Any:
            raise AppError(code, "Not now.")

        monkeypatch.setattr(ShopEngine, "size", failing)
        shop.record("contactsUpsert", contacts(1))
        error = end_of(stream)
        assert (error["message"], error["extensions"]) == ("Not now.", {"code": code})
        monkeypatch.undo()
        stream.subscribe(COUNT, rule=EVERYONE)
        assert stream.next()["segmentSize"]["members"] == 1


def test_what_was_not_foreseen_is_masked(
    shop: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(*_: Any) -> Any:
        raise LookupError("secret")

    with admitted(shop) as stream:
        stream.subscribe(COUNT, rule=EVERYONE)
        stream.next()
        monkeypatch.setattr(ShopEngine, "size", failing)
        shop.record("contactsUpsert", contacts(1))
        error = end_of(stream)
        assert error["extensions"]["code"] == "INTERNAL"
        assert error["extensions"]["id"] in error["message"]
        assert "secret" not in str(error)
    (logged,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert error["extensions"]["id"] in logged.message
    caplog.clear()


def test_a_failure_before_a_client_is_known_closes_the_connection(
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
            stream.send("connection_init", payload={"authorization": f"Bearer {shop.token}"})
            code, reason = stream.closed()
            assert code == expected
            assert reason
            assert "secret" not in reason
    assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 1
    caplog.clear()


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """How many subscriptions wait for facts."""
    found = SimpleNamespace(number=0)
    wait = size.wait_for_change

    async def watched(*arguments: Any) -> None:
        found.number += 1
        try:
            await wait(*arguments)
        finally:
            found.number -= 1

    monkeypatch.setattr(size, "wait_for_change", watched)
    return found


def _completes(stream: Stream) -> None:
    for id in "123":
        stream.send("complete", id=id)


def _closes(stream: Stream) -> None:
    stream.socket.close()


def _vanishes(stream: Stream) -> None:
    stream.socket.socket.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("leave", [_completes, _closes, _vanishes])
def test_nothing_goes_on_for_a_client_that_has_left(
    shop: Client, waiting: SimpleNamespace, leave: Callable[[Stream], None]
) -> None:
    with admitted(shop) as stream:
        for id in "123":
            stream.subscribe(COUNT, id, rule=EVERYONE)
        wait_until(lambda: waiting.number == 3)
        leave(stream)
        wait_until(lambda: waiting.number == 0)
    assert shop.size(EVERYONE)["members"] == 0


@pytest.mark.parametrize("leave", [_completes, _closes, _vanishes])
def test_a_mutation_goes_on_to_its_end_for_a_client_that_has_left(
    shop: Client, services: Services, leave: Callable[[Stream], None]
) -> None:
    assert shop.shop.id is not None
    upsert = "contactsUpsert(contacts: [{ id: %s }]) { recorded }"
    mutation = f"mutation {{ a: {upsert % 1} b: {upsert % 2} c: {upsert % 3} }}"
    with admitted(shop) as stream:
        with services.recorder.hold_write_lock(shop.shop.id):
            stream.subscribe(mutation, "1")
            wait_until(lambda: services.workers.borrowed_tokens == 1)
            leave(stream)
            time.sleep(0.05)  # for the server to hear of it
        wait_until(lambda: shop.size(EVERYONE)["members"] == 3)


def test_an_id_that_is_given_to_another_operation_is_that_ones_alone(
    shop: Client, services: Services
) -> None:
    assert shop.shop.id is not None
    mutation = "mutation { contactsUpsert(contacts: [{ id: 1 }]) { recorded } }"
    with admitted(shop) as stream:
        with services.recorder.hold_write_lock(shop.shop.id):
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


def test_work_for_a_client_that_has_left_counts_until_it_is_done() -> None:
    begun, end = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert end.wait(WAIT)
        raise AppError(ErrorCode.TIMEOUT, "Nobody waits for this.")

    async def leave() -> None:
        limiter = CapacityLimiter(1)
        asking = asyncio.ensure_future(threads.in_thread(work, limiter))
        queued = asyncio.ensure_future(threads.in_thread(work, limiter))
        await asyncio.to_thread(begun.wait, WAIT)
        asking.cancel()
        queued.cancel()
        await asyncio.wait([queued])
        assert queued.cancelled()
        assert (asking.done(), limiter.borrowed_tokens) == (False, 1)
        end.set()
        await asyncio.wait([asking])
        assert asking.cancelled()
        assert limiter.borrowed_tokens == 0

    asyncio.run(leave())


def test_over_http_a_subscription_is_told_where_to_go(shop: Client) -> None:
    authorization = {"Authorization": f"Bearer {shop.token}"}
    query = "subscription { segmentSize(rule: {all: []}) { members } }"
    for accept in ("application/json", "application/graphql-response+json", "text/event-stream"):
        headers = {**authorization, "Accept": accept}
        asked: list[httpx.Response] = [
            shop.http.post(f"{shop.address}/graphql", json={"query": query}, headers=headers),
            shop.http.get(f"{shop.address}/graphql", params={"query": query}, headers=headers),
        ]
        for response in asked:
            assert response.status_code == 400
            assert response.json() == {
                "errors": [
                    {
                        "message": "Subscriptions go over WebSocket: "
                        "graphql-transport-ws at /graphql.",
                        "extensions": {"code": "BAD_REQUEST"},
                    }
                ]
            }
