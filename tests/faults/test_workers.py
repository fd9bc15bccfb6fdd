"""Several processes over one ClickHouse server and one PostgreSQL act as one."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from graphql_app.catalog.tables import Shop
from graphql_app.plugins import Registry
from tests.e2e import process
from tests.faults import concurrency, kills
from tests.postgres import Postgres
from tests.support import WAIT, Client


@dataclass(frozen=True)
class Stores:
    """What the processes share, as settings."""

    data: Path
    catalog: str
    audience: str

    def run(self, *arguments: str) -> str:
        """Run the command."""
        return process.segments(
            self.data, *arguments, CATALOG_URL=self.catalog, AUDIENCE_URL=self.audience
        )

    @contextmanager
    def server(self, workers: int = 1) -> Iterator[process.Running]:
        """A server of so many processes."""
        with process.server(
            self.data,
            CATALOG_URL=self.catalog,
            AUDIENCE_URL=self.audience,
            RATE_LIMIT="0",
            WORKERS=str(workers),
        ) as running:
            yield running


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """A PostgreSQL and a ClickHouse of their own, with a shop."""
    directory = tmp_path_factory.mktemp("stores")
    postgres = Postgres.make(directory / "postgres")
    postgres.start()
    with process.clickhouse(directory / "clickhouse") as audience:
        catalog = f"postgresql+psycopg://postgres@{postgres.address}/postgres"
        made = Stores(directory / "data", catalog, audience)
        made.run("migrate")
        made.run("shop", "create", "acme")
        yield made
    postgres.remove()


def _client(stores: Stores, running: process.Running, http: httpx.Client) -> Client:
    token = stores.run("token", "create", "--shop", "acme").strip()
    shop = Shop(id=1, handle="acme", name="acme", timezone="UTC", currency="USD")
    return Client(running.address, token, shop, http)


def test_what_many_do_through_two_servers_is_as_if_there_were_one(stores: Stores) -> None:
    with (
        stores.server() as one,
        stores.server() as other,
        httpx.Client(timeout=WAIT) as http,
    ):
        clients = [_client(stores, running, http) for running in (one, other)]
        outcome = concurrency.run(clients, seconds=6, workers=16)
        assert min(outcome.done[what] for what in ("write", "read", "rename", "name")) > 0
        # The last write has won, and in a moment both know.
        concurrency.move(clients[0], "group-1")
        concurrency.move(clients[1], "group-2")
        deadline = time.monotonic() + WAIT
        wanted = [len(concurrency.CROWD)] * 2
        rule = concurrency.tagged("group-2")
        while [client.members(rule) for client in clients] != wanted:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_server_that_is_killed_leaves_no_half_to_the_others(
    stores: Stores, registry: Registry
) -> None:
    chance = random.Random(1)
    ordered = {"ordersPlaced": {"operator": "AT_LEAST", "count": 1}}
    with stores.server() as other:
        for number in range(2):
            token = kills.shop(stores.catalog, registry, f"killed-{number}")
            with stores.server() as running:
                ledger = kills.killed_while_writing(running, token, chance)
            assert kills.members(other, token, ordered) % kills.BATCH == 0
            kills.check(other, token, ledger)


def _children(pid: int) -> list[int]:
    """The worker processes of a server."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [
        int(child)
        for child in children
        if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text()
    ]


def test_workers_serve_one_address_and_one_that_dies_is_replaced(stores: Stores) -> None:
    with stores.server(workers=2) as running:
        token = stores.run("token", "create", "--shop", "acme").strip()
        workers = _children(running.process.pid)
        assert len(workers) == 2
        os.kill(workers[0], signal.SIGKILL)
        deadline = time.monotonic() + WAIT
        while len({*_children(running.process.pid)} - {workers[0]}) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        for _ in range(20):
            answer = running.ask(token, "{ shop { handle } }")
            assert answer == {"shop": {"handle": "acme"}}
        status, output = running.stop(signal.SIGTERM)
        assert status == 0, output
        assert "Traceback" not in output


def test_the_embedded_store_refuses_workers_and_says_what_to_do(tmp_path: Path) -> None:
    output = process.segments(tmp_path, "serve", status=1, WORKERS="2", PORT="0")
    assert "the embedded audience serves one process" in output
    assert "AUDIENCE_URL" in output


def test_what_is_wrong_with_a_store_is_said_once_and_not_by_each_worker(stores: Stores) -> None:
    output = process.segments(
        stores.data,
        "serve",
        status=1,
        WORKERS="2",
        PORT="0",
        CATALOG_URL=stores.catalog,
        AUDIENCE_URL="clickhousedb://127.0.0.1:9/none",
    )
    assert output.count("Error:") == 1
    assert "cannot be opened" in output
