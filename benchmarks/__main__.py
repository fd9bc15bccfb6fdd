"""``python -m benchmarks``: compare live sizes of a large shop over HTTP with hand-written SQL.

All databases have the same facts on the same machine. Ratios carry over to other machines; times do
not. Every timed answer is checked against the answers of the other databases.
"""

import os
import resource
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import typer

from benchmarks import rivals
from benchmarks.data import LARGE, SMALL, facts
from benchmarks.measures import (
    OFTEN,
    Client,
    bare_route,
    median,
    quantiles,
    refresh,
    throughput,
    time_session,
    time_until_visible,
)
from benchmarks.questions import QUESTIONS, SHOP
from benchmarks.report import Report, bars, lines, machine, ms
from graphql_app.audience.importers import import_file
from graphql_app.catalog.tables import Shop
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.catalog.tokens import create_token
from graphql_app.runtime.services import Services
from graphql_app.segments.default_segments import create_shop
from graphql_app.settings import Settings
from graphql_app.startup.services import open_services
from tests.e2e import process

SMALL_SHOPS = 100
EVERYONE: dict[str, Any] = {"all": []}
GROWTH = (10_000, 100_000, 1_000_000, 3_000_000)
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

SHAPED = "spend > x and never texted"
Times = dict[str, dict[str, float | None]]


def main(
    scale: Annotated[
        float, typer.Option(help="Size of the large shop; 1 is a million contacts.")
    ] = 1,
    repeats: Annotated[int, typer.Option(help="How often to time each question.")] = 7,
    largest: Annotated[
        int, typer.Option(help="Contacts of the largest shop in the growth test.")
    ] = 3_000_000,
    write: Annotated[bool, typer.Option(help="Write RESULTS.md and the charts.")] = False,
) -> None:
    """Run the benchmark and print its report."""
    report = Report("Benchmark results")
    volume = LARGE.scaled(scale)
    with tempfile.TemporaryDirectory(prefix="segments-bench-") as name:
        directory = Path(name)
        report.add(
            f"`make bench` on {machine()}. One shop of {volume.contacts:,} contacts, "
            f"{volume.orders:,} orders, {volume.lines:,} lines and {volume.texts:,} texts, and "
            f"{SMALL_SHOPS} shops of {SMALL.contacts:,} contacts each. Unless noted otherwise, "
            "times are milliseconds over HTTP from another process, with `textable` and `parts`."
        )
        tables = facts(volume, seed=0)
        token, sql = _import(report, directory, tables, repeats)
        times = _time_rivals(directory, tables, repeats, sql)
        del tables
        _time_start(report, directory / "data", token)
        with process.server(directory / "data", program=process.SEGMENTS, RATE_LIMIT="0") as server:
            client = Client(server.address, token)
            client.size(EVERYONE)
            _first_questions(client, times)
            _warm_questions(client, times, repeats)
            _ratios(report, times)
            _shapes(report, times)
            _session(report, client, write)
            _throughput(report, client)
            _freshness(report, client, volume.contacts, times["never texted"])
            _lists(report, client)
        if write:
            about = "Milliseconds for each question: warm, first, and by hand in other databases."
            bars("bench-questions", "The same questions", about, _charted(times))
        _growth(report, directory, [size for size in GROWTH if size <= largest], write)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024**2
    report.add(f"Peak memory of the largest server process: {peak:.1f} GiB.")
    if write:
        report.write()


