"""Several processes that share a ClickHouse server and a PostgreSQL server."""

import os
import random
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from graphql_app.plugins import Registry
from tests.client import HTTP, GraphQLClient, open_http, record_mutation
from tests.e2e import process
from tests.faults import concurrency, kills
from tests.postgres import Postgres
from tests.processes import WAIT, wait_until

ORDER = record_mutation("ordersUpsert")


@dataclass(frozen=True)
class Stores:
    """The stores that the processes share, as settings."""

    data: Path
    catalog: str
    audience: str
    postgres: Postgres

    def run(self, *arguments: str) -> str:
        return process.segments(
            self.data, *arguments, CATALOG_URL=self.catalog, AUDIENCE_URL=self.audience
        )

    @contextmanager
    def server(self, workers: int = 1, drain: int = 0) -> Iterator[process.Running]:
        """Start a server with ``workers`` processes."""
        with process.server(
            self.data,
            CATALOG_URL=self.catalog,
            AUDIENCE_URL=self.audience,
            RATE_LIMIT="0",
            WORKERS=str(workers),
            DRAIN_SECONDS=str(drain),
            SLOW_RULE_SECONDS="60",
        ) as running:
            yield running


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """Start a PostgreSQL and a ClickHouse server, with the shop acme."""
    directory = tmp_path_factory.mktemp("stores")
    postgres = Postgres.make()
    postgres.start()
    with process.clickhouse(directory / "clickhouse") as audience:
        catalog = f"postgresql+psycopg://postgres@{postgres.address}/postgres"
        stores = Stores(directory / "data", catalog, audience, postgres)
        stores.run("migrate")
        stores.run("shop", "create", "acme")
        yield stores
    postgres.remove()


def _client(stores: Stores, running: process.Running, http: httpx.Client) -> GraphQLClient:
    token = stores.run("token", "create", "--shop", "acme").strip()
    return GraphQLClient(running.address, token, http)


def test_two_servers_behave_like_one(stores: Stores) -> None:
    with stores.server() as one, stores.server() as other, open_http() as http:
        clients = [_client(stores, running, http) for running in (one, other)]
        outcome = concurrency.run(clients, seconds=2, workers=16)
        assert min(outcome.done[kind] for kind in ("write", "read", "rename", "name")) > 0
        # The last write wins, and both servers see it soon.
        concurrency.move(clients[0], "group-1")
        concurrency.move(clients[1], "group-2")
        expected = [len(concurrency.CROWD)] * 2
        rule = concurrency.tagged("group-2")
        wait_until(lambda: [client.members(rule) for client in clients] == expected)


def test_a_killed_server_leaves_no_half_write_to_the_others(
    stores: Stores, registry: Registry
) -> None:
    chance = random.Random(1)
    ordered = {"ordersPlaced": {"operator": "AT_LEAST", "count": 1}}
    with stores.server() as other:
        for number in range(2):
            token = kills.create_shop_token(stores.catalog, registry, f"killed-{number}")
            with stores.server() as running:
                ledger = kills.kill_during_writes(running, token, chance)
            client = other.client(token)
            assert client.members(ordered) % kills.BATCH == 0
            kills.check(client, ledger)


def _keep_ordering(
    over: threading.Event, client: GraphQLClient, number: int, codes: list[str]
) -> None:
    """Replace the crowd's orders until ``over`` is set, and once more after it."""
    while True:
        was_over = over.is_set()
        result = client.post(ORDER, {"items": concurrency.orders(number)}).json()
        if "errors" in result:
            codes += [error["extensions"]["code"] for error in result["errors"]]
        elif was_over:
            return


def _check_log(output: str) -> None:
    """Check that outages of the catalog are logged, and nothing else about them."""
    for line in output.splitlines():
        if " WARNING " in line or " ERROR " in line:
            assert re.search(r" the catalog (failed|works again): ", line), line
    assert "Traceback" not in output


def _wait_for_more(codes: list[str]) -> None:
    before = len(codes)
    wait_until(lambda: len(codes) > before)


