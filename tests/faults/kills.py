"""Rounds of ``kill -9``: acknowledged writes survive a restart, and no write is there in part.

Each round has a new shop. The writers note which writes were acknowledged. Each writer has at most
one write in flight when the server is killed, which must be there as a whole or not at all.
"""

import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from graphql_app.catalog.migrate import migrate, require_current
from graphql_app.catalog.store import Catalog
from graphql_app.catalog.tables import Shop
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.catalog.tokens import create_token
from graphql_app.plugin_discovery import discover
from graphql_app.plugins import Registry
from graphql_app.segments.default_segments import create_shop
from tests.catalog.rows import read_rows
from tests.client import GraphQLClient
from tests.e2e import process
from tests.e2e.process import Running
from tests.factories import contacts, order
from tests.processes import Program

BATCH = 20  # contacts, each with an order
MAX_DELAY = 1.5  # seconds between the first acknowledged write and the kill

CREATE = """
mutation ($name: String!) {
  segmentCreate(input: {name: $name, rule: {all: []}}) { segment { id version } }
}
"""
RENAME = """
mutation ($id: ID!, $name: String!, $version: Int!) {
  segmentUpdate(id: $id, input: {name: $name, expectedVersion: $version}) { segment { version } }
}
"""
DELETE = "mutation ($id: ID!) { segmentDelete(id: $id) { deletedId } }"
SEGMENTS = """
query ($after: String) {
  segments(first: 250, after: $after) {
    nodes { id name version isDefault } pageInfo { hasNextPage endCursor }
  }
}
"""

# A segment's name and version; ``None`` once it is deleted.
State = tuple[str, int] | None


@dataclass
class Ledger:
    """What the writers of a round know."""

    recorded: set[int] = field(default_factory=set)
    forgotten: set[int] = field(default_factory=set)
    # Batches whose orders or deletion were not acknowledged yet.
    in_flight: set[int] = field(default_factory=set)
    # The possible states of each segment.
    segments: dict[str, list[State]] = field(default_factory=dict)

    @property
    def acknowledged(self) -> int:
        return len(self.recorded) + len(self.forgotten) + len(self.segments)


Writer = Callable[[GraphQLClient, Ledger, random.Random], None]


def ids(batch: int) -> list[str]:
    """Return the ids of a batch's contacts, which are also those of their orders."""
    return [str(batch * BATCH + number) for number in range(1, BATCH + 1)]


def _contacts(client: GraphQLClient, batch: int) -> None:
    client.record("contactsUpsert", contacts(*ids(batch)))


def _orders(client: GraphQLClient, batch: int) -> None:
    orders = [order(id, id, f"batch-{batch}", "any") for id in ids(batch)]
    client.record("ordersUpsert", orders)


def _keep_recording(client: GraphQLClient, ledger: Ledger, chance: random.Random) -> None:
    for batch in range(10_000):
        _contacts(client, batch)
        ledger.in_flight.add(batch)
        _orders(client, batch)
        ledger.recorded.add(batch)
        ledger.in_flight.discard(batch)
        if chance.random() < 0.2:
            ledger.in_flight.add(batch)
            client.forget(*ids(batch))
            ledger.forgotten.add(batch)
            ledger.in_flight.discard(batch)


def _keep_saving(client: GraphQLClient, ledger: Ledger, chance: random.Random) -> None:
    for number in range(10_000):
        name = f"Segment {number}"
        made = client.ask(CREATE, name=name)["segmentCreate"]["segment"]
        states = ledger.segments[made["id"]] = [(name, made["version"])]
        if chance.random() < 0.7:
            renamed = f"{name} renamed"
            states.append((renamed, 2))
            client.ask(RENAME, id=made["id"], name=renamed, version=1)
            states.pop(0)
        if chance.random() < 0.5:
            states.append(None)
            client.ask(DELETE, id=made["id"])
            states.pop(0)


def _until_killed(
    write: Writer, client: GraphQLClient, ledger: Ledger, chance: random.Random
) -> None:
    with suppress(httpx.TransportError):
        write(client, ledger, chance)


def kill_during_writes(running: Running, token: str, chance: random.Random) -> Ledger:
    """Write to a shop, kill the server meanwhile, and return what the writers know."""
    client, ledger = running.client(token), Ledger()
    with ThreadPoolExecutor(2) as pool:
        writers = [
            pool.submit(_until_killed, write, client, ledger, chance)
            for write in (_keep_recording, _keep_saving)
        ]
        while not ledger.acknowledged and not all(writer.done() for writer in writers):
            time.sleep(0.001)
        time.sleep(chance.uniform(0, MAX_DELAY))
        running.stop(signal.SIGKILL)
    for writer in writers:
        writer.result()
    return ledger