def _import(
    report: Report, directory: Path, tables: Mapping[str, pa.Table], repeats: int
) -> tuple[str, Times]:
    settings = Settings(data_dir=directory / "data", _env_file=None)
    with open_services(settings) as services:
        shop, token = _new_shop(services, "large")
        assert shop == SHOP
        rows = [_record(services, shop, name, rows, directory) for name, rows in tables.items()]
        report.add("## Import (Parquet)")
        report.table(("file", "rows", "seconds", "rows/s"), rows)
        for number in range(SMALL_SHOPS):
            small, _ = _new_shop(services, f"small-{number}")
            for name, few in facts(SMALL, seed=number + 1).items():
                _record(services, small, name, few, directory)
        times: Times = {}
        for question in QUESTIONS:
            times[question.name] = {"ClickHouse, by hand": _best(services, question.sql, repeats)}
        agreed = set()
        for shape, statement in rivals.shapes(50).items():
            sql = f"WITH {_own_rows(services)} {statement}"
            agreed.add(services.audience.query_unfiltered(sql)[0][0].as_py())
            times[SHAPED][f"ClickHouse, {shape}"] = _best(services, partial(_only, sql), repeats=1)
        assert len(agreed) == 1, agreed
    return token, times


def _new_shop(services: Services, handle: str) -> tuple[int, str]:
    shop = create_shop(
        services.catalog,
        services.registry,
        Shop(handle=handle, name=handle, timezone="UTC", currency="USD"),
    )
    assert shop.id is not None
    return shop.id, create_token(services.catalog, shop, tuple(TokenScope))


def _record(
    services: Services, shop: int, name: str, rows: pa.Table, directory: Path
) -> tuple[str, ...]:
    path = directory / f"{name}-import.parquet"
    pq.write_table(rows, path)
    start = time.perf_counter()
    report = import_file(
        path,
        format=name,
        shop_id=shop,
        shop_currency="USD",
        audience=services.audience,
        recorder=services.recorder,
    )
    seconds = time.perf_counter() - start
    assert not report.bad_row_count, report.bad_rows[:3]
    path.unlink()
    size = rows.num_rows
    return name, f"{size:,}", f"{seconds:.1f}", f"{size / seconds:,.0f}"


def _only(sql: str, _: int) -> Sequence[str]:
    return [sql]


def _own_rows(services: Services) -> str:
    """Return SQL that names the large shop's rows like the tables."""
    database = services.audience.database
    # Nullable, because a join yields NULL only in nullable columns.
    columns = {"contacts": "id", "orders": "*", "texts": "toNullable(contact_id) AS contact_id"}
    return ", ".join(
        f"{name} AS (SELECT {read} FROM {database}.{name} FINAL "
        f"WHERE shop_id = {SHOP} AND NOT deleted)"
        for name, read in columns.items()
    )


def _best(services: Services, sql: Callable[[int], Sequence[str]], repeats: int) -> float:
    """Return the median seconds of the fastest way to write a question for ClickHouse."""
    ways = sql(0)
    found = []
    for way in range(len(ways)):
        seconds = []
        for number in range(repeats + 1):
            start = time.perf_counter()
            services.audience.query_unfiltered(sql(number)[way])
            seconds.append(time.perf_counter() - start)
        found.append(median(seconds[1:]) / 1000)
    return min(found)


def _time_rivals(
    directory: Path, tables: Mapping[str, pa.Table], repeats: int, times: Times
) -> Times:
    rivals.write(tables, directory)
    for open_rival, runs in ((rivals.duck, repeats), (rivals.postgres, 1)):
        with open_rival(directory) as rival:
            name = f"{rival.name}, by hand"
            counts = {}
            for question in QUESTIONS:
                best: float | None = None
                for way in map(rivals.to_standard, question.sql(0)):
                    timed = [rival.timed(way) for _ in range(runs)]
                    finished = [found for found in timed if found is not None]
                    if finished:
                        seconds = median([found[0] for found in finished]) / 1000
                        best = seconds if best is None else min(best, seconds)
                        counts[question.name] = finished[0][1]
                times[question.name][name] = best
            agreed = set()
            for shape, statement in rivals.shapes(50).items():
                shaped = rival.timed(statement)
                times[SHAPED][f"{rival.name}, {shape}"] = shaped and shaped[0]
                agreed |= {shaped[1]} if shaped else set()
            assert len(agreed) <= 1, agreed
            times.setdefault("counts", {}).update(
                {f"{rival.name}: {question}": float(found) for question, found in counts.items()}
            )
    return times