def test_facts_survive_restarts_of_postgresql_in_every_process(stores: Stores) -> None:
    stores.run("shop", "create", "restarted")
    token = stores.run("token", "create", "--shop", "restarted").strip()
    with stores.server() as one, stores.server() as other, open_http() as http:
        clients = [GraphQLClient(running.address, token, http) for running in (one, other)]
        concurrency.move(clients[0], "group-1")
        over, codes = threading.Event(), list[str]()
        threads = [
            threading.Thread(target=_keep_ordering, args=(over, client, number, codes))
            for number, client in enumerate(clients, 1)
        ]
        for thread in threads:
            thread.start()
        for _ in range(3):
            stores.postgres.stop("immediate")
            _wait_for_more(codes)
            stores.postgres.start()
        over.set()
        for thread in threads:
            thread.join()
        assert {*codes} == {"UNAVAILABLE"}
        # The last write is there as a whole, and the next one replaces all of it.
        everyone = len(concurrency.CROWD)
        found = [concurrency.count_buyers(clients[0], number) for number in (1, 2)]
        assert sorted(found) == [0, everyone]
        clients[1].record("ordersUpsert", concurrency.orders(3))
        found = [concurrency.count_buyers(clients[1], number) for number in (1, 2, 3)]
        assert found == [0, 0, everyone]
        for running in (one, other):
            status, output = running.stop(signal.SIGTERM)
            assert status == 0
            assert 1 <= output.count("the catalog failed: ") <= 3
            _check_log(output)


def _children(pid: int) -> list[int]:
    """Return the ids of a server's worker processes."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    commands = {int(child): Path(f"/proc/{child}/cmdline").read_text() for child in children}
    return [child for child, command in commands.items() if "spawn_main" in command]


def _kill_one(running: process.Running) -> None:
    """Kill a worker during its health check, and wait until another takes its place."""
    workers = _children(running.process.pid)
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGSTOP)
    time.sleep(2)  # the supervisor waits for an answer now
    os.kill(workers[0], signal.SIGKILL)
    # Before the check's 60 seconds have passed.
    wait_until(lambda: len({*_children(running.process.pid)} - {workers[0]}) == 2, WAIT / 2)


def _replace_all(running: process.Running, check: Callable[[], None]) -> None:
    """Have a server replace its workers by others, and check meanwhile that it answers."""
    before = {*_children(running.process.pid)}
    running.process.send_signal(signal.SIGHUP)

    def replaced() -> bool:
        time.sleep(0.05)  # leave the CPU to the new workers
        check()
        now = {*_children(running.process.pid)}
        return len(now) == 2 and not now & before

    wait_until(replaced)


def test_workers_share_an_address_are_replaced_and_drain(stores: Stores) -> None:
    token = stores.run("token", "create", "--shop", "acme").strip()
    with stores.server(workers=2, drain=3) as running:

        def check() -> None:
            answer = running.client(token).ask("{ shop { handle } }")
            assert answer == {"shop": {"handle": "acme"}}

        _kill_one(running)
        for _ in range(20):
            check()
        _replace_all(running, check)
        stopped = running.process.output.count("Finished server process")
        running.process.send_signal(signal.SIGTERM)
        wait_until(lambda: HTTP.get(f"{running.address}/ready").status_code == 503)
        check()
        status, output = running.process.wait()
        assert status == 0, output
        assert "Traceback" not in output
        # The last line of each worker.
        assert output.count("Finished server process") == stopped + 2, output


def test_workers_need_a_clickhouse_server(tmp_path: Path) -> None:
    output = process.segments(tmp_path, "serve", status=1, WORKERS="2", PORT="0")
    assert "only one process can open the embedded audience" in output
    assert "AUDIENCE_URL" in output


def test_a_store_problem_is_reported_once_and_not_by_each_worker(stores: Stores) -> None:
    urls = {"CATALOG_URL": stores.catalog, "AUDIENCE_URL": "clickhousedb://127.0.0.1:9/none"}
    output = process.segments(
        stores.data, "serve", status=1, program=None, WORKERS="2", PORT="0", **urls
    )
    assert output.count("Error:") == 1
    assert "Cannot open the audience" in output
