"""A server that stops while a thousand clients subscribe: it closes each and exits cleanly."""

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
from tests.processes import WAIT

COUNT = "subscription ($rule: RuleInput!) { segmentSize(rule: $rule) { members } }"
GOING_AWAY, RESTART = 1001, 1012  # of RFC 6455 and its registry


@pytest.fixture
def data(tmp_path: Path) -> Path:
    process.segments(tmp_path / "data", "shop", "create", "acme")
    return tmp_path / "data"


async def _subscribe(address: str, token: str, number: int) -> ClientConnection:
    """Subscribe, and wait for the first size."""
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


async def _wait_for_close(socket: ClientConnection) -> int | None:
    """Return the close code that the server sends."""
    try:
        while True:
            await socket.recv()
    except ConnectionClosed:
        return socket.close_code


async def _stop_during_subscriptions(
    running: process.Running, token: str, subscribers: int
) -> list[int | None]:
    address = f"{running.address.replace('http', 'ws', 1)}/graphql"
    sockets: list[ClientConnection] = []
    for first in range(0, subscribers, 50):
        sockets += await asyncio.gather(
            *(_subscribe(address, token, first + number) for number in range(50))
        )
    close_codes = asyncio.gather(*map(_wait_for_close, sockets))
    running.process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(WAIT):
        return await close_codes


@pytest.mark.parametrize("subscribers", [100, pytest.param(1_000, marks=pytest.mark.soak)])
def test_a_stopping_server_closes_all_subscriptions(data: Path, subscribers: int) -> None:
    token = process.token(data, "acme")
    limit = str(2 * subscribers)
    with process.server(
        data, RATE_LIMIT="0", MAX_SOCKETS_PER_TOKEN=limit, SLOW_RULE_SECONDS="60"
    ) as running:
        codes = asyncio.run(_stop_during_subscriptions(running, token, subscribers))
        assert {*codes} <= {GOING_AWAY, RESTART}
        assert len(codes) == subscribers
        status, output = running.process.wait()
        assert status == 0, output
        assert "Traceback" not in output
        levels = {line.split()[1] for line in output.splitlines() if line[:1] == "2"}
        assert levels == {"INFO"}, output
    with process.server(data) as running:
        assert running.client(token).ask("{ shop { handle } }") == {"shop": {"handle": "acme"}}
