"""Helpers for tests of live sizes over WebSocket."""

import socket
import time
from typing import Any

from graphql_app.catalog import tokens
from tests.client import Stream
from tests.support import Client, Server

COUNT = "subscription ($rule: RuleInput!) { segmentSize(rule: $rule) { members contacts } }"
SHOP = "{ shop { handle } }"
SPENT = {"spend": {"operator": "AT_LEAST", "amount": "50.00"}}


def revoke(server: Server, client: Client) -> None:
    """Revoke a token, and wait until no process accepts it anymore."""
    tokens.revoke_token(server.services.catalog, client.token.split("_")[1])
    time.sleep(tokens.CACHE_SECONDS)


def receive_refusal(stream: Stream, id: str = "1") -> Any:
    """Receive the one error of an operation that did not start."""
    message = stream.receive()
    assert (message["type"], message["id"]) == ("error", id), message
    (error,) = message["payload"]
    return error


def receive_failure(stream: Stream, id: str = "1") -> Any:
    """Receive the one error with which a running operation ends."""
    message = stream.receive()
    assert (message["type"], message["id"]) == ("next", id), message
    assert message["payload"]["data"] is None
    (error,) = message["payload"]["errors"]
    assert stream.receive() == {"type": "complete", "id": id}
    return error


def check_usable(stream: Stream) -> None:
    """Check that the next message answers a new operation: nothing else was sent before."""
    stream.subscribe(SHOP, "still")
    assert stream.next("still")["shop"]
    assert stream.receive() == {"type": "complete", "id": "still"}


def complete(stream: Stream) -> None:
    """Complete the operations that callers start, whose ids are from 1 to 3."""
    for id in "123":
        stream.send("complete", id=id)


def close(stream: Stream) -> None:
    stream.socket.close()


def vanish(stream: Stream) -> None:
    """Shut down the TCP connection without closing the WebSocket."""
    stream.socket.socket.shutdown(socket.SHUT_RDWR)


WAYS_TO_LEAVE = [complete, close, vanish]
