"""Random bytes at every level of the protocols: errors have codes, and the server survives."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets import ConnectionClosed

from graphql_app.errors import ErrorCode
from tests.client import authorization, connect_tcp, init_message, read_to_end, streaming
from tests.processes import WAIT
from tests.schema.operations import send
from tests.support import Client
from tests.websocket_frames import handshake

SHOP = "query Shop { shop { handle } }"
SIZE = "query Size($rule: RuleInput!) { segmentSize(rule: $rule) { members parts { path } } }"
LIVE = SIZE.replace("query", "subscription", 1)
RULE = {"all": [{"spend": {"operator": "AT_LEAST", "amount": "5.00"}}, {"not": {"any": []}}]}
OPERATION: dict[str, Any] = {
    "query": SIZE,
    "variables": {"rule": RULE},
    "operationName": "Size",
    "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}},
    "documentId": "sha256:" + "0" * 64,
}
CODES = frozenset(ErrorCode) - {ErrorCode.INTERNAL, ErrorCode.UNAVAILABLE}
CLOSES = {1000, 1002, 1003, 1007, 1009, 4400, 4401, 4403, 4409, 4429}

some = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([SHOP, SIZE, "{", "", "__schema", RULE, "Size", 10**400]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=8) | st.sampled_from([*OPERATION, "all"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)
header_names = st.sampled_from(
    ["Accept", "Content-Type", "Content-Encoding", "Origin", "X-Request-Id", "Cookie", "Expect",
     "Upgrade", "Connection", "Transfer-Encoding", "X-HTTP-Method-Override", "Range", "traceparent"]
)  # fmt: skip
header_values = st.sampled_from(
    ["", "application/json", "application/graphql-response+json", "text/event-stream", "*/*;q=x",
     "application/json; charset=\"", ", ,;;=", "chunked", "websocket", "gzip", "100-continue"]
) | st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=60)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, valid: Any) -> Any:
    """Generate a JSON value with one or two parts replaced or removed."""
    value = json.loads(json.dumps(valid))
    for _ in range(draw(st.integers(1, 2))):
        container: Any = None
        key = None
        inner = value
        while (
            isinstance(inner, dict | list) and inner and (container is None or draw(st.booleans()))
        ):
            container = inner
            keys = [*inner] if isinstance(inner, dict) else [*range(len(inner))]
            key = draw(st.sampled_from(keys))
            inner = container[key]
        if container is None or draw(st.booleans()):
            if isinstance(container, dict):
                del container[key]
        else:
            container[key] = draw(values)
    return value


@st.composite
def damaged(draw: st.DrawFn, valid: Any) -> bytes:
    """Generate the bytes of a JSON value with some bytes removed, doubled or changed."""
    content = json.dumps(valid).encode()
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(content)))
        end = min(len(content), begin + draw(st.integers(0, 20)))
        changed = draw(st.binary(max_size=12) | st.just(content[begin:end] * 2))
        content = content[:begin] + changed + content[end:]
    return content


bodies = st.one_of(
    st.binary(max_size=300),
    values.map(lambda value: json.dumps(value).encode()),
    mutated(OPERATION).map(lambda value: json.dumps(value).encode()),
    damaged(OPERATION),
)


@pytest.fixture(autouse=True)
def _server_survives(shop: Client, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Check that the server still answers, and logged no error."""
    yield
    assert shop.ask(SHOP)["shop"]
    ours = [record for record in caplog.get_records("call") if record.name != "uvicorn.error"]
    assert [record.getMessage() for record in ours if record.levelname == "ERROR"] == []


def _check_codes(errors: Any) -> None:
    assert errors
    for error in errors:
        assert error["message"]
        assert error["extensions"]["code"] in CODES, error


def _check_response(status: int, content: bytes) -> None:
    assert status < 500, content
    if content == b"Invalid HTTP request received.":
        assert status == 400  # it never reached the application
        return
    answer = json.loads(content)
    if "errors" in answer:
        _check_codes(answer["errors"])
    else:
        assert status == 200
        assert isinstance(answer["data"], dict)


@some
@given(body=bodies)
def test_any_body(shop: Client, body: bytes) -> None:
    answer = send(shop, body)
    _check_response(answer.status_code, answer.content)


