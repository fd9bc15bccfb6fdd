"""Measurements of a server in another process, over HTTP."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from benchmarks import session
from tests.client import GraphQLClient
from tests.factories import text
from tests.support import running

NOVEMBER = "2026-11-01T00:00:00Z"
NEVER = {"textsReceived": {"operator": "EQUALS", "count": 0}}
TEXTED = {"textsReceived": {"operator": "AT_LEAST", "count": 1}}


@dataclass
class Client(GraphQLClient):
    """A client with a connection of its own."""

    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=300), repr=False)

    def timed(self, rule: Mapping[str, Any]) -> tuple[float, int]:
        """Return the seconds that the size of a rule took, and its members."""
        start = time.perf_counter()
        members = self.members(rule)
        return time.perf_counter() - start, members


def quantiles(seconds: Sequence[float]) -> tuple[float, float, float]:
    """Return p50, p95 and p99."""
    ordered = sorted(seconds)

    def at(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]

    return at(0.5), at(0.95), at(0.99)


def time_session(client: Client) -> Mapping[str, Sequence[float]]:
    """Return the seconds of each step of an editing session, by kind."""
    for rule in session.warm_up_rules():
        client.size(rule)
        client.size(rule)  # again, so that moving windows are indexed too
    found: dict[str, list[float]] = defaultdict(list)
    for kind, rule in session.steps():
        found[kind].append(client.timed(rule)[0])
    return found


def throughput(connect: Callable[[], Callable[[], Any]], clients: int, seconds: float) -> float:
    """Return the requests per second of concurrent clients that send one request after another."""
    until = time.monotonic() + seconds
    counts = [0] * clients

    def run(number: int) -> None:
        send = connect()
        while time.monotonic() < until:
            send()
            counts[number] += 1

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(run, range(clients)))
    return sum(counts) / seconds


@contextmanager
def bare_route() -> Iterator[str]:
    """Serve a route of Starlette that returns one word; yield its address."""

    async def word(_: Request) -> PlainTextResponse:
        return PlainTextResponse("ok")

    app = Starlette(routes=[Route("/graphql", word, methods=["POST"])])
    with running(app, loop="asyncio", access_log=False) as address:
        yield address


def time_refresh(
    client: Client, changed: int, first_id: int, contacts: int
) -> tuple[float, float, float]:
    """Return the seconds to record ``changed`` texts, and those of the next two sizes."""
    items = [text(first_id + n, n * 7_919 % contacts + 1, at=NOVEMBER) for n in range(changed)]
    start = time.perf_counter()
    for begin in range(0, changed, 10_000):
        client.record("textsRecord", items[begin : begin + 10_000])
    recorded = time.perf_counter() - start
    after, _ = client.timed(TEXTED)
    again, _ = client.timed(TEXTED)
    return recorded, after, again


def time_single_texts(client: Client, rounds: int, first_id: int, contacts: int) -> Sequence[float]:
    """Return the seconds to record a text and get the next size, during other requests."""
    # No contact has 100,000 texts. Equal rules in flight share an answer, so this rule differs from
    # that of the other requests, but both read the vector that each text changes.
    rule = {"textsReceived": {"operator": "AT_LEAST", "count": 100_000}}
    stop = threading.Event()

    def request_sizes() -> None:
        other = Client(client.address, client.token)
        while not stop.is_set():
            other.size(NEVER)

    requests = threading.Thread(target=request_sizes)
    requests.start()
    found = []
    try:
        for number in range(rounds):
            client.size(rule)
            start = time.perf_counter()
            sent = text(first_id + number, number % contacts + 1, at=NOVEMBER)
            client.record("textsRecord", [sent])
            client.size(rule)
            found.append(time.perf_counter() - start)
    finally:
        stop.set()
        requests.join()
    return found
