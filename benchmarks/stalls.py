"""``python -m benchmarks.stalls``: how long other clients wait while one sends large requests.

One process polls ``{ __typename }`` every 10 ms while another sends each request ten times in a
row. The table has each request's KB, the longest and 99th-percentile poll, and the longest answer.
Its first row, without requests, shows the machine's noise.
"""

import asyncio
import json
import multiprocessing
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx

from benchmarks.measures import quantiles
from tests.client import GraphQLClient, authorization, connected
from tests.e2e import process
from tests.factories import contacts
from tests.processes import WAIT

INTERVAL = 0.01  # seconds between polls
REPEATS = 10
QUIET = 3.0  # seconds of the row without a request

SIZE = "query ($rule: RuleInput!) { segmentSize(rule: $rule) { members } }"
CREATE = (
    "mutation ($input: SegmentCreateInput!) "
    "{ segmentCreate(input: $input) { segment { id } userErrors { code } } }"
)
CONTACTS = (
    "mutation ($contacts: [ContactInput!]!, $key: String) { contactsUpsert("
    "contacts: $contacts, idempotencyKey: $key) { recorded userErrors { code } } }"
)
SUGGESTIONS = (
    "query ($given: JSON) "
    '{ fieldSuggestions(criterion: "property", field: "value", given: $given) { value } }'
)
SUBSCRIPTION = "subscription ($rule: RuleInput!) { segmentSize(rule: $rule) { members } }"
ORDERS = (
    "mutation ($orders: [OrderInput!]!) "
    "{ ordersUpsert(orders: $orders) { recorded userErrors { code } } }"
)
PAGE = "segmentMembers(rule: {all: []}, first: 250) { nodes { properties } }"
PAGES = f"{{ a: {PAGE} b: {PAGE} c: {PAGE} }}"


def _size(rule: object) -> Any:
    return {"query": SIZE, "variables": {"rule": rule}}


def _contacts(count: int) -> Any:
    return {"query": CONTACTS, "variables": {"contacts": contacts(*range(1, count + 1))}}


def _contacts_with(count: int, key: str | None, properties: object) -> Any:
    items = [{"id": str(number + 1), "properties": properties} for number in range(count)]
    return {"query": CONTACTS, "variables": {"contacts": items, "key": key}}


def _orders(count: int, lines: int) -> Any:
    order: dict[str, Any] = {
        "contactId": "1",
        "orderedAt": "2024-05-01T09:58:12Z",
        "total": "60.00",
    }
    order |= {"lines": [{"productId": "coral"}] * lines}
    orders = [{"id": str(number + 1), **order} for number in range(count)]
    return {"query": ORDERS, "variables": {"orders": orders}}


def _criteria(count: int) -> Any:
    criterion = {"spend": {"operator": "GREATER_THAN", "amount": "1"}}
    return {
        "query": CREATE,
        "variables": {"input": {"name": "Many", "rule": {"all": [criterion] * count}}},
    }


def _tags(count: int) -> object:
    return {"tag": {"operator": "ANY_OF", "tags": [f"t{number}" for number in range(count)]}}


def _post(client: GraphQLClient, content: str) -> str:
    """Send the content as the body of a GraphQL request."""
    headers = {"Content-Type": "application/json"}
    answer = client.request("POST", "/graphql", headers, content=content)
    return f"{answer.status_code} {answer.text[:150]}"


def _send_message(client: GraphQLClient, content: str) -> str:
    """Send the content as a message over a WebSocket."""
    with connected(client) as stream:
        stream.socket.send(content)
        return str(stream.receive())[:150]


def _get(client: GraphQLClient, path: str) -> str:
    """Read the whole file at a path."""
    answer = client.get(path)
    return f"{answer.status_code}, {len(answer.content)} bytes"


@dataclass(frozen=True, slots=True)
class LargeRequest:
    scopes: str  # of its token
    body: Any  # a path, or a JSON value
    send: Callable[[GraphQLClient, str], str] = _post

    def content(self) -> str:
        if isinstance(self.body, str):
            return self.body
        return json.dumps(self.body, separators=(",", ":"))


