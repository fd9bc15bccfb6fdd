"""Endless and slow requests: their connections are closed, and their memory is bounded."""

import json
import socket
from contextlib import ExitStack
from dataclasses import replace

import pytest

from graphql_app.http.admission import MAX_LARGE_BODIES
from graphql_app.runtime.services import Services
from graphql_app.server import http_protocol
from graphql_app.settings import Settings
from tests.client import authorization, connect_tcp, connected, read_to_end
from tests.processes import WAIT
from tests.support import Client, Server, serving
from tests.websocket_frames import PING, TEXT, frame, handshake

SHOP = "{ shop { handle } }"
START = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (b"GET /", b"a" * 65_536),
        (START + b"X-Long: ", b"a" * 65_536),
        (START, b"X-Many: 1\r\n" * 1_000),
    ],
)
def test_an_endless_head_is_refused(server: Server, start: bytes, more: bytes) -> None:
    sent = 0
    with connect_tcp(server.address) as connection:
        connection.sendall(start)
        with pytest.raises(OSError, match=r"reset|pipe"):  # noqa: PT012  # either line may raise
            while sent < 100_000_000:
                connection.sendall(more)
                sent += len(more)
    assert sent < 50_000_000  # what the sockets buffer before the server closes


def test_a_head_within_the_limit_is_accepted(shop: Client) -> None:
    for count in (1, 60):
        headers = {f"X-{n}": "x" * 1_000 for n in range(count)}
        response = shop.http.get(f"{shop.address}/health", headers=headers)
        assert response.json() == {"status": "ok"}


@pytest.mark.parametrize("start", [b"", b"GET", START, b"POST /graphql HTTP/1.1\r\nHost: x\r\nX"])
def test_a_head_that_does_not_arrive_is_refused(
    services: Services, settings: Settings, monkeypatch: pytest.MonkeyPatch, start: bytes
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_TIMEOUT", 0.1)
    with serving(services, settings) as address, connect_tcp(address) as connection:
        connection.sendall(start)
        response = read_to_end(connection)
        assert response.startswith(b"HTTP/1.1 400")
        assert b"did not arrive in time" in response


def test_the_second_head_on_a_connection_has_the_same_timeout(
    services: Services, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_TIMEOUT", 0.5)
    with serving(services, settings) as address, connect_tcp(address) as connection:
        connection.sendall(START + b"\r\n" + b"GET /")
        response = read_to_end(connection)
        assert response.startswith(b"HTTP/1.1 200")
        assert b"HTTP/1.1 400" in response


@pytest.mark.parametrize(
    ("request_", "status", "more"),
    [
        (b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", b"401", b"x"),
        (START + b"Content-Length: 100\r\n\r\n", b"200", b"x"),
        (START + b"\r\n", b"200", b"\r\n"),
    ],
)
def test_more_data_after_a_response_does_not_keep_a_connection_open(
    services: Services,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    request_: bytes,
    status: bytes,
    more: bytes,
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_TIMEOUT", 0.3)
    with serving(services, settings) as address, connect_tcp(address) as connection:
        connection.sendall(request_)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 " + status)
        connection.sendall(more)
        assert b"HTTP/1.1 2" not in read_to_end(connection)


def test_an_open_websocket_outlives_the_head_timeout(
    server: Server, services: Services, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_TIMEOUT", 0.2)
    with serving(services, settings) as address:
        shop = replace(server.shop(), address=address)
        with connected(shop) as stream:
            with pytest.raises(TimeoutError):
                stream.socket.recv(0.5)
            stream.subscribe(SHOP)
            assert stream.next()


def _head(shop: Client, length: int) -> bytes:
    return (
        f"POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {shop.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def test_a_body_that_does_not_arrive_is_refused(
    server: Server, services: Services, settings: Settings
) -> None:
    with serving(services, settings.model_copy(update={"read_timeout": 0.2})) as address:
        shop = replace(server.shop(), address=address)
        with connect_tcp(address) as connection:
            connection.sendall(_head(shop, 100) + b'{"query":')
            head, _, body = read_to_end(connection).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408")
        [error] = json.loads(body)["errors"]
        assert error["extensions"] == {"code": "TIMEOUT"}
        assert shop.ask(SHOP)


def test_large_bodies_of_a_token_wait_for_each_other(server: Server) -> None:
    shop, other = server.shop(), server.shop()
    reading = b"HTTP/1.1 100"  # uvicorn sends it when the application reads the body

    def start(client: Client) -> socket.socket:
        connection = connections.enter_context(connect_tcp(client.address))
        connection.sendall(_head(client, 300_000)[:-2] + b"Expect: 100-continue\r\n\r\n")
        return connection

    with ExitStack() as connections:
        started = [start(shop) for _ in range(MAX_LARGE_BODIES)]
        assert all(connection.recv(65_536).startswith(reading) for connection in started)
        waiting = start(shop)
        assert start(other).recv(65_536).startswith(reading)
        assert shop.ask(SHOP)
        waiting.settimeout(0.1)
        with pytest.raises(TimeoutError):
            waiting.recv(65_536)
        started[0].close()
        waiting.settimeout(WAIT)
        assert waiting.recv(65_536).startswith(reading)


def test_a_client_that_disconnects_while_sending_is_not_an_error(
    shop: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with connect_tcp(shop.address) as connection:
        connection.sendall(_head(shop, 100) + b'{"query":')
        connection.shutdown(socket.SHUT_WR)
        assert read_to_end(connection) == b""
    assert shop.ask(SHOP)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_unread_pongs_are_dropped(shop: Client) -> None:
    host, _, port = shop.address.removeprefix("http://").partition(":")
    with socket.socket() as connection:
        connection.settimeout(WAIT)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        connection.connect((host, int(port)))
        connection.sendall(handshake(**authorization(shop.token)))
        assert connection.recv(65_536).startswith(b"HTTP/1.1 101")
        connection.sendall(frame(TEXT, b'{"type": "connection_init"}'))
        pings = 80_000
        for _ in range(pings // 1_000):
            connection.sendall(frame(PING, b"a" * 125) * 1_000)
        connection.sendall(frame(TEXT, b'{"type": "ping"}'))  # answered after the pings
        received = bytearray()
        while b'"pong"' not in received:
            received += connection.recv(1_000_000)
    assert received.count(b"a" * 125) < pings
