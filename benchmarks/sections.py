"""Sections of the report about the server alone."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from benchmarks.data import LARGE, facts
from benchmarks.measures import (
    TEXTED,
    Client,
    bare_route,
    quantiles,
    throughput,
    time_refresh,
    time_session,
    time_single_texts,
)
from benchmarks.questions import QUESTIONS
from benchmarks.report import Report, bars, lines, ms
from benchmarks.shops import new_shop, record
from graphql_app.settings import Settings
from graphql_app.startup.services import open_services
from tests.e2e import process

EVERYONE: dict[str, Any] = {"all": []}
SEGMENTS = (1, 10, 100, 1_000)
PAGE = 250
CREATE = (
    "mutation ($input: SegmentCreateInput!) { segmentCreate(input: $input) { segment { id } } }"
)
LIST = """
query ($first: Int!, $after: String) {
  segments(first: $first, after: $after, sortKey: NAME) {
    nodes { size { members } } pageInfo { endCursor }
  }
}
"""
SUMMARIES = """
{ segments(first: 100, search: "Summary", sortKey: NAME) { nodes { name summary } } }
"""


def time_start(report: Report, data: Path, token: str) -> None:
    """Time the first sizes after the process starts, with a cold and a warm page cache."""
    rows = []
    for disk in ("cold", "warm"):
        if disk == "cold":
            _evict_from_page_cache(data)
        with process.server(data, program=process.SEGMENTS, RATE_LIMIT="0") as server:
            started = time.time() - _age(server.process.pid)
            found = []
            for rule in (EVERYONE, TEXTED):
                Client(server.address, token).size(rule)
                found.append(f"{time.time() - started:.2f} s")
        rows.append((disk, *found))
    report.add("## From the start to the first size")
    report.add(
        "Time from the start of the process to the size of everyone, then of texted contacts. "
        "*Cold*: the page cache has the program, but none of the facts."
    )
    report.table(("disk", "everyone", "texted"), rows)


def _evict_from_page_cache(directory: Path) -> None:
    os.sync()
    for path in directory.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _age(pid: int) -> float:
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])
    up = float(Path("/proc/uptime").read_text().split()[0])
    return up - ticks / 100


def report_session(report: Report, client: Client, write: bool) -> None:
    found = time_session(client)
    every = [seconds for kind, each in found.items() if kind != "new" for seconds in each]
    rows = [
        (kind, len(each), *(f"{1000 * value:.1f}" for value in quantiles(each)))
        for kind, each in sorted([*found.items(), ("all but new", every)])
    ]
    report.add("## An editing session of 200 steps")
    report.add(
        "*New* adds a criterion that was never evaluated before. The other steps change a value "
        "or an operator, add a known criterion, remove a criterion, or nest."
    )
    report.table(("step", "times", "p50", "p95", "p99"), rows)
    if write:
        groups: dict[str, dict[str, float | None]] = {
            kind: dict(zip(("p50", "p95", "p99"), quantiles(each), strict=True))
            for kind, each in sorted(found.items())
        }
        about = "Milliseconds for each kind of step: the 50th, 95th and 99th percentile."
        bars("bench-session", "An editing session of 200 steps", about, groups)


def report_throughput(report: Report, client: Client) -> None:
    numbers = count()

    def another() -> Any:
        # A different threshold each time, so that no two clients share an evaluation.
        amount = f"{next(numbers) % 50_000 / 100:.2f}"
        return {"all": [{"spend": {"operator": "GREATER_THAN", "amount": amount}}, TEXTED]}

    client.size(another())
    rows = []
    with bare_route() as bare:

        def sizes() -> Callable[[], object]:
            own = Client(client.address, client.token)
            return lambda: own.size(another())

        def typename() -> Callable[[], object]:
            return partial(Client(client.address, client.token).ask, "{ __typename }")

        def route() -> Callable[[], object]:
            return partial(httpx.Client().post, f"{bare}/graphql", json={"query": "{ a }"})

        for label, ask in (("sizes", sizes), ("{ __typename }", typename), ("bare route", route)):
            found = [f"{throughput(ask, clients, 4):,.0f}" for clients in (1, 8, 32)]
            rows.append((label, *found))
    report.add("## Requests per second")
    report.add(
        "The clients are threads of one Python process. It also serves the bare route, and is "
        "that route's bottleneck."
    )
    report.table(("", "1 client", "8 clients", "32 clients"), rows)


def report_freshness(
    report: Report, client: Client, contacts: int, times: Mapping[str, float | None]
) -> None:
    client.size(TEXTED)
    cold = times["first"] or 0
    rows = []
    first_id = 10**12
    for changed, rounds in ((10, 7), (1_000, 7), (100_000, 1)):
        found = []
        for _ in range(rounds):
            found.append(time_refresh(client, changed, first_id, contacts))
            first_id += changed
        recorded, after, again = (median(each) for each in zip(*found, strict=True))
        share = f"{(after - again) / cold * 100:.0f} %"
        rows.append((f"{changed:,}", ms(recorded), ms(after), ms(again), share))
    report.add("## Freshness")
    report.add(
        "Record texts of some contacts, then get the size of a rule about texts, which includes "
        "them. *Share*: the time of the refresh relative to the rule's first evaluation."
    )
    report.table(("contacts changed", "recording", "next size", "size after it", "share"), rows)
    p50, p95, _ = quantiles(time_single_texts(client, 50, first_id, contacts))
    report.add(
        f"Time to record one text and get the next size, while another client keeps requesting "
        f"sizes: p50 {1000 * p50:.0f}, p95 {1000 * p95:.0f}."
    )


def report_summaries(report: Report, client: Client) -> None:
    for number in range(100):
        rule = QUESTIONS[number % len(QUESTIONS)].rule(number)
        client.ask(CREATE, input={"name": f"Summary {number:02}", "rule": rule})
    seconds = []
    for _ in range(50):
        start = time.perf_counter()
        nodes = client.ask(SUMMARIES)["segments"]["nodes"]
        seconds.append(time.perf_counter() - start)
        assert len(nodes) == 100
    report.add("## A list of 100 segments with `summary`")
    report.add("*First*: no label, such as a product's title, is in memory yet.")
    row = (f"{1000 * seconds[0]:.1f}", f"{1000 * median(seconds[1:]):.1f}")
    report.table(("first", "warm p50"), [row])


def report_lists(report: Report, client: Client) -> None:
    for number in range(max(SEGMENTS)):
        rule = QUESTIONS[number % 4].rule(number)
        client.ask(CREATE, input={"name": f"Segment {number:04}", "rule": rule})
    rows = []
    for size in SEGMENTS:
        seconds = []
        for _ in range(5):
            start = time.perf_counter()
            after = None
            for begin in range(0, size, PAGE):
                page = client.ask(LIST, first=min(PAGE, size - begin), after=after)["segments"]
                after = page["pageInfo"]["endCursor"]
            seconds.append(time.perf_counter() - start)
        rows.append((size, f"{1000 * median(seconds):.1f}"))
    report.add(f"## Sizes of saved segments, {PAGE} per page")
    report.table(("segments", "p50"), rows)


def report_growth(report: Report, directory: Path, sizes: Sequence[int], write: bool) -> None:
    rule = {"all": [{"spend": {"operator": "GREATER_THAN", "amount": "50.00"}}, TEXTED]}
    rows: list[Sequence[object]] = []
    series: dict[str, dict[int, float]] = {"first": {}, "warm": {}}
    for contacts in sizes:
        volume = LARGE.scaled(contacts / LARGE.contacts)
        data = directory / f"data-{contacts}"
        with open_services(Settings(data_dir=data, _env_file=None)) as services:
            shop, token = new_shop(services, "grown")
            for name, table in facts(volume, seed=0).items():
                record(services, shop, name, table, directory)
        with process.server(data, program=process.SEGMENTS, RATE_LIMIT="0") as server:
            client = Client(server.address, token)
            client.size(EVERYONE)
            before = process.resident(server.process.pid)
            first, _ = client.timed(rule)
            after = process.resident(server.process.pid)
            warm = [client.timed(rule)[0] for _ in range(50)]
        series["first"][contacts] = first
        series["warm"][contacts] = median(warm)
        p50, p95, _ = quantiles(warm)
        per = max(0, after - before) / contacts / 2
        quick = (f"{1000 * p50:.1f}", f"{1000 * p95:.1f}")
        rows.append((f"{contacts:,}", ms(first), *quick, f"{per:.0f}"))
    report.add("## Growth")
    report.add(
        '"Spent more than 50 and was texted": two criteria, each a vector of 8 bytes per contact. '
        "Memory is the growth of the whole process during the first size; the engine uses most."
    )
    memory = "bytes per contact and criterion"
    report.table(("contacts", "first", "warm p50", "warm p95", memory), rows)
    if write and sizes:
        about = "Milliseconds by number of contacts, for the first size and for a warm size."
        lines("bench-growth", "Growth", about, "contacts", series)