def requests(segment: str) -> Mapping[str, LargeRequest]:
    """Return the requests by name; later ones read what earlier ones record.

    ``segment`` is the id of a segment with all contacts.
    """
    read, write = "segments:read,contacts:read", "all"
    groups: Any = {"all": [{"all": []}] * 22_000}
    subscribe = {"query": SUBSCRIPTION, "variables": {"rule": groups}}
    properties_900 = {f"p{number}": f"v{number}" for number in range(900)}
    properties_70 = {f"p{number}": "value" for number in range(70)}
    given = {"query": SUGGESTIONS, "variables": {"given": {"property": ["x"] * 60_000}}}
    return {
        "22,000 groups": LargeRequest(read, _size(groups)),
        "22,000 groups, no scope": LargeRequest("segments:read", _size(groups)),
        "22,000 groups over a WebSocket": LargeRequest(
            read, {"id": "1", "type": "subscribe", "payload": subscribe}, _send_message
        ),
        "80,000 groups, facts:write": LargeRequest(
            "segments:read,contacts:read,facts:write", _size({"all": [{"all": []}] * 80_000})
        ),
        "segmentCreate, 20,000 criteria": LargeRequest(write, _criteria(20_000)),
        "60,000 tags": LargeRequest(
            read, _size({"tag": {"operator": "ANY_OF", "tags": ["a"] * 60_000}})
        ),
        "suggestions, 60,000 values given": LargeRequest(read, given),
        "contactsUpsert, 100,001 items": LargeRequest(write, _contacts(100_001)),
        "a valid rule of 100 lists": LargeRequest(write, _size({"all": [_tags(1_000)] * 100})),
        "contactsUpsert, 10,000 items": LargeRequest(write, _contacts(10_000)),
        "idempotency key, 12 MB": LargeRequest(write, _contacts_with(10_000, "k", properties_70)),
        "export of 10,000 contacts": LargeRequest(read, f"/segments/{segment}/members.csv", _get),
        "one property of 28 MB": LargeRequest(
            write, _contacts_with(1, None, {"a": "x" * 28_000_000})
        ),
        "900,000 nested values": LargeRequest(write, _contacts_with(1, None, {"a": [1] * 900_000})),
        "450,000 order lines": LargeRequest(write, _orders(1_000, 450)),
        "300 contacts, 900 properties each": LargeRequest(
            write, _contacts_with(300, None, properties_900)
        ),
        "3 pages of 900 properties": LargeRequest(read, {"query": PAGES}),
    }


def _send(address: str, token: str, request: LargeRequest) -> Sequence[float]:
    """Send a request ``REPEATS`` times; return the seconds of each and print the last answer."""
    content = request.content()
    times = []
    with httpx.Client(timeout=WAIT) as http:
        client = GraphQLClient(address, token, http)
        for _ in range(REPEATS):
            began = perf_counter()
            answer = request.send(client, content)
            times.append(perf_counter() - began)
    print(f"    {answer}", file=sys.stderr)
    return times


async def _poll(address: str, token: str, until: asyncio.Event) -> list[float]:
    """Poll until an event; return the seconds until each answer."""
    body = json.dumps({"query": "{ __typename }"}).encode()
    host, port = address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    headers = {"Host": host, **authorization(token), "Content-Type": "application/json"}
    lines = [f"{name}: {text}\r\n" for name, text in headers.items()]
    head = f"POST /graphql HTTP/1.1\r\n{''.join(lines)}Content-Length: {len(body)}\r\n\r\n"
    times = []
    while not until.is_set():
        began = perf_counter()
        writer.write(head.encode() + body)
        found = await reader.readuntil(b"\r\n\r\n")
        length = int(found.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        times.append(perf_counter() - began)
        await asyncio.sleep(max(0, INTERVAL - times[-1]))
    writer.close()
    return times


async def _measure(
    address: str, poll_token: str, token: str, request: LargeRequest | None
) -> tuple[Sequence[float], Sequence[float]]:
    """Return the times of the polls and of the requests."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    polling = asyncio.create_task(_poll(address, poll_token, done))
    times: Sequence[float] = ()
    if request is None:
        await asyncio.sleep(QUIET)
    else:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            sent = pool.apply_async(_send, (address, token, request))
            times = await loop.run_in_executor(None, sent.get)
    done.set()
    return await polling, times


def _print_row(name: str, size: int, polls: Sequence[float], times: Sequence[float]) -> None:
    _, _, p99 = quantiles(polls)
    waits = [max(polls), p99, *([max(times)] if times else [])]
    shown = " | ".join(f"{seconds * 1e3:.0f} ms" for seconds in waits)
    print(f"| {name} | {size // 1000} | {shown} |", flush=True)


def main() -> None:
    """Measure, and print a table in Markdown."""
    with tempfile.TemporaryDirectory(prefix="segments-stalls-") as name:
        directory = Path(name)
        process.segments(directory, "shop", "create", "stalls")
        with (
            process.server(directory, program=process.SEGMENTS, RATE_LIMIT="0") as server,
            httpx.Client(timeout=WAIT) as http,
        ):
            poll_token = process.token(directory, "stalls", "segments:read")
            client = GraphQLClient(server.address, process.token(directory, "stalls", "all"), http)
            created = client.ask(CREATE, input={"name": "Everybody", "rule": {"all": []}})
            print("| request | KB | others wait, longest | 99 % | answered in |")
            print("| --- | --- | --- | --- | --- |")
            _print_row("nothing", 0, *asyncio.run(_measure(server.address, poll_token, "", None)))
            for request, large in requests(created["segmentCreate"]["segment"]["id"]).items():
                token = process.token(directory, "stalls", large.scopes)
                measured = asyncio.run(_measure(server.address, poll_token, token, large))
                _print_row(request, len(large.content()), *measured)


if __name__ == "__main__":
    main()
