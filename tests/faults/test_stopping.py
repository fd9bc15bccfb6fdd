"""A server that is told to stop while many listen lets each go, and ends well."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.e2e import process
from tests.support import WAIT

SUBSCRIBERS = 1_000
COUNT = "subscription ($rule: RuleInput!) { segmentSize(rule: $rule) { members } }"
GOING_AWAY, RESTART = 1001, 1012  # of RFC 6455 and its registry


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with a shop."""
    process.segments(tmp_path / "data", "shop", "create", "acme")
    return tmp_path / "data"


async def _subscribed(address: str, token: str, number: int) -> ClientConnection:
    """A client that has its first size."""
    socket = await connect(
        address, subprotocols=[Subprotocol("graphql-transport-ws")], open_timeout=WAIT
    )
    payload: dict[str, Any] = {"authorization": f"Bearer {token}"}
    await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
    assert json.loads(await socket.recv())["type"] == "connection_ack"
    rule = {"textsReceived": {"operator": "GREATER_THAN", "count": number % 50}}
    payload = {"query": COUNT, "variables": {"rule": rule}}
    await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
    assert json.loads(await socket.recv())["type"] == "next"
    return socket


async def _end(socket: ClientConnection) -> int | None:
    """The code with which the server closes."""
    try:
        while True:
            await socket.recv()
    except ConnectionClosed:
        return socket.close_code


async def _stopped_while_all_listen(running: process.Running, token: str) -> list[int | None]:
    address = f"{running.address.replace('http', 'ws', 1)}/graphql"
    sockets: list[ClientConnection] = []
    for first in range(0, SUBSCRIBERS, 50):
        sockets += await asyncio.gather(
            *(_subscribed(address, token, first + number) for number in range(50))
        )
    ends = asyncio.gather(*map(_end, sockets))
    running.process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(WAIT):
        return await ends


def test_a_thousand_subscribers_are_let_go_when_the_server_stops(data: Path) -> None:
    token = process.token(data, "acme")
    limit = str(2 * SUBSCRIBERS)
    with process.server(data, RATE_LIMIT="0", MAX_SOCKETS_PER_TOKEN=limit) as running:
        codes = asyncio.run(_stopped_while_all_listen(running, token))
        assert {*codes} <= {GOING_AWAY, RESTART}
        assert len(codes) == SUBSCRIBERS
        status, output = running.process.wait()
        assert status == 0, output
        assert "Traceback" not in output
        assert {line.split()[1] for line in output.splitlines() if line[:1] == "2"} == {"INFO"}
    with process.server(data) as running:
        assert running.ask(token, "{ shop { handle } }") == {"shop": {"handle": "acme"}}
