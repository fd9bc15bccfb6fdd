"""Requests that never come to an end: nobody is waited for, and nothing is kept of them."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest

from graphql_app.http.admission import LARGE
from graphql_app.runtime.services import Services
from graphql_app.server import http_protocol
from graphql_app.settings import Settings
from tests.support import WAIT, Client, Server, serving, streaming

SHOP = "{ shop { handle } }"
START = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"


@contextmanager
def _connected(address: str) -> Iterator[socket.socket]:
    host, _, port = address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=WAIT) as connection:
        yield connection


def _answer(connection: socket.socket) -> bytes:
    """All that comes until the server closes."""
    return b"".join(iter(lambda: connection.recv(65_536), b""))


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (b"GET /", b"a" * 65_536),
        (START + b"X-Long: ", b"a" * 65_536),
        (START, b"X-Many: 1\r\n" * 1_000),
    ],
)
def test_a_head_without_end_is_not_read_on(server: Server, start: bytes, more: bytes) -> None:
    sent = 0
    with _connected(server.address) as connection:
        connection.sendall(start)
        with pytest.raises(OSError, match=r"reset|pipe"):  # noqa: PT012  # either line may raise
            while sent < 100_000_000:
                connection.sendall(more)
                sent += len(more)
    assert sent < 50_000_000  # what is on its way when the server closes


def test_a_head_that_fits_is_read(shop: Client) -> None:
    for many in (1, 60):
        response = shop.http.get(
            f"{shop.address}/health", headers={f"X-{n}": "x" * 1_000 for n in range(many)}
        )
        assert response.json() == {"status": "ok"}


@pytest.mark.parametrize("start", [b"", b"GET", START, b"POST /graphql HTTP/1.1\r\nHost: x\r\nX"])
def test_a_head_that_does_not_come_is_not_waited_for(
    services: Services, settings: Settings, monkeypatch: pytest.MonkeyPatch, start: bytes
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_TIME", 0.1)
    with serving(services, settings) as address, _connected(address) as connection:
        connection.sendall(start)
        answer = _answer(connection)
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"too long" in answer


def test_a_second_request_on_a_connection_is_waited_for_no_longer(
    services: Services, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_TIME", 0.5)
    with serving(services, settings) as address, _connected(address) as connection:
        connection.sendall(START + b"\r\n" + b"GET /")
        answer = _answer(connection)
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"HTTP/1.1 400" in answer


@pytest.mark.parametrize(
    ("request_", "status", "more"),
    [
        (b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", b"401", b"x"),
        (START + b"Content-Length: 100\r\n\r\n", b"200", b"x"),
        (START + b"\r\n", b"200", b"\r\n"),
    ],
)
def test_what_comes_after_an_answer_is_not_waited_for(
    services: Services,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    request_: bytes,
    status: bytes,
    more: bytes,
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_TIME", 0.3)
    with serving(services, settings) as address, _connected(address) as connection:
        connection.sendall(request_)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 " + status)
        connection.sendall(more)
        assert b"HTTP/1.1 2" not in _answer(connection)  # which ends, for the server closes


def test_who_stays_is_not_closed_for_that(
    server: Server, services: Services, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_TIME", 0.2)
    with serving(services, settings) as address:
        shop = replace(server.shop(), address=address)
        with streaming(address) as stream:
            stream.init(shop.token)
            with pytest.raises(TimeoutError):
                stream.socket.recv(0.5)
            stream.subscribe(SHOP)
            assert stream.next()


def _head(shop: Client, length: int) -> bytes:
    return (
        f"POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {shop.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def test_a_body_that_does_not_come_is_not_waited_for(
    server: Server, services: Services, settings: Settings
) -> None:
    with serving(services, settings.model_copy(update={"read_timeout": 0.2})) as address:
        shop = replace(server.shop(), address=address)
        with _connected(address) as connection:
            connection.sendall(_head(shop, 100) + b'{"query":')
            head, _, body = _answer(connection).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408")
        [error] = json.loads(body)["errors"]
        assert error["extensions"] == {"code": "TIMEOUT"}
        assert shop.ask(SHOP)


def test_a_token_has_a_few_large_bodies_in_memory(server: Server) -> None:
    shop, other = server.shop(), server.shop()
    read = b"HTTP/1.1 100"  # what who waits for it is told once the body is read

    def begin(client: Client) -> socket.socket:
        connection = connections.enter_context(_connected(client.address))
        connection.sendall(_head(client, 300_000)[:-2] + b"Expect: 100-continue\r\n\r\n")
        return connection

    with ExitStack() as connections:
        begun = [begin(shop) for _ in range(LARGE)]
        assert all(each.recv(65_536).startswith(read) for each in begun)
        waiting = begin(shop)
        assert begin(other).recv(65_536).startswith(read)
        assert shop.ask(SHOP)
        waiting.settimeout(0.1)
        with pytest.raises(TimeoutError):
            waiting.recv(65_536)
        begun[0].close()
        waiting.settimeout(WAIT)
        assert waiting.recv(65_536).startswith(read)


def test_a_client_that_leaves_within_its_body_is_no_error(
    shop: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with _connected(shop.address) as connection:
        connection.sendall(_head(shop, 100) + b'{"query":')
        connection.shutdown(socket.SHUT_WR)
        assert _answer(connection) == b""
    assert shop.ask(SHOP)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_pongs_that_nobody_takes_are_not_kept(shop: Client) -> None:
    upgrade = (
        b"GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Protocol: graphql-transport-ws\r\nAuthorization: Bearer "
        + shop.token.encode()
        + b"\r\n\r\n"
    )
    init = b'{"type":"connection_init"}'
    text, ping, mask = b"\x81", b"\x89", b"\0\0\0\0"
    host, _, port = shop.address.removeprefix("http://").partition(":")
    with socket.socket() as connection:
        connection.settimeout(WAIT)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        connection.connect((host, int(port)))
        connection.sendall(upgrade)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 101")
        connection.sendall(text + bytes([0x80 | len(init)]) + mask + init)
        pinged = 80_000
        for _ in range(pinged // 1_000):
            connection.sendall((ping + b"\xfd" + mask + b"a" * 125) * 1_000)
        connection.sendall(text + b"\x8f" + mask + b'{"type":"ping"}')  # is answered last
        answer = bytearray()
        while b'"pong"' not in answer:
            answer += connection.recv(1_000_000)
    assert answer.count(b"a" * 125) < pinged
