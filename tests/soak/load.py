"""Minutes of mixed load on one server: no error, flat memory, and how long answers take."""

import random
import re
import signal
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.client import GraphQLClient, connected
from tests.e2e import process
from tests.factories import order, text

CONTACTS = 50_000
WRONG = re.compile(r"\bERROR\b|\bCRITICAL\b|Traceback")
LISTENING = 5  # seconds for which a subscriber stays
SIZE = """
query ($rule: RuleInput!) { segmentSize(rule: $rule) { members textable parts { members } } }
"""
PAGE = """
query ($rule: RuleInput!) { segmentMembers(rule: $rule, first: 50) { nodes { id email } } }
"""
LIST = "{ segments(first: 20) { nodes { id name size { members } } } }"
COUNT = "subscription ($rule: RuleInput!) { segmentSize(rule: $rule) { members } }"
CREATE = """
mutation ($name: String!, $rule: RuleInput!) {
  segmentCreate(input: {name: $name, rule: $rule}) { segment { id } userErrors { message } }
}
"""
DELETE = "mutation ($id: ID!) { segmentDelete(id: $id) { deletedId userErrors { message } } }"


@dataclass
class Report:
    """The seconds of each kind of request, and bytes of memory over time."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    memory: list[int] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)

    def lines(self) -> list[str]:
        shown = [f"{'request':<12}{'number':>9}{'p50 ms':>9}{'p99 ms':>9}{'most ms':>9}"]
        for kind, seconds in sorted(self.seconds.items()):
            cuts = statistics.quantiles(seconds, n=100, method="inclusive")
            found = (cuts[49], cuts[98], max(seconds))
            times = "".join(f"{1000 * value:>9.1f}" for value in found)
            shown.append(f"{kind:<12}{len(seconds):>9}{times}")
        first, last = self.growth()
        shown.append(f"memory: {first:,.0f} MiB in the second third, {last:,.0f} in the last")
        return shown

    def growth(self) -> tuple[float, float]:
        """Return the median MiB of memory in the second third and in the last."""
        third = max(1, len(self.memory) // 3)
        parts = (self.memory[third : 2 * third], self.memory[2 * third :])
        first, last = (statistics.median(part) / 2**20 for part in parts)
        return first, last


def run(data: Path, seconds: float, seed: int = 1) -> Report:
    """Have editors, writers and subscribers use a server; check its answers, log and memory."""
    report = Report()
    process.segments(data, "shop", "create", "acme")
    token = process.token(data, "acme")
    with process.server(data, RATE_LIMIT="0") as running:
        client = running.client(token)
        _fill(client)
        over = threading.Event()
        jobs = [_edit, _edit, _edit, _browse, _save, _write, _subscribe, _subscribe]
        threads = [
            threading.Thread(target=_keep, args=(job, client, over, report, seed + number))
            for number, job in enumerate(jobs)
        ]
        for thread in threads:
            thread.start()
        until = time.monotonic() + seconds
        while time.monotonic() < until and not over.wait(min(5, seconds / 30)):
            report.memory.append(process.resident(running.process.pid))
        over.set()
        for thread in threads:
            thread.join()
        status, log = running.stop(signal.SIGTERM)
    if report.failures:
        raise report.failures[0]
    assert status == 0, log
    assert not WRONG.search(log), log
    first, last = report.growth()
    # What the engine keeps grows slowly toward a bound; a leak of a request or a write does not.
    assert last < first * 1.15 + 32, f"memory grew from {first:.0f} to {last:.0f} MiB"
    return report


def _fill(client: GraphQLClient) -> None:
    chance = random.Random(0)
    for first in range(0, CONTACTS, 5_000):
        ids = [str(first + number) for number in range(5_000)]
        contacts = [
            {
                "id": id,
                "phone": f"+121255501{id[-2:]:0>2}",
                "email": f"{id}@example.com",
                "subscribedAt": _day(id),
            }
            for id in ids
        ]
        client.record("contactsUpsert", contacts)
        client.record("ordersUpsert", [_order(id, chance) for id in ids])
        client.record("textsRecord", [_text(id, chance) for id in ids])


def _day(id: str) -> str:
    return f"2026-01-{int(id) % 28 + 1:02}T00:00:00Z"


def _order(id: str, chance: random.Random) -> dict[str, Any]:
    total, product = f"{chance.randrange(200)}.50", f"product-{chance.randrange(50)}"
    return order(chance.randrange(2**40), id, product, total=total, at=_day(id))


def _text(id: str, chance: random.Random) -> dict[str, Any]:
    return text(chance.randrange(2**40), id, at=_day(id))


def _rule(chance: random.Random) -> dict[str, Any]:
    """Return a rule with one to three criteria, the last of them negated."""
    product, day = f"product-{chance.randrange(50)}", f"2026-01-{chance.randrange(1, 28):02}"
    leaves: list[dict[str, Any]] = [
        {"spend": {"operator": "GREATER_THAN", "amount": f"{chance.randrange(200)}.00"}},
        {"textsReceived": {"operator": "AT_LEAST", "count": chance.randrange(5)}},
        {"ordersPlaced": {"operator": "AT_LEAST", "count": chance.randrange(4)}},
        {"productPurchased": {"operator": "ANY_OF", "products": [product]}},
        {"subscribeDate": {"operator": "ON_OR_AFTER", "date": day}},
    ]
    *others, last = chance.sample(leaves, chance.randint(1, 3))
    return {chance.choice(["all", "any"]): [*others, {"not": last}]}


Job = Callable[[GraphQLClient, random.Random, Report], None]


def _keep(
    job: Job, client: GraphQLClient, over: threading.Event, report: Report, seed: int
) -> None:
    chance = random.Random(seed)
    try:
        while not over.is_set():
            job(client, chance, report)
    except BaseException as error:
        report.failures.append(error)
        over.set()


def _timed(report: Report, kind: str, work: Callable[[], Any]) -> Any:
    began = time.monotonic()
    found = work()
    report.seconds[kind].append(time.monotonic() - began)
    return found


def _edit(client: GraphQLClient, chance: random.Random, report: Report) -> None:
    rule = _rule(chance)
    found = _timed(report, "size", lambda: client.ask(SIZE, rule=rule))["segmentSize"]
    assert 0 <= found["textable"] <= found["members"] <= CONTACTS
    time.sleep(0.02)


def _browse(client: GraphQLClient, chance: random.Random, report: Report) -> None:
    _timed(report, "members", lambda: client.ask(PAGE, rule=_rule(chance)))
    _timed(report, "list", lambda: client.ask(LIST))
    time.sleep(0.2)


def _save(client: GraphQLClient, chance: random.Random, report: Report) -> None:
    name, rule = f"Segment {chance.random()}", _rule(chance)
    made = _timed(report, "save", lambda: client.ask(CREATE, name=name, rule=rule))
    assert made["segmentCreate"]["userErrors"] == []
    id = made["segmentCreate"]["segment"]["id"]
    _timed(report, "delete", lambda: client.ask(DELETE, id=id))
    time.sleep(0.2)


def _write(client: GraphQLClient, chance: random.Random, report: Report) -> None:
    some = [str(chance.randrange(CONTACTS)) for _ in range(100)]
    orders, texts = ([make(id, chance) for id in some] for make in (_order, _text))
    _timed(report, "orders", lambda: client.record("ordersUpsert", orders))
    _timed(report, "texts", lambda: client.record("textsRecord", texts))
    time.sleep(0.5)


def _subscribe(client: GraphQLClient, chance: random.Random, report: Report) -> None:
    until = time.monotonic() + LISTENING
    with connected(client) as stream:
        stream.subscribe(COUNT, rule=_rule(chance))
        _timed(report, "first live", stream.next)
        while time.monotonic() < until:
            with suppress(TimeoutError):
                assert '"type":"next"' in str(stream.socket.recv(0.5)).replace(" ", "")