@some
@given(query=st.text(max_size=80) | damaged(SIZE).map(lambda text: text.decode(errors="replace")))
def test_any_query(shop: Client, query: str) -> None:
    response = send(shop, json.dumps({"query": query, "variables": {"rule": RULE}}))
    _check_response(response.status_code, response.content)


@some
@given(
    parameters=st.text(st.characters(max_codepoint=0x7E, min_codepoint=0x21), max_size=100)
    | st.builds(
        "query={}&variables={}&extensions={}".format,
        *[st.sampled_from(["%7B", "%FF", "{}", "%22", SHOP.replace(" ", "+"), "[", "null", "%00"])]
        * 3,
    )
)
def test_any_query_string(shop: Client, parameters: str) -> None:
    with closing(HTTPConnection(shop.address.removeprefix("http://"), timeout=WAIT)) as connection:
        connection.putrequest("GET", f"/graphql?{parameters}")
        for header in authorization(shop.token).items():
            connection.putheader(*header)
        connection.endheaders()
        answer = connection.getresponse()
        _check_response(answer.status, answer.read())


@some
@given(
    headers=st.dictionaries(header_names, header_values, max_size=5),
    body=bodies,
    token=st.booleans(),
)
def test_any_headers(shop: Client, headers: dict[str, str], body: bytes, token: bool) -> None:
    head = {"Host": "localhost", "Content-Length": str(len(body)), "Connection": "close", **headers}
    if token:
        head |= authorization(shop.token)
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    _send_bytes(shop, f"POST /graphql HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + body)


@some
@given(
    content=st.binary(max_size=200)
    | damaged(SHOP).map(lambda line: b"GET /graphql HTTP/1.1\r\n" + line)
)
def test_any_bytes(shop: Client, content: bytes) -> None:
    _send_bytes(shop, content)


def _send_bytes(shop: Client, content: bytes) -> None:
    """Send bytes and close; check that the response, if any, has no 5xx status."""
    with connect_tcp(shop.address) as connection:
        connection.sendall(content)
        connection.shutdown(socket.SHUT_WR)
        try:
            answer = read_to_end(connection)
        except ConnectionResetError:
            return
    assert not answer.startswith(b"HTTP/1.1 5"), answer


def _message(shop: Client) -> st.SearchStrategy[str | bytes]:
    subscribe = {"type": "subscribe", "id": "1", "payload": {**OPERATION, "query": LIVE}}
    others = [{"type": "ping"}, {"type": "pong"}, {"type": "complete", "id": "1"}]
    valid = [init_message(shop.token), subscribe, *others]
    return st.one_of(
        st.sampled_from(valid).map(json.dumps),
        st.sampled_from(valid).flatmap(mutated).map(json.dumps),
        st.sampled_from(valid).flatmap(damaged).map(lambda text: text.decode(errors="replace")),
        values.map(json.dumps),
        st.text(max_size=50),
        st.binary(max_size=50),
    )


@some
@given(data=st.data(), admitted=st.booleans())
def test_any_messages(shop: Client, data: st.DataObject, admitted: bool) -> None:
    with streaming(shop.address) as stream:
        try:
            if admitted:
                stream.init(shop.token)
            for message in data.draw(st.lists(_message(shop), max_size=5)):
                stream.socket.send(message)
            stream.send("ping")
            while True:
                received = stream.receive()
                if received["type"] == "pong":
                    break
                if received["type"] == "error":
                    _check_codes(received["payload"])
                if received["type"] == "next" and "errors" in received["payload"]:
                    _check_codes(received["payload"]["errors"])
        except ConnectionClosed:
            assert stream.socket.close_code in CLOSES


FRAMES = st.binary(max_size=60) | st.builds(
    lambda first, length, rest: bytes([first, length]) + rest,
    st.integers(0, 255),
    st.integers(0, 255),
    st.binary(max_size=40),
)


@some
@given(frames=FRAMES)
def test_any_frames(shop: Client, frames: bytes) -> None:
    with connect_tcp(shop.address) as connection:
        connection.sendall(handshake())
        answer = connection.recv(65_536)
        assert answer.startswith(b"HTTP/1.1 101"), answer
        connection.sendall(frames)
        connection.shutdown(socket.SHUT_WR)
        try:
            closing = answer.partition(b"\r\n\r\n")[2] + read_to_end(connection)
        except ConnectionResetError:
            return
    if closing[:1] == b"\x88" and len(closing) >= 4:
        assert int.from_bytes(closing[2:4], "big") in CLOSES
