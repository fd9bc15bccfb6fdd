"""Rounds of ``kill -9``: what was acknowledged is there after a restart, and no half of the rest.

Each round has a shop of its own. Writers note what was acknowledged; of each, one write at most was
under way when the server was killed, and is there whole or not at all.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import MetaData, create_engine, select

from graphql_app.catalog.migrate import migrate, require_current
from graphql_app.catalog.store import Catalog
from graphql_app.catalog.tables import Shop
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.catalog.tokens import create_token
from graphql_app.plugin_discovery import discover
from graphql_app.plugins import Registry
from graphql_app.segments.default_segments import create_shop
from tests.e2e import process
from tests.e2e.process import Running
from tests.support import FACT_INPUTS

BATCH = 20  # contacts, each with an order
LONGEST = 1.5  # seconds from the first answer until the server is killed, at most

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
FORGET = "mutation ($ids: [ID!]!) { contactsForget(ids: $ids) { recorded } }"

# What there is of a segment: its name and version; ``None`` once it is deleted.
State = tuple[str, int] | None


@dataclass
class Ledger:
    """What a round's writers know.

    ``begun`` has the batches whose orders, or whose being forgotten, were not answered.
    """

    recorded: set[int] = field(default_factory=set)
    forgotten: set[int] = field(default_factory=set)
    begun: set[int] = field(default_factory=set)
    segments: dict[str, list[State]] = field(default_factory=dict)

    @property
    def acknowledged(self) -> int:
        """How many writes were."""
        return len(self.recorded) + len(self.forgotten) + len(self.segments)


def ids(batch: int) -> list[str]:
    """The contacts of a batch, and their orders."""
    return [str(batch * BATCH + number) for number in range(1, BATCH + 1)]


def record(running: Running, token: str, mutation: str, items: list[dict[str, Any]]) -> None:
    """Record facts, which must be taken."""
    fact = next(name for name in FACT_INPUTS if mutation.startswith(name))
    query = f"""
    mutation ($items: [{FACT_INPUTS[fact]}!]!) {{
      {mutation}({fact}: $items) {{ recorded userErrors {{ code message }} }}
    }}
    """
    payload = running.ask(token, query, items=items)[mutation]
    assert payload == {"recorded": len(items), "userErrors": []}


def _contacts(running: Running, token: str, batch: int) -> None:
    record(running, token, "contactsUpsert", [{"id": id} for id in ids(batch)])


def _orders(running: Running, token: str, batch: int) -> None:
    orders = [
        {
            "id": id,
            "contactId": id,
            "orderedAt": "2026-01-01T00:00:00Z",
            "total": "10.00",
            "lines": [{"productId": f"batch-{batch}"}, {"productId": "any"}],
        }
        for id in ids(batch)
    ]
    record(running, token, "ordersUpsert", orders)


def _keep_recording(running: Running, token: str, ledger: Ledger, chance: random.Random) -> None:
    for batch in range(10_000):
        _contacts(running, token, batch)
        ledger.begun.add(batch)
        _orders(running, token, batch)
        ledger.recorded.add(batch)
        ledger.begun.discard(batch)
        if chance.random() < 0.2:
            ledger.begun.add(batch)
            running.ask(token, FORGET, ids=ids(batch))
            ledger.forgotten.add(batch)
            ledger.begun.discard(batch)


def _keep_saving(running: Running, token: str, ledger: Ledger, chance: random.Random) -> None:
    for number in range(10_000):
        name = f"Segment {number}"
        made = running.ask(token, CREATE, name=name)["segmentCreate"]["segment"]
        states = ledger.segments[made["id"]] = [(name, made["version"])]
        if chance.random() < 0.7:
            renamed = f"{name} renamed"
            states.append((renamed, 2))
            running.ask(token, RENAME, id=made["id"], name=renamed, version=1)
            states.pop(0)
        if chance.random() < 0.5:
            states.append(None)
            running.ask(token, DELETE, id=made["id"])
            states.pop(0)


def _until_it_ends(work: Callable[[], None], failures: list[BaseException]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        except httpx.TransportError:
            pass  # it was killed
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def killed_while_writing(running: Running, token: str, chance: random.Random) -> Ledger:
    """Have clients write to a shop until the server is killed; what they know.

    Raises:
        AssertionError: A write was refused.
    """
    ledger, failures = Ledger(), list[BaseException]()
    writers = [
        _until_it_ends(lambda: _keep_recording(running, token, ledger, chance), failures),
        _until_it_ends(lambda: _keep_saving(running, token, ledger, chance), failures),
    ]
    while not ledger.acknowledged and any(writer.is_alive() for writer in writers):
        time.sleep(0.001)
    time.sleep(chance.uniform(0, LONGEST))
    running.stop(signal.SIGKILL)
    for writer in writers:
        writer.join()
    if failures:
        raise failures[0]
    return ledger


def check(running: Running, token: str, ledger: Ledger) -> None:
    """See that all that was acknowledged is there, and no half of anything.

    Raises:
        AssertionError: It is not.
    """
    whole = 0
    for batch in sorted(ledger.recorded | ledger.begun):
        _contacts(running, token, batch)  # again, for those who were forgotten
        rule = {"productPurchased": {"operator": "ANY_OF", "products": [f"batch-{batch}"]}}
        found = members(running, token, rule)
        if batch in ledger.begun:
            assert found in (0, BATCH), f"half of batch {batch}: {found}"
        else:
            wanted = 0 if batch in ledger.forgotten else BATCH
            assert found == wanted, f"batch {batch}: {found} for {wanted}"
        whole += found
    ordered = {"ordersPlaced": {"operator": "EQUALS", "count": 1}}
    assert members(running, token, ordered) == whole
    there = {
        node["id"]: (node["name"], node["version"])
        for node in _segments(running, token)
        if not node["isDefault"]
    }
    for id, states in ledger.segments.items():
        assert there.pop(id, None) in states, f"{id} is none of {states}"
    assert len(there) <= 1, f"nobody saved {there}"  # one whose answer did not come


def members(running: Running, token: str, rule: Mapping[str, Any]) -> int:
    """How many contacts match a rule."""
    query = "query ($rule: RuleInput!) { segmentSize(rule: $rule) { members } }"
    found: int = running.ask(token, query, rule=rule)["segmentSize"]["members"]
    return found


def _segments(running: Running, token: str) -> Iterator[Any]:
    after = None
    while True:
        page = running.ask(token, SEGMENTS, after=after)["segments"]
        yield from page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return
        after = page["pageInfo"]["endCursor"]


def shop(catalog_url: str, registry: Registry, handle: str) -> str:
    """A new shop, beside whatever process serves the catalog; a token of it."""
    catalog = Catalog(catalog_url)
    try:
        made = create_shop(
            catalog, registry, Shop(handle=handle, name=handle, timezone="UTC", currency="USD")
        )
        return create_token(catalog, made, TokenScope)
    finally:
        catalog.close()


def rounds_of_writing(data: Path, rounds: int, seed: int) -> Iterator[int]:
    """Kill a server while it is written to, as often as asked; yields the writes that it answered.

    Raises:
        AssertionError: Something was lost, or is there in part.
    """
    chance, registry = random.Random(seed), discover()
    url = f"sqlite:///{data / 'catalog.sqlite3'}"
    known: list[tuple[str, Ledger]] = []
    for number in range(rounds):
        with process.server(data, RATE_LIMIT="0") as running:
            for token, ledger in known[-1:] + chance.sample(known[:-1], min(2, len(known[:-1]))):
                check(running, token, ledger)
            token = shop(url, registry, f"shop-{seed}-{number}")
            known.append((token, killed_while_writing(running, token, chance)))
        yield known[-1][1].acknowledged
    with process.server(data, RATE_LIMIT="0") as running:
        for token, ledger in known:
            check(running, token, ledger)


MIGRATE = """
import sys
from graphql_app.catalog.migrate import migrate
from graphql_app.catalog.store import Catalog
catalog = Catalog(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
migrate(catalog, sys.argv[2])
"""


def rounds_of_migrating(url: str, rounds: int, seed: int) -> Iterator[bool]:
    """Kill a migration, there and back in turn, as often as asked; yields whether it was done.

    The catalog at the URL is one that has rows, of the first schema.

    Raises:
        AssertionError: A row was lost.
    """
    chance = random.Random(seed)
    before = content(url)
    catalog = Catalog(url)
    try:
        for number in range(rounds):
            to = "head" if number % 2 == 0 else "0001"
            with _migrating(url, to) as migrating:
                time.sleep(chance.uniform(0, 0.25))
                migrating.kill()
                done = migrating.wait() == 0
            migrate(catalog)
            require_current(catalog)
            assert content(url).items() >= before.items()
            if to != "head":
                migrate(catalog, to)
            yield done
    finally:
        catalog.close()


@contextmanager
def _migrating(url: str, to: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has begun to migrate."""
    with subprocess.Popen(
        [sys.executable, "-c", MIGRATE, url, to],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as migrating:
        assert migrating.stdin is not None
        assert migrating.stdout is not None
        assert migrating.stdout.readline() == "ready\n"
        migrating.stdin.write("\n")
        migrating.stdin.flush()
        yield migrating


def content(url: str) -> dict[str, list[Any]]:
    """All rows of a catalog's tables that have any."""
    engine, tables = create_engine(url), MetaData()
    try:
        with engine.connect() as connection:
            tables.reflect(connection)
            found = {
                name: [tuple(row) for row in connection.execute(select(table))]
                for name, table in tables.tables.items()
                if name != "alembic_version"
            }
        return {name: rows for name, rows in found.items() if rows}
    finally:
        engine.dispose()
