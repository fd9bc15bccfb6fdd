"""Many who write and read at once: nothing lost, nothing twice, no size that no order could give.

Batches move all of a crowd from one tag to another, in one write. So whoever counts finds all of
the crowd with one of the tags and nobody with the others, whichever write came last. Others replace
their orders, with lines in a table of their own: who has bought what has paid its price.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support import Client

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


@dataclass
class Outcome:
    """What was done: how often, and the codes of what was refused."""

    done: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    failures: list[BaseException] = field(default_factory=list)


def tagged(tag: str) -> dict[str, Any]:
    """The rule of who has a tag."""
    return {"tag": {"operator": "ANY_OF", "tags": [tag]}}


def move(client: Client, tag: str) -> None:
    """Have the whole crowd change to a tag, in one write."""
    client.record("contactsUpsert", [{"id": id, "tags": [tag]} for id in CROWD])


def _write(client: Client, chance: random.Random, outcome: Outcome) -> None:
    move(client, chance.choice(TAGS))
    outcome.done["write"] += 1


def orders(number: int) -> list[dict[str, Any]]:
    """For each of the crowd one order, of a product with a number, at that price."""
    made = {
        "orderedAt": "2026-01-01T00:00:00Z",
        "total": f"{number}.00",
        "lines": [{"productId": f"product-{number}"}],
    }
    return [{"id": id, "contactId": id, **made} for id in CROWD]


def bought(client: Client, number: int) -> int:
    """How many have bought the product with a number, which all of them have, or nobody.

    Raises:
        AssertionError: Some have, or who has bought it has not paid its price.
    """
    bought = {"productPurchased": {"operator": "ANY_OF", "products": [f"product-{number}"]}}
    paid = {"spend": {"operator": "EQUALS", "amount": f"{number}.00"}}
    found = client.size({"any": [bought, paid]})
    each: set[int] = {found["members"], *(part["members"] for part in found["parts"])}
    assert each in ({0}, {len(CROWD)}), f"half of an order: {each}"
    return each.pop()


def _order(client: Client, chance: random.Random, outcome: Outcome) -> None:
    client.record("ordersUpsert", orders(chance.randrange(1, 4)))
    outcome.done["order"] += 1


def _bought(client: Client, chance: random.Random, outcome: Outcome) -> None:
    bought(client, chance.randrange(1, 4))
    outcome.done["bought"] += 1


def _read(client: Client, chance: random.Random, outcome: Outcome) -> None:
    tags = chance.sample(TAGS, 2)
    found = client.size({"any": [tagged(tag) for tag in TAGS]})
    everyone, *each = [part["members"] for part in found["parts"]]
    assert everyone == len(CROWD), f"{everyone} of the crowd have any tag"
    assert sorted(each) == [0] * (len(TAGS) - 1) + [len(CROWD)], f"they have {each}"
    pair = client.members({"all": [tagged(tag) for tag in tags]})
    assert pair == 0, f"{pair} have {tags} at once"
    outcome.done["read"] += 1


def _rename(client: Client, chance: random.Random, outcome: Outcome, segment: str) -> None:
    query = "query ($id: ID!) { segment(id: $id) { version } }"
    version = client.ask(query, id=segment)["segment"]["version"]
    name = f"Name {chance.random()}"
    answer = client.ask(UPDATE, id=segment, name=name, version=version)["segmentUpdate"]
    outcome.codes.update(error["code"] for error in answer["userErrors"])
    if answer["segment"] is not None:
        assert answer["segment"]["version"] == version + 1, "an update of another was overwritten"
        outcome.done["rename"] += 1


def _name_alike(client: Client, chance: random.Random, outcome: Outcome) -> None:
    name = f"Same {chance.randrange(10**6)}"
    answers = [client.ask(CREATE, name=each)["segmentCreate"] for each in (name, name.upper())]
    assert [error["code"] for error in answers[1]["userErrors"]] == ["NAME_TAKEN"]
    client.ask(
        "mutation ($id: ID!) { segmentDelete(id: $id) { deletedId } }",
        id=answers[0]["segment"]["id"],
    )
    outcome.done["name"] += 1


def run(clients: list[Client], seconds: float, workers: int = 32, seed: int = 1) -> Outcome:
    """Have workers write and read a shop for a while, through clients in turn; what came of it.

    The clients are of one shop, which is new, of one process or of several.
    """
    outcome, until = Outcome(), time.monotonic() + seconds
    first = clients[0]
    move(first, TAGS[0])
    first.record("ordersUpsert", orders(1))
    segment = first.ask(CREATE, name="Contested")["segmentCreate"]["segment"]["id"]
    jobs: list[Callable[[Client, random.Random], None]] = [
        lambda client, chance: _write(client, chance, outcome),
        lambda client, chance: _read(client, chance, outcome),
        lambda client, chance: _read(client, chance, outcome),
        lambda client, chance: _order(client, chance, outcome),
        lambda client, chance: _bought(client, chance, outcome),
        lambda client, chance: _rename(client, chance, outcome, segment),
        lambda client, chance: _name_alike(client, chance, outcome),
    ]

    def work(number: int) -> None:
        chance = random.Random(seed * 1000 + number)
        client, job = clients[number % len(clients)], jobs[number % len(jobs)]
        try:
            job(client, chance)  # once at least, however busy the machine is
            while time.monotonic() < until and not outcome.failures:
                job(client, chance)
        except BaseException as error:
            outcome.failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if outcome.failures:
        raise outcome.failures[0]
    query = "query ($id: ID!) { segment(id: $id) { version } }"
    version = first.ask(query, id=segment)["segment"]["version"]
    assert version == 1 + outcome.done["rename"], "an update was lost"
    assert {*outcome.codes} <= {"VERSION_CONFLICT"}
    defaults = first.ask("{ segments(first: 250) { nodes { name isDefault } } }")["segments"]
    names = [node["name"] for node in defaults["nodes"] if node["isDefault"]]
    assert len(names) == len({*names}) == 2
    return outcome
