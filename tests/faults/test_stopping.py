"""A server that stops while a thousand clients subscribe: it closes each and exits cleanly."""

import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import pytest
from websockets import ConnectionClosed

from tests.client import GraphQLClient, Stream, connected
from tests.e2e import process

COUNT = "subscription ($rule: RuleInput!) { segmentSize(rule: $rule) { members } }"
GOING_AWAY, RESTART = 1001, 1012  # of RFC 6455 and its registry


@pytest.fixture
def data(tmp_path: Path) -> Path:
    process.segments(tmp_path / "data", "shop", "create", "acme")
    return tmp_path / "data"


def _subscribe(client: GraphQLClient, number: int, stack: ExitStack) -> Stream:
    """Subscribe, and wait for the first size."""
    stream = stack.enter_context(connected(client))
    texts = {"operator": "GREATER_THAN", "count": number % 50}
    stream.subscribe(COUNT, rule={"textsReceived": texts})
    assert stream.next()
    return stream


def _wait_for_close(stream: Stream) -> int | None:
    """Return the close code that the server sends."""
    with suppress(ConnectionClosed):
        while True:
            stream.receive()
    return stream.socket.close_code


@pytest.mark.parametrize("subscribers", [100, pytest.param(1_000, marks=pytest.mark.soak)])
def test_a_stopping_server_closes_all_subscriptions(data: Path, subscribers: int) -> None:
    token = process.token(data, "acme")
    limit = str(2 * subscribers)
    with (
        process.server(
            data, RATE_LIMIT="0", MAX_SOCKETS_PER_TOKEN=limit, SLOW_RULE_SECONDS="60"
        ) as running,
        ThreadPoolExecutor(50) as pool,
        ExitStack() as stack,
    ):
        subscribe = partial(_subscribe, running.client(token), stack=stack)
        streams = [*pool.map(subscribe, range(subscribers))]
        running.process.send_signal(signal.SIGTERM)
        assert {*map(_wait_for_close, streams)} <= {GOING_AWAY, RESTART}
        status, output = running.process.wait()
        assert status == 0, output
        assert "Traceback" not in output
        levels = {line.split()[1] for line in output.splitlines() if line[:1] == "2"}
        assert levels == {"INFO"}, output
    with process.server(data) as running:
        assert running.client(token).ask("{ shop { handle } }") == {"shop": {"handle": "acme"}}
