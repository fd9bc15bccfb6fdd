"""``python -m benchmarks.stalls``: how long other clients wait while one sends a large request.

One process polls ``{ __typename }`` every 10 ms while another sends each request ten times, with
nothing in between. Printed are the longest and the 99th percentile of the polls' times. Machines
differ, and so does their noise: the first row is the same poll without any request.
"""

import asyncio
import json
import multiprocessing
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx

from tests.client import authorization
from tests.e2e import process
from tests.factories import contacts

INTERVAL = 0.01  # seconds between polls
REPEATS = 10
QUIET = 3.0  # seconds of the row without a request

SIZE = "query ($rule: RuleInput!) { segmentSize(rule: $rule) { members } }"
CREATE = (
    "mutation ($input: SegmentCreateInput!) "
    "{ segmentCreate(input: $input) { userErrors { code } } }"
)
CONTACTS = (
    "mutation ($contacts: [ContactInput!]!) "
    "{ contactsUpsert(contacts: $contacts) { recorded userErrors { code } } }"
)
KEYED = (
    "mutation ($contacts: [ContactInput!]!, $key: String) { contactsUpsert("
    "contacts: $contacts, idempotencyKey: $key) { recorded userErrors { code } } }"
)
ORDERS = (
    "mutation ($orders: [OrderInput!]!) "
    "{ ordersUpsert(orders: $orders) { recorded userErrors { code } } }"
)
PAGES = "{{ {} }}".format(
    " ".join(
        f"a{number}: segmentMembers(rule: {{all: []}}, first: 250) {{ nodes {{ {fields} }} }}"
        for number, fields in enumerate(["properties", "properties", "properties", "id"])
    )
)


def _size(rule: object) -> Any:
    return {"query": SIZE, "variables": {"rule": rule}}


def _contacts(count: int) -> Any:
    return {"query": CONTACTS, "variables": {"contacts": contacts(*range(1, count + 1))}}


def _contacts_with(count: int, key: str | None, properties: object) -> Any:
    contacts = [{"id": str(number + 1), "properties": properties} for number in range(count)]
    return {"query": KEYED, "variables": {"contacts": contacts, "key": key}}


def _orders(count: int, lines: int) -> Any:
    order: dict[str, Any] = {
        "contactId": "1",
        "orderedAt": "2024-05-01T09:58:12Z",
        "total": "60.00",
    }
    order |= {"lines": [{"productId": "coral"}] * lines}
    orders = [{"id": str(number + 1), **order} for number in range(count)]
    return {"query": ORDERS, "variables": {"orders": orders}}


def _leaves(count: int) -> Any:
    leaf = {"spend": {"operator": "GREATER_THAN", "amount": "1"}}
    return {
        "query": CREATE,
        "variables": {"input": {"name": "Many", "rule": {"all": [leaf] * count}}},
    }


def _tags(count: int) -> object:
    return {"tag": {"operator": "ANY_OF", "tags": [f"t{number}" for number in range(count)]}}


def requests() -> Mapping[str, tuple[str, Any]]:
    """Return each request's name, the scopes of its token, and its body."""
    read, write = "segments:read,contacts:read", "all"
    return {
        "22,000 groups": (read, _size({"all": [{"all": []}] * 22_000})),
        "22,000 groups, no scope": ("segments:read", _size({"all": [{"all": []}] * 22_000})),
        "80,000 groups, facts:write": ("facts:write", _size({"all": [{"all": []}] * 80_000})),
        "segmentCreate, 20,000 criteria": (write, _leaves(20_000)),
        "60,000 tags": (read, _size({"tag": {"operator": "ANY_OF", "tags": ["a"] * 60_000}})),
        "contactsUpsert, 100,001 items": (write, _contacts(100_001)),
        "a legal rule of 100 lists": (write, _size({"all": [_tags(1_000)] * 100})),
        "contactsUpsert, 10,000 items": (write, _contacts(10_000)),
        "idempotency key, 12 MB": (
            write,
            _contacts_with(10_000, "k", {f"p{number}": "value" for number in range(70)}),
        ),
        "one property of 28 MB": (write, _contacts_with(1, None, {"a": "x" * 28_000_000})),
        "900,000 nested values": (write, _contacts_with(1, None, {"a": [1] * 900_000})),
        "450,000 order lines": (write, _orders(1_000, 450)),
        "300 contacts, long properties": (
            write,
            _contacts_with(300, None, {f"p{number}": f"v{number}" for number in range(900)}),
        ),
        "3 pages of long properties": (read, {"query": PAGES}),
    }


def _send(address: str, token: str, content: bytes) -> Sequence[float]:
    """Send a request ``REPEATS`` times; return the seconds of each and print the last answer."""
    headers = {**authorization(token), "Content-Type": "application/json"}
    times = []
    with httpx.Client(headers=headers, timeout=120) as client:
        for _ in range(REPEATS):
            began = perf_counter()
            answer = client.post(f"{address}/graphql", content=content)
            times.append(perf_counter() - began)
    print(f"    {answer.status_code} {answer.text[:150]}", file=sys.stderr)
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
    address: str, poller: str, token: str, body: object | None
) -> tuple[Sequence[float], Sequence[float]]:
    """Return the times of the polls and of the requests."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    polling = asyncio.create_task(_poll(address, poller, done))
    times: Sequence[float] = ()
    if body is None:
        await asyncio.sleep(QUIET)
    else:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            content = json.dumps(body, separators=(",", ":")).encode()
            sent = pool.apply_async(_send, (address, token, content))
            times = await loop.run_in_executor(None, sent.get)
    done.set()
    return await polling, times


def main() -> None:
    """Measure, and print a table in Markdown."""
    with tempfile.TemporaryDirectory(prefix="segments-stalls-") as name:
        directory = Path(name)
        process.segments(directory, "shop", "create", "stalls")
        with process.server(directory, program=process.SEGMENTS, RATE_LIMIT="0") as server:
            poller = process.token(directory, "stalls", "segments:read")
            print("| request | KB | others wait, longest | 99 % | answered in |")
            print("| --- | --- | --- | --- | --- |")
            for request, (scopes, body) in {"nothing": ("all", None), **requests()}.items():
                token = process.token(directory, "stalls", scopes)
                polls, times = asyncio.run(_measure(server.address, poller, token, body))
                size = len(json.dumps(body, separators=(",", ":"))) // 1000 if body else 0
                answered = f"{max(times) * 1e3:.0f} ms" if times else ""
                waits = [max(polls), sorted(polls)[int(len(polls) * 0.99)]]
                shown = " | ".join(f"{seconds * 1e3:.0f} ms" for seconds in waits)
                print(f"| {request} | {size} | {shown} | {answered} |", flush=True)


if __name__ == "__main__":
    main()