def _time_start(report: Report, data: Path, token: str) -> None:
    """Time the first sizes after the process starts, with a cold and a warm page cache."""
    rows = []
    for disk in ("cold", "warm"):
        if disk == "cold":
            _evict_from_page_cache(data)
        with process.server(data, program=process.SEGMENTS, RATE_LIMIT="0") as server:
            started = time.time() - _age(server.process.pid)
            found = []
            for rule in (EVERYONE, OFTEN):
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


def _first_questions(client: Client, times: Times) -> None:
    """Time each question once. Earlier questions may have loaded some of the same facts."""
    for question in QUESTIONS:
        seconds, members = client.timed(question.rule(0))
        times[question.name]["first"] = seconds
        for name, expected in times["counts"].items():
            if name.endswith(f": {question.name}"):
                assert members == expected, (name, expected, members)


def _warm_questions(client: Client, times: Times, repeats: int) -> None:
    for question in QUESTIONS:
        again = [client.timed(question.rule(0))[0] for _ in range(10 * repeats)]
        times[question.name]["warm"] = median(again) / 1000
        other = [client.timed(question.rule(number))[0] for number in range(1, repeats + 1)]
        times[question.name]["another number"] = median(other) / 1000


HANDS = ("ClickHouse, by hand", "DuckDB, by hand", "PostgreSQL, by hand")


def _ratios(report: Report, times: Times) -> None:
    rows = []
    for question in QUESTIONS:
        found = times[question.name]
        warm = found["warm"] or 1
        rows.append(
            (
                question.name,
                ms(found["warm"]),
                ms(found["another number"]),
                ms(found["first"]),
                *(ms(found[hand]) for hand in HANDS),
                *("" if (by := found[hand]) is None else f"{by / warm:,.0f}" for hand in HANDS),
            )
        )
    report.add("## The same questions, by hand")
    report.add(
        "By hand: the fastest of several ways to write the SQL, which counts members only. "
        "*Warm*: the rule was evaluated before. *Another number*: evaluated before with another "
        "threshold, or with other products, which must be loaded. *First*: nothing is in memory."
    )
    report.table(
        ("question", "warm", "another number", "first", *HANDS, *(f"{h} / warm" for h in HANDS)),
        rows,
    )


def _shapes(report: Report, times: Times) -> None:
    found = times[SHAPED]
    warm = found["warm"] or 1
    report.add("## The SQL that query builders write")
    report.add(
        f'"{SHAPED.capitalize()}" as one statement; in brackets, as a multiple of the warm size.'
    )
    report.table(
        ("database", *rivals.shapes(0)),
        [
            (
                database,
                *(
                    f"{ms(taken)} ({(taken or 0) / warm:,.0f})"
                    for taken in (found[f"{database}, {shape}"] for shape in rivals.shapes(0))
                ),
            )
            for database in ("ClickHouse", "DuckDB", "PostgreSQL")
        ],
    )


def _charted(times: Times) -> Mapping[str, Mapping[str, float | None]]:
    return {
        question.name: {way: times[question.name][way] for way in ("warm", "first", *HANDS)}
        for question in QUESTIONS
    }


def _session(report: Report, client: Client, write: bool) -> None:
    found = time_session(client)
    every = [seconds for kind, each in found.items() if kind != "new" for seconds in each]
    rows = [
        (kind, len(each), *(f"{value:.1f}" for value in quantiles(each)))
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
            kind: {
                name: value / 1000
                for name, value in zip(("p50", "p95", "p99"), quantiles(each), strict=True)
            }
            for kind, each in sorted(found.items())
        }
        about = "Milliseconds for each kind of step: the 50th, 95th and 99th percentile."
        bars("bench-session", "An editing session of 200 steps", about, groups)


def _throughput(report: Report, client: Client) -> None:
    numbers = count()

    def another() -> Any:
        # A different threshold each time, so that no two clients share an evaluation.
        amount = f"{next(numbers) % 50_000 / 100:.2f}"
        return {"all": [{"spend": {"operator": "GREATER_THAN", "amount": amount}}, OFTEN]}

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


