"""Measurements over HTTP of a server in another process."""

import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from benchmarks import session

SIZE = """
query ($rule: RuleInput!) {
  segmentSize(rule: $rule) { members textable contacts share asOf parts { path summary members } }
}
"""
TEXTS = "mutation ($items: [TextInput!]!) { textsRecord(texts: $items) { recorded } }"
NEVER = {"textsReceived": {"operator": "EQUALS", "count": 0}}
OFTEN = {"textsReceived": {"operator": "AT_LEAST", "count": 1}}


@dataclass
class Client:
    """A client with one token and one connection."""

    address: str
    token: str
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=300))

    def ask(self, query: str, **variables: Any) -> Any:
        """Send an operation and return its data."""
        answer = self.http.post(
            f"{self.address}/graphql",
            json={"query": query, "variables": variables},
            headers={"Authorization": f"Bearer {self.token}"},
        ).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def size(self, rule: Mapping[str, Any]) -> Any:
        return self.ask(SIZE, rule=rule)["segmentSize"]

    def timed(self, rule: Mapping[str, Any]) -> tuple[float, int]:
        """Return the seconds that the size of a rule took, and its members."""
        start = time.perf_counter()
        members: int = self.size(rule)["members"]
        return time.perf_counter() - start, members


def quantiles(seconds: Sequence[float]) -> tuple[float, float, float]:
    """Return p50, p95 and p99 in milliseconds."""
    ordered = sorted(seconds)

    def at(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000

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
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_level="warning", loop="asyncio", access_log=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def refresh(client: Client, contacts: int, first_id: int, of: int) -> tuple[float, float, float]:
    """Record texts of some contacts.

    Returns:
        The seconds of recording, of the next size, and of the size after that.
    """
    items = [
        {
            "id": str(first_id + number),
            "contactId": str(number * 7_919 % of + 1),
            "sentAt": "2026-11-01T00:00:00Z",
        }
        for number in range(contacts)
    ]
    start = time.perf_counter()
    for begin in range(0, contacts, 10_000):
        client.ask(TEXTS, items=items[begin : begin + 10_000])
    recorded = time.perf_counter() - start
    after, _ = client.timed(OFTEN)
    again, _ = client.timed(OFTEN)
    return recorded, after, again


def time_until_visible(client: Client, rounds: int, first_id: int, of: int) -> Sequence[float]:
    """Return seconds from sending a text until a size includes it, during other requests."""
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
            rule = {"textsReceived": {"operator": "AT_LEAST", "count": 100_000}}
            client.size(rule)
            start = time.perf_counter()
            text = {
                "id": str(first_id + number),
                "contactId": str(number % of + 1),
                "sentAt": "2026-11-01T00:00:00Z",
            }
            client.ask(TEXTS, items=[text])
            client.size(rule)
            found.append(time.perf_counter() - start)
    finally:
        stop.set()
        requests.join()
    return found


def median(seconds: Sequence[float]) -> float:
    """Return the median in milliseconds."""
    return statistics.median(seconds) * 1000
