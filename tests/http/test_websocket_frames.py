"""Clients without a token that break the rules of WebSocket: nothing is logged about them."""

import asyncio
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager

import pytest
from starlette.types import Receive, Scope, Send
from websockets.frames import CloseCode

from graphql_app.http.app import create_app
from graphql_app.runtime.services import Services
from graphql_app.server.websocket_protocol import LimitedWebSocketProtocol
from graphql_app.settings import Settings
from tests.client import connect_tcp
from tests.support import Client, running
from tests.websocket_frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FINAL,
    KEY,
    PING,
    RSV1,
    TEXT,
    closing_frame,
    deflated,
    frame,
    handshake,
)

# Closing a socket with this option resets the connection.
RESET_ON_CLOSE = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

COMPRESSED = "Sec-WebSocket-Extensions: permessage-deflate\r\n"

SWITCHING = b"HTTP/1.1 101 "
NO_UTF8 = b"\xff"
INIT = b'{"type": "connection_init"}'
NO_TOKEN = 4403
INVALID_MESSAGE = 4400


@pytest.fixture(autouse=True)
def _logs_nothing(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail if the server or a library logs a warning or an error."""
    yield
    assert [
        record.getMessage() for record in caplog.get_records("call") if record.levelname != "INFO"
    ] == []


class Connection:
    """A client's end of a connection, which sends what it likes."""

    def __init__(self, address: str) -> None:
        self.tcp = connect_tcp(address)
        self._received = b""

    def receive_head(self) -> bytes:
        """Receive the head of the response to the handshake; empty if the server hangs up."""
        while b"\r\n\r\n" not in self._received:
            if not self._receive_more():
                return self._received
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        return head

    def receive_close(self) -> int:
        """Receive the server's close frame as the next one; return its code."""
        while len(self._received) < 2 or len(self._received) < 2 + self._received[1]:
            assert self._receive_more(), self._received
        assert self._received[0] == FINAL | CLOSE, self._received
        code: int = struct.unpack("!H", self._received[2:4])[0]
        return code

    def receive_end(self) -> None:
        """Wait until the server hangs up."""
        while self._receive_more():
            pass

    def _receive_more(self) -> bool:
        try:
            received = self.tcp.recv(65_536)
        except ConnectionResetError:
            received = b""
        self._received += received
        return bool(received)


@contextmanager
def connection(address: str, opening: bytes = b"") -> Iterator[Connection]:
    """Open a connection; with an opening handshake, wait for the response."""
    client = Connection(address)
    with closing(client.tcp):
        if opening:
            client.tcp.sendall(opening)
            assert client.receive_head().startswith(SWITCHING)
        yield client


NOT_UTF8: Mapping[str, bytes] = {
    "a byte": frame(TEXT, NO_UTF8),
    "a surrogate": frame(TEXT, "\ud800".encode(errors="surrogatepass")),
    "two frames": frame(TEXT, b"\xc3", 0) + frame(CONTINUATION, b"\x28"),
    "an incomplete character": frame(TEXT, b"\xc3", 0) + frame(CONTINUATION),
    "twice": frame(TEXT, NO_UTF8) * 2,
    "after a valid message": frame(TEXT, INIT) + frame(TEXT, NO_UTF8),
    "before a valid message": frame(TEXT, NO_UTF8) + frame(TEXT, INIT),
}


@pytest.mark.parametrize("name", NOT_UTF8)
def test_text_that_is_not_utf8_closes_the_connection(shop: Client, name: str) -> None:
    with connection(shop.address, handshake(extra=COMPRESSED)) as client:
        client.tcp.sendall(NOT_UTF8[name])
        assert client.receive_close() == CloseCode.INVALID_DATA
        client.tcp.sendall(frame(TEXT, NO_UTF8) + closing_frame(CloseCode.INVALID_DATA))
        client.receive_end()


def test_text_that_is_not_utf8_before_a_close_does_no_harm(shop: Client) -> None:
    with connection(shop.address, handshake()) as client:
        client.tcp.sendall(frame(TEXT, NO_UTF8) + closing_frame(CloseCode.NORMAL_CLOSURE))
        assert client.receive_close() == CloseCode.NORMAL_CLOSURE
        client.receive_end()


BROKEN: Mapping[str, tuple[bytes, int]] = {
    "not masked": (b"\x81\x02{}", CloseCode.PROTOCOL_ERROR),
    "a reserved bit": (frame(TEXT, INIT, FINAL | 0x20), CloseCode.PROTOCOL_ERROR),
    "a reserved opcode": (frame(3), CloseCode.PROTOCOL_ERROR),
    "a reserved control opcode": (frame(11), CloseCode.PROTOCOL_ERROR),
    "a long ping": (frame(PING, bytes(126)), CloseCode.PROTOCOL_ERROR),
    "a ping in parts": (frame(PING, b"x", 0), CloseCode.PROTOCOL_ERROR),
    "a continuation of nothing": (frame(CONTINUATION), CloseCode.PROTOCOL_ERROR),
    "a text in a text": (frame(TEXT, b"x", 0) + frame(TEXT), CloseCode.PROTOCOL_ERROR),
    "a close in a text": (frame(TEXT, b"x", 0) + closing_frame(1000), CloseCode.PROTOCOL_ERROR),
    "a close of one byte": (frame(CLOSE, b"x"), CloseCode.PROTOCOL_ERROR),
    "a reserved close code": (closing_frame(1005), CloseCode.PROTOCOL_ERROR),
    "an unknown close code": (closing_frame(5000), CloseCode.PROTOCOL_ERROR),
    "a close reason": (closing_frame(1000, NO_UTF8), CloseCode.INVALID_DATA),
    "a long text": (frame(TEXT, length=2**20), CloseCode.MESSAGE_TOO_BIG),
    "an impossible length": (frame(TEXT, length=2**64 - 1), CloseCode.MESSAGE_TOO_BIG),
    "compressed": (frame(TEXT, deflated(INIT), FINAL | RSV1), CloseCode.PROTOCOL_ERROR),
    "after text that is not UTF-8": (frame(TEXT, NO_UTF8) + frame(3), CloseCode.PROTOCOL_ERROR),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_frame_closes_the_connection(shop: Client, name: str) -> None:
    sent, code = BROKEN[name]
    with connection(shop.address, handshake(extra=COMPRESSED)) as client:
        client.tcp.sendall(sent)
        assert client.receive_close() == code
        client.receive_end()


MESSAGES: Mapping[str, tuple[bytes, int]] = {
    "bytes": (frame(BINARY, INIT), INVALID_MESSAGE),
    "empty": (frame(TEXT), INVALID_MESSAGE),
    "a byte order mark": (frame(TEXT, b"\xef\xbb\xbf" + INIT), INVALID_MESSAGE),
    "too deep": (frame(TEXT, b"[" * 100_000), INVALID_MESSAGE),
    "many digits": (frame(TEXT, b'{"type": ' + b"1" * 5_000 + b"}"), INVALID_MESSAGE),
    "a number": (frame(TEXT, b"5"), INVALID_MESSAGE),
    "a surrogate": (frame(TEXT, b'{"type": "\\ud800"}'), INVALID_MESSAGE),
    "a list as payload": (frame(TEXT, INIT[:-1] + b', "payload": []}'), INVALID_MESSAGE),
    "a token with a surrogate": (
        frame(TEXT, INIT[:-1] + b', "payload": {"authorization": "Bearer \\ud800"}}'),
        NO_TOKEN,
    ),
    "a token with NUL": (
        frame(TEXT, INIT[:-1] + b', "payload": {"authorization": "Bearer \\u0000"}}'),
        NO_TOKEN,
    ),
    "twice without a token": (frame(TEXT, INIT) * 2, NO_TOKEN),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_an_invalid_message_closes_the_connection(shop: Client, name: str) -> None:
    sent, code = MESSAGES[name]
    with connection(shop.address, handshake()) as client:
        client.tcp.sendall(sent)
        assert client.receive_close() == code
        client.tcp.sendall(closing_frame(code))
        client.receive_end()


UNPARSABLE: Mapping[str, bytes] = {
    "a long header": handshake(extra=f"X: {'x' * 9_000}\r\n"),
    "many headers": handshake(extra="X: y\r\n" * 200),
    "a long URL": handshake(path=f"/graphql?{'x' * 9_000}"),
    "a body": handshake(extra="Content-Length: 5\r\n") + b"hello",
    "a chunked body": handshake(extra="Transfer-Encoding: chunked\r\n") + b"0\r\n\r\n",
}
INVALID: Mapping[str, bytes] = {
    "the method": handshake("POST"),
    "no key": handshake(Sec_WebSocket_Key=None),
    "a short key": handshake(Sec_WebSocket_Key="x"),
    "a key of other bytes": handshake(Sec_WebSocket_Key="\xff"),
    "two keys": handshake(extra=f"Sec-WebSocket-Key: {KEY}\r\n"),
    "the version": handshake(Sec_WebSocket_Version="12"),
    "the connection": handshake(Connection="Upgrade, ,;"),
    "the protocol": handshake(Sec_WebSocket_Protocol="\xff"),
    "two origins": handshake(extra="Origin: a\r\nOrigin: b\r\n"),
    "the path": handshake(path="/nowhere%ff"),
}


@pytest.mark.parametrize("name", [*UNPARSABLE, *INVALID])
def test_an_invalid_handshake_is_refused(shop: Client, name: str) -> None:
    with connection(shop.address) as client:
        client.tcp.sendall({**UNPARSABLE, **INVALID}[name])
        head = client.receive_head()
        assert name in UNPARSABLE or head.startswith(b"HTTP/1.1 4"), head
        assert not head.startswith(SWITCHING)
        client.receive_end()


@pytest.fixture(scope="module")
def slow_address(services: Services, settings: Settings) -> Iterator[str]:
    """Serve with 0.1 seconds between a handshake and the response."""
    app = create_app(settings, services)

    async def slow_app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await asyncio.sleep(0.1)
        await app(scope, receive, send)

    with running(slow_app, ws=LimitedWebSocketProtocol) as address:
        yield address


EARLY: Mapping[str, bytes | None] = {
    "a reserved opcode": frame(3),
    "text that is not UTF-8": frame(TEXT, NO_UTF8),
    "a ping": frame(PING),
    "a close": closing_frame(1000),
    "a reset": None,
}


@pytest.mark.parametrize("name", EARLY)
def test_a_client_that_does_not_wait_for_the_handshake_is_disconnected(
    slow_address: str, name: str
) -> None:
    sent = EARLY[name]
    with connection(slow_address) as client:
        client.tcp.sendall(handshake())
        time.sleep(0.05)  # until the server has read the handshake
        if sent is None:
            client.tcp.setsockopt(*RESET_ON_CLOSE)
        else:
            client.tcp.sendall(sent)
            client.receive_end()
    with connection(slow_address, handshake()) as client:
        client.tcp.sendall(frame(BINARY))
        assert client.receive_close() == INVALID_MESSAGE
