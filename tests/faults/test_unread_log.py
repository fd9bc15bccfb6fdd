"""Servers whose standard output and standard error are a full pipe that nobody reads."""

import asyncio
import fcntl
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from graphql_app.catalog.tokens import CACHE_SECONDS
from tests.client import GraphQLClient
from tests.e2e import process
from tests.postgres import Postgres
from tests.processes import WAIT, Program, wait_until
from tests.proxy import Proxy, proxying
from tests.websocket_frames import TEXT, frame, handshake

SIZE = "{ segmentSize(rule: {all: []}) { members } }"
REQUESTS = 100  # during each outage: more than threads, and than connections to the stores
AT_ONCE = 50
CLOSE_1007 = b"\x88\x1d\x03\xefText messages must be UTF-8"


@dataclass
class Stores:
    """The stores of the servers, which can fail."""

    data: Path
    settings: dict[str, str]
    postgres: Postgres
    proxy: Proxy

    def run(self, *arguments: str) -> str:
        return process.segments(self.data, *arguments, status=0, program=None, **self.settings)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """Start a PostgreSQL and a ClickHouse server, with the shop acme."""
    directory = tmp_path_factory.mktemp("stores")
    postgres = Postgres.make()
    postgres.start()
    with (
        process.clickhouse(directory / "clickhouse") as audience,
        proxying(int(audience.rpartition(":")[2].partition("/")[0])) as proxy,
    ):
        settings = {
            "CATALOG_URL": f"postgresql+psycopg://postgres@{postgres.address}/postgres",
            "AUDIENCE_URL": f"clickhousedb://127.0.0.1:{proxy.port}/default",
        }
        stores = Stores(directory / "data", settings, postgres, proxy)
        stores.run("migrate")
        stores.run("shop", "create", "acme")
        yield stores
    postgres.remove()


@pytest.fixture
def full_pipe() -> Iterator[tuple[int, int]]:
    """Fill a pipe; yield the end to read and the end to write."""
    reading, writing = os.pipe()
    os.write(writing, bytes(fcntl.fcntl(writing, fcntl.F_GETPIPE_SZ)))
    yield reading, writing
    os.close(reading)
    os.close(writing)


@contextmanager
def _server(stores: Stores, output: int, **settings: str) -> Iterator[process.Running]:
    """Start a server that logs each request."""
    settings = {"LOG_LEVEL": "debug", "SLOW_RULE_SECONDS": "60", "PORT": "0", **settings}
    settings |= {"RATE_LIMIT": "0", "PYTHONFAULTHANDLER": "1"}
    env = process.environment(stores.data, **stores.settings, **settings)
    with (
        Program([process.SEGMENTS, "serve"], env, output) as server,
        process.wait_until_ready(server) as running,
    ):
        yield running


def _client(stores: Stores, running: process.Running) -> GraphQLClient:
    return running.client(stores.run("token", "create", "--shop", "acme").strip())


def _codes(client: GraphQLClient, query: str) -> set[str]:
    """Send many requests at once; return the codes of their errors, and "OK" for an answer."""

    def send(_: int) -> str:
        errors = client.post(query).json().get("errors")
        return errors[0]["extensions"]["code"] if errors else "OK"

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return {*pool.map(send, range(REQUESTS))}


def _works(client: GraphQLClient) -> bool:
    return "errors" not in client.post(SIZE).json()


def _fail_and_recover(stores: Stores, client: GraphQLClient) -> None:
    """Have each store fail, one after the other, during many requests."""
    assert _works(client)
    stores.postgres.stop("immediate")
    _wait_for_outage(client)
    stores.postgres.start()
    wait_until(lambda: _works(client))
    stores.proxy.refuse()
    _wait_for_outage(client)
    stores.proxy.accept()
    wait_until(lambda: _works(client))


def _wait_for_outage(client: GraphQLClient) -> None:
    time.sleep(CACHE_SECONDS)  # each process remembers tokens and sizes
    wait_until(lambda: _codes(client, SIZE) == {"UNAVAILABLE"})


async def _send_no_text(address: str, connections: int) -> set[bytes]:
    """Open WebSockets, send text that is not UTF-8 on each, and return all answers."""
    host, _, port = address.removeprefix("http://").partition(":")
    slots = asyncio.Semaphore(AT_ONCE)

    async def send_one() -> bytes:
        async with slots:
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(handshake())
            await reader.readuntil(b"\r\n\r\n")
            writer.write(frame(TEXT, b"\xff"))
            answer = await reader.readexactly(len(CLOSE_1007))
            writer.close()
            return answer

    async with asyncio.timeout(2 * WAIT):
        return {*await asyncio.gather(*(send_one() for _ in range(connections)))}


def _stop(running: process.Running, reading: int) -> None:
    running.process.send_signal(signal.SIGTERM)
    status = running.process.status(WAIT)
    if status is None:
        pytest.fail(f"The server does not stop.\n{_stacks(running.process.pid, reading)}")
    assert status == 0


def _stacks(server: int, reading: int) -> str:
    """Abort a server's processes, and return what they print: the stacks of their threads."""
    os.set_blocking(reading, False)
    printed = b""
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    for pid in (*map(int, children), server):
        with suppress(ProcessLookupError):  # it ended with the one before
            os.kill(pid, signal.SIGABRT)
        for _ in range(20):
            time.sleep(0.1)
            with suppress(BlockingIOError):
                printed += os.read(reading, 2**20)
    _, _, stacks = printed.partition(b"Fatal Python error")
    return stacks.decode(errors="replace")


@pytest.mark.parametrize(("workers", "connections"), [(1, 2_000), (2, 200)])
def test_a_server_serves_and_stops(
    stores: Stores, full_pipe: tuple[int, int], workers: int, connections: int
) -> None:
    with _server(stores, full_pipe[1], WORKERS=str(workers)) as running:
        client = _client(stores, running)
        _fail_and_recover(stores, client)
        assert asyncio.run(_send_no_text(running.address, connections)) == {CLOSE_1007}
        assert _works(client)
        _stop(running, full_pipe[0])


def test_the_log_is_complete_once_somebody_reads_it(
    stores: Stores, full_pipe: tuple[int, int]
) -> None:
    log = bytearray()

    def read() -> None:
        while content := os.read(full_pipe[0], 65_536):
            log.extend(content)

    reader = threading.Thread(target=read, daemon=True)
    with _server(stores, full_pipe[1]) as running:
        client = _client(stores, running)
        _fail_and_recover(stores, client)
        reader.start()
        wait_until(lambda: _works(client) and log.count(b"works again") == 2)
        _stop(running, full_pipe[0])
    os.write(full_pipe[1], b"the end\n")
    wait_until(lambda: log.endswith(b"the end\n"))
    lines = log.decode().splitlines()
    assert "Finished server process" in lines[-2]
    alarms = [line for line in lines if " WARNING " in line or " ERROR " in line]
    for store in ("the catalog", "the audience store"):
        (began,) = [line for line in alarms if f" {store} failed: " in line]
        (ended,) = [line for line in alarms if f" {store} works again: " in line]
        alarms = [line for line in alarms if line not in (began, ended)]
        assert int(ended.partition("again: ")[2].split()[0]) >= REQUESTS
    assert alarms == []