def _freshness(
    report: Report, client: Client, contacts: int, times: Mapping[str, float | None]
) -> None:
    client.size(OFTEN)
    cold = times["first"] or 0
    rows = []
    first_id = 10**12
    for changed, rounds in ((10, 7), (1_000, 7), (100_000, 1)):
        found = []
        for _ in range(rounds):
            found.append(refresh(client, changed, first_id, contacts))
            first_id += changed
        recorded, after, again = (median(each) / 1000 for each in zip(*found, strict=True))
        extra = after - again
        rows.append(
            (f"{changed:,}", ms(recorded), ms(after), ms(again), f"{extra / cold * 100:.0f} %")
        )
    report.add("## Freshness")
    report.add(
        "Record texts of some contacts, then get the size of a rule about texts, which includes "
        "them. *Share*: the time of the refresh relative to the rule's first evaluation."
    )
    report.table(("contacts changed", "recording", "next size", "size after it", "share"), rows)
    p50, p95, _ = quantiles(time_until_visible(client, 50, first_id, contacts))
    report.add(
        f"Time from sending one text until a size includes it, while another client keeps "
        f"requesting sizes: p50 {p50:.0f}, p95 {p95:.0f}."
    )


def _lists(report: Report, client: Client) -> None:
    for number in range(max(SEGMENTS)):
        rule = QUESTIONS[number % 4].rule(number)
        client.ask(CREATE, input={"name": f"Segment {number:04}", "rule": rule})
    rows = []
    for size in SEGMENTS:
        seconds = []
        for _ in range(5):
            start = time.perf_counter()
            after = None
            for first in [PAGE] * (size // PAGE) + [size % PAGE] * bool(size % PAGE):
                page = client.ask(LIST, first=first, after=after)["segments"]
                after = page["pageInfo"]["endCursor"]
            seconds.append(time.perf_counter() - start)
        rows.append((size, f"{median(seconds):.1f}"))
    report.add(f"## Sizes of saved segments, {PAGE} per page")
    report.table(("segments", "p50"), rows)


def _growth(report: Report, directory: Path, sizes: Sequence[int], write: bool) -> None:
    rule = {"all": [{"spend": {"operator": "GREATER_THAN", "amount": "50.00"}}, OFTEN]}
    rows: list[Sequence[object]] = []
    series: dict[str, dict[int, float]] = {"first": {}, "warm": {}}
    for contacts in sizes:
        volume = LARGE.scaled(contacts / LARGE.contacts)
        data = directory / f"data-{contacts}"
        with open_services(Settings(data_dir=data, _env_file=None)) as services:
            shop, token = _new_shop(services, "grown")
            for name, table in facts(volume, seed=0).items():
                _record(services, shop, name, table, directory)
        with process.server(data, program=process.SEGMENTS, RATE_LIMIT="0") as server:
            client = Client(server.address, token)
            client.size(EVERYONE)
            before = _resident(server.process.pid)
            first, _ = client.timed(rule)
            after = _resident(server.process.pid)
            warm = [client.timed(rule)[0] for _ in range(50)]
        series["first"][contacts] = first
        series["warm"][contacts] = median(warm) / 1000
        p50, p95, _ = quantiles(warm)
        per = max(0, after - before) / contacts / 2
        rows.append((f"{contacts:,}", ms(first), f"{p50:.1f}", f"{p95:.1f}", f"{per:.0f}"))
    report.add("## Growth")
    report.add(
        '"Spent more than 50 and was texted": two criteria, each a vector of 8 bytes per contact. '
        "Memory is the growth of the whole process during the first size; the engine uses most."
    )
    report.table(
        ("contacts", "first", "warm p50", "warm p95", "bytes per contact and criterion"), rows
    )
    if write and sizes:
        about = "Milliseconds by number of contacts, for the first size and for a warm size."
        lines("bench-growth", "Growth", about, "contacts", series)


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    typer.run(main)