def check(client: GraphQLClient, ledger: Ledger) -> None:
    """Check that every acknowledged write is there, and no write in part."""
    whole = 0
    for batch in sorted(ledger.recorded | ledger.in_flight):
        _contacts(client, batch)  # again, in case they were forgotten
        rule = {"productPurchased": {"operator": "ANY_OF", "products": [f"batch-{batch}"]}}
        found = client.members(rule)
        if batch in ledger.in_flight:
            assert found in (0, BATCH), f"half of batch {batch}: {found}"
        else:
            expected = 0 if batch in ledger.forgotten else BATCH
            assert found == expected, f"batch {batch}: {found} instead of {expected}"
        whole += found
    ordered = {"ordersPlaced": {"operator": "EQUALS", "count": 1}}
    assert client.members(ordered) == whole
    saved = {
        node["id"]: (node["name"], node["version"])
        for node in _segments(client)
        if not node["isDefault"]
    }
    for id, states in ledger.segments.items():
        assert saved.pop(id, None) in states, f"{id} has none of the states {states}"
    assert len(saved) <= 1, f"nobody saved {saved}"  # a creation may be unacknowledged


def _segments(client: GraphQLClient) -> Iterator[Any]:
    after = None
    while True:
        page = client.ask(SEGMENTS, after=after)["segments"]
        yield from page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return
        after = page["pageInfo"]["endCursor"]


def create_shop_token(catalog_url: str, registry: Registry, handle: str) -> str:
    """Create a shop in a catalog that a server may be using, and return a token for it."""
    with closing(Catalog(catalog_url)) as catalog:
        shop = Shop(handle=handle, name=handle, timezone="UTC", currency="USD")
        return create_token(catalog, create_shop(catalog, registry, shop), TokenScope)


def rounds_of_writing(data: Path, rounds: int, seed: int) -> Iterator[int]:
    """Kill a server during writes, ``rounds`` times. Yield the number of acknowledged writes."""
    chance, registry = random.Random(seed), discover()
    url = f"sqlite:///{data / 'catalog.sqlite3'}"
    known: list[tuple[str, Ledger]] = []
    for number in range(rounds):
        with process.server(data, RATE_LIMIT="0") as running:
            for token, ledger in known[-1:] + chance.sample(known[:-1], min(2, len(known[:-1]))):
                check(running.client(token), ledger)
            token = create_shop_token(url, registry, f"shop-{seed}-{number}")
            known.append((token, kill_during_writes(running, token, chance)))
        yield known[-1][1].acknowledged
    with process.server(data, RATE_LIMIT="0") as running:
        for token, ledger in known:
            check(running.client(token), ledger)


MIGRATE = """
import signal
import sys
from graphql_app.catalog.migrate import migrate
from graphql_app.catalog.store import Catalog
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
catalog = Catalog(sys.argv[1])
print("ready", flush=True)
signal.sigwait({signal.SIGUSR1})
migrate(catalog, sys.argv[2])
"""


def rounds_of_migrations(url: str, rounds: int, seed: int) -> Iterator[bool]:
    """Kill migrations, upgrades and downgrades in turn. Yield whether each had finished.

    The catalog at the URL has the first schema, and rows.
    """
    chance = random.Random(seed)
    with closing(Catalog(url)) as catalog:
        before = _rows(catalog)
        for number in range(rounds):
            to = "head" if number % 2 == 0 else "0001"
            with _migration(url, to) as migration:
                time.sleep(chance.uniform(0, 0.25))
                migration.send_signal(signal.SIGKILL)
                status, output = migration.wait()
                assert status in (0, -signal.SIGKILL), output
            migrate(catalog)
            require_current(catalog)
            found = _rows(catalog)
            for table, rows in before.items():  # with the columns that later revisions add
                for row, later in zip(rows, found[table], strict=True):
                    assert later.items() >= row.items()
            if to != "head":
                migrate(catalog, to)
            yield status == 0


@contextmanager
def _migration(url: str, to: str) -> Iterator[Program]:
    with Program([sys.executable, "-c", MIGRATE, url, to]) as migration:
        migration.wait_for("ready")
        migration.send_signal(signal.SIGUSR1)
        yield migration


def _rows(catalog: Catalog) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of a catalog by table, without empty tables."""
    return {name: rows for name, rows in read_rows(catalog).items() if rows}
