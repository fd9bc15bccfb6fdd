"""Concurrent writers and readers: no write is lost or repeated, and every size is consistent.

Each batch moves the whole crowd to another tag in one write, so a count must find all of the crowd
under one tag and nobody under the others. Other writers replace the crowd's orders, whose lines are
in another table: every contact who bought a product must also have spent its price.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from tests.client import GraphQLClient
from tests.factories import contacts, order

CROWD = [str(number) for number in range(1, 41)]
TAGS = [f"group-{number}" for number in range(8)]

UPDATE = """
mutation ($id: ID!, $name: String!, $version: Int!) {
  segmentUpdate(id: $id, input: {name: $name, expectedVersion: $version}) {
    segment { version } userErrors { code }
  }
}
"""
CREATE = """
mutation ($name: String!) {
  segmentCreate(input: {name: $name, rule: {all: []}}) { segment { id } userErrors { code } }
}
"""
DELETE = "mutation ($id: ID!) { segmentDelete(id: $id) { deletedId } }"
VERSION = "query ($id: ID!) { segment(id: $id) { version } }"


@dataclass
class Outcome:
    """The number of operations by kind, and the codes of refused ones."""

    done: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)


def tagged(tag: str) -> dict[str, Any]:
    return {"tag": {"operator": "ANY_OF", "tags": [tag]}}


def move(client: GraphQLClient, tag: str) -> None:
    """Move the whole crowd to a tag, in one write."""
    client.record("contactsUpsert", contacts(*CROWD, tags=[tag]))


def _write(client: GraphQLClient, chance: random.Random, outcome: Outcome) -> None:
    move(client, chance.choice(TAGS))
    outcome.done["write"] += 1


def orders(number: int) -> list[dict[str, Any]]:
    """Return one order per contact of the crowd, of product ``number`` at that price."""
    return [order(id, id, f"product-{number}", total=f"{number}.00") for id in CROWD]


def count_buyers(client: GraphQLClient, number: int) -> int:
    """Count the contacts who bought product ``number`` at its price: the whole crowd or nobody."""
    bought = {"productPurchased": {"operator": "ANY_OF", "products": [f"product-{number}"]}}
    paid = {"spend": {"operator": "EQUALS", "amount": f"{number}.00"}}
    found = client.size({"any": [bought, paid]})
    counts: set[int] = {found["members"], *(part["members"] for part in found["parts"])}
    assert counts in ({0}, {len(CROWD)}), f"half of an order: {counts}"
    return counts.pop()


def _order(client: GraphQLClient, chance: random.Random, outcome: Outcome) -> None:
    client.record("ordersUpsert", orders(chance.randrange(1, 4)))
    outcome.done["order"] += 1


def _count_buyers(client: GraphQLClient, chance: random.Random, outcome: Outcome) -> None:
    count_buyers(client, chance.randrange(1, 4))
    outcome.done["bought"] += 1


def _read(client: GraphQLClient, chance: random.Random, outcome: Outcome) -> None:
    tags = chance.sample(TAGS, 2)
    found = client.size({"any": [tagged(tag) for tag in TAGS]})
    everyone, *by_tag = [part["members"] for part in found["parts"]]
    assert everyone == len(CROWD), f"{everyone} of the crowd have a tag"
    assert sorted(by_tag) == [0] * (len(TAGS) - 1) + [len(CROWD)], f"counts by tag: {by_tag}"
    pair = client.members({"all": [tagged(tag) for tag in tags]})
    assert pair == 0, f"{pair} have both of {tags}"
    outcome.done["read"] += 1


def _rename(client: GraphQLClient, chance: random.Random, outcome: Outcome, segment: str) -> None:
    version = client.ask(VERSION, id=segment)["segment"]["version"]
    name = f"Name {chance.random()}"
    payload = client.ask(UPDATE, id=segment, name=name, version=version)["segmentUpdate"]
    outcome.codes.update(error["code"] for error in payload["userErrors"])
    if payload["segment"] is not None:
        assert payload["segment"]["version"] == version + 1, "an update overwrote another one"
        outcome.done["rename"] += 1


def _reuse_name(client: GraphQLClient, chance: random.Random, outcome: Outcome) -> None:
    name = f"Same {chance.randrange(10**6)}"
    payloads = [client.ask(CREATE, name=n)["segmentCreate"] for n in (name, name.upper())]
    assert [error["code"] for error in payloads[1]["userErrors"]] == ["NAME_TAKEN"]
    client.ask(DELETE, id=payloads[0]["segment"]["id"])
    outcome.done["name"] += 1


def run(clients: list[GraphQLClient], seconds: float, workers: int = 32, seed: int = 1) -> Outcome:
    """Write and read a new shop in ``workers`` threads, and check that no write was lost.

    The threads take turns with the clients, which may use one server or several.
    """
    outcome, deadline, failed = Outcome(), time.monotonic() + seconds, threading.Event()
    first = clients[0]
    move(first, TAGS[0])
    first.record("ordersUpsert", orders(1))
    segment = first.ask(CREATE, name="Contested")["segmentCreate"]["segment"]["id"]
    jobs: list[Callable[[GraphQLClient, random.Random], None]] = [
        lambda client, chance: _write(client, chance, outcome),
        lambda client, chance: _read(client, chance, outcome),
        lambda client, chance: _read(client, chance, outcome),
        lambda client, chance: _order(client, chance, outcome),
        lambda client, chance: _count_buyers(client, chance, outcome),
        lambda client, chance: _rename(client, chance, outcome, segment),
        lambda client, chance: _reuse_name(client, chance, outcome),
    ]

    def work(number: int) -> None:
        chance = random.Random(seed * 1000 + number)
        client, job = clients[number % len(clients)], jobs[number % len(jobs)]
        try:
            job(client, chance)  # once at least, however busy the machine is
            while time.monotonic() < deadline and not failed.is_set():
                job(client, chance)
        except BaseException:
            failed.set()
            raise

    with ThreadPoolExecutor(workers) as pool:
        for working in [pool.submit(work, number) for number in range(workers)]:
            working.result()
    version = first.ask(VERSION, id=segment)["segment"]["version"]
    assert version == 1 + outcome.done["rename"], "an update was lost"
    assert {*outcome.codes} <= {"VERSION_CONFLICT"}
    defaults = first.ask("{ segments(first: 250) { nodes { name isDefault } } }")["segments"]
    names = [node["name"] for node in defaults["nodes"] if node["isDefault"]]
    assert len(names) == len({*names}) == 2
    return outcome
