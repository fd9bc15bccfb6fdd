"""``python -m benchmarks``: live sizes of a large shop through HTTP, beside what else there is.

One run, one machine, the same facts everywhere. Absolute times say little about another machine,
ratios much. Every answer that is timed is compared with every other way's answer.
"""

from __future__ import annotations

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
    Asking,
    bare_route,
    editing,
    median,
    quantiles,
    refresh,
    throughput,
    visible,
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
    scale: Annotated[float, typer.Option(help="Size of the large shop, 1 for a million.")] = 1,
    repeats: Annotated[int, typer.Option(help="How often each question is asked.")] = 7,
    largest: Annotated[
        int, typer.Option(help="Contacts of the largest shop of growth.")
    ] = 3_000_000,
    write: Annotated[bool, typer.Option(help="Whether to write RESULTS.md and charts.")] = False,
) -> None:
    """Measure, and print what is found."""
    report = Report("What the benchmark found")
    volume = LARGE.scaled(scale)
    with tempfile.TemporaryDirectory(prefix="segments-bench-") as name:
        directory = Path(name)
        report.say(
            f"`make bench` on {machine()}. One shop of {volume.contacts:,} contacts, "
            f"{volume.orders:,} orders, {volume.lines:,} lines and {volume.texts:,} texts, beside "
            f"{SMALL_SHOPS} shops of {SMALL.contacts:,} contacts. Milliseconds, through HTTP "
            "from another process, with `textable` and `parts`, unless it says otherwise."
        )
        tables = facts(volume, seed=0)
        token, sql = _import(report, directory, tables, repeats)
        times = _beside_others(directory, tables, repeats, sql)
        del tables
        _start(report, directory / "data", token)
        with process.server(directory / "data", program=process.SEGMENTS, RATE_LIMIT="0") as server:
            client = Asking(server.address, token)
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
            about = "Bars of milliseconds of each question: warm, first, and by hand elsewhere."
            bars("bench-questions", "The same questions", about, _charted(times))
        _growth(report, directory, [size for size in GROWTH if size <= largest], write)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024**2
    report.say(f"Peak memory of the largest server process: {peak:.1f} GiB.")
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
        report.say("## Import (Parquet)")
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
    made = create_shop(
        services.catalog,
        services.registry,
        Shop(handle=handle, name=handle, timezone="UTC", currency="USD"),
    )
    assert made.id is not None
    return made.id, create_token(services.catalog, made, tuple(TokenScope))


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
    """SQL: the rows of the large shop under the names of the tables."""
    database = services.audience.database
    # Nullable, since what a join does not find is NULL in such a column only.
    columns = {"contacts": "id", "orders": "*", "texts": "toNullable(contact_id) AS contact_id"}
    return ", ".join(
        f"{name} AS (SELECT {read} FROM {database}.{name} FINAL "
        f"WHERE shop_id = {SHOP} AND NOT deleted)"
        for name, read in columns.items()
    )


def _best(services: Services, sql: Callable[[int], Sequence[str]], repeats: int) -> float:
    """The median of the best way to write a question for ClickHouse."""
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


def _beside_others(
    directory: Path, tables: Mapping[str, pa.Table], repeats: int, times: Times
) -> Times:
    rivals.write(tables, directory)
    for opened, often in ((rivals.duck, repeats), (rivals.postgres, 1)):
        with opened(directory) as rival:
            name = f"{rival.name}, by hand"
            counts = {}
            for question in QUESTIONS:
                best: float | None = None
                for way in map(rivals.standard, question.sql(0)):
                    timed = [rival.timed(way) for _ in range(often)]
                    whole = [found for found in timed if found is not None]
                    if whole:
                        seconds = median([found[0] for found in whole]) / 1000
                        best = seconds if best is None else min(best, seconds)
                        counts[question.name] = whole[0][1]
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


def _start(report: Report, data: Path, token: str) -> None:
    """From the start of the process to the first sizes, with cold facts and with warm ones."""
    rows = []
    for disk in ("cold", "warm"):
        if disk == "cold":
            _leave_to_the_disk(data)
        with process.server(data, program=process.SEGMENTS, RATE_LIMIT="0") as server:
            started = time.time() - _age(server.process.pid)
            found = []
            for rule in (EVERYONE, OFTEN):
                Asking(server.address, token).size(rule)
                found.append(f"{time.time() - started:.2f} s")
        rows.append((disk, *found))
    report.say("## From the start to the first size")
    report.say(
        "From the start of the process until a size is there: of everyone, and then of who was "
        "texted. Cold means that none of the facts are in the page cache; the program is."
    )
    report.table(("disk", "everyone", "texted"), rows)


def _leave_to_the_disk(directory: Path) -> None:
    """Have the system forget what it has of files in memory."""
    os.sync()
    for path in directory.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _age(pid: int) -> float:
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])
    up = float(Path("/proc/uptime").read_text().split()[0])
    return up - ticks / 100


def _first_questions(client: Asking, times: Times) -> None:
    """Each question of which nothing has been asked before, as far as those before it allow."""
    for question in QUESTIONS:
        seconds, members = client.timed(question.rule(0))
        times[question.name]["first"] = seconds
        for name, expected in times["counts"].items():
            if name.endswith(f": {question.name}"):
                assert members == expected, (name, expected, members)


def _warm_questions(client: Asking, times: Times, repeats: int) -> None:
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
    report.say("## The same questions, by hand")
    report.say(
        "The best of several ways to write each by hand, which counts members only. *Warm* has "
        "been asked before; *another number* has a value that has not: a threshold, or else "
        "products, which are another question; *first* comes with nothing of it in memory."
    )
    report.table(
        ("question", "warm", "another number", "first", *HANDS, *(f"{h} / warm" for h in HANDS)),
        rows,
    )


def _shapes(report: Report, times: Times) -> None:
    found = times[SHAPED]
    warm = found["warm"] or 1
    report.say("## The shapes that query builders emit")
    report.say(f'"{SHAPED.capitalize()}", the whole statement; in brackets, by the warm size.')
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


def _session(report: Report, client: Asking, write: bool) -> None:
    found = editing(client)
    every = [seconds for kind, each in found.items() if kind != "new" for seconds in each]
    rows = [
        (kind, len(each), *(f"{value:.1f}" for value in quantiles(each)))
        for kind, each in sorted([*found.items(), ("all but new", every)])
    ]
    report.say("## An editing session of 200 steps")
    report.say(
        "*New* adds a criterion that was never asked before; the others change a value or an "
        "operator, add a criterion, remove one, or nest."
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
        about = "Bars of milliseconds of each kind of step: half, 95 and 99 of a hundred are below."
        bars("bench-session", "An editing session of 200 steps", about, groups)


def _throughput(report: Report, client: Asking) -> None:
    numbers = count()

    def another() -> Any:
        """A size with a threshold of its own, so that no two clients share an answer."""
        amount = f"{next(numbers) % 50_000 / 100:.2f}"
        return {"all": [{"spend": {"operator": "GREATER_THAN", "amount": amount}}, OFTEN]}

    client.size(another())
    rows = []
    with bare_route() as bare:

        def sizes() -> Callable[[], object]:
            own = Asking(client.address, client.token)
            return lambda: own.size(another())

        def typename() -> Callable[[], object]:
            return partial(Asking(client.address, client.token).ask, "{ __typename }")

        def route() -> Callable[[], object]:
            return partial(httpx.Client().post, f"{bare}/graphql", json={"query": "{ a }"})

        for label, ask in (("sizes", sizes), ("{ __typename }", typename), ("bare route", route)):
            found = [f"{throughput(ask, clients, 4):,.0f}" for clients in (1, 8, 32)]
            rows.append((label, *found))
    report.say("## Answers a second")
    report.say(
        "Clients are threads of one Python process, which is the limit of the bare route; that "
        "route is served by the same process."
    )
    report.table(("", "1 client", "8 clients", "32 clients"), rows)


def _freshness(
    report: Report, client: Asking, contacts: int, times: Mapping[str, float | None]
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
    report.say("## Freshness")
    report.say(
        "Texts are recorded of so many contacts; the next size of a rule about texts sees them. "
        "The share is that of the refresh in the first evaluation of such a rule."
    )
    report.table(("contacts changed", "recording", "next size", "size after it", "share"), rows)
    p50, p95, _ = quantiles(visible(client, 50, first_id, contacts))
    report.say(
        f"From sending one text until a size has it, another client asking all the while: "
        f"p50 {p50:.0f}, p95 {p95:.0f}."
    )


def _lists(report: Report, client: Asking) -> None:
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
    report.say(f"## Sizes of saved segments, {PAGE} on a page")
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
            client = Asking(server.address, token)
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
    report.say("## Growth")
    report.say(
        '"Spent more than 50 and was texted": two criteria, each a vector of 8 bytes a contact. '
        "Memory is what the whole process grew by at the first size, most of it the engine's."
    )
    report.table(
        ("contacts", "first", "warm p50", "warm p95", "bytes per contact and criterion"), rows
    )
    if write and sizes:
        about = "Lines of milliseconds by the number of contacts: the first size, and a warm one."
        lines("bench-growth", "Growth", about, "contacts", series)


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    typer.run(main)
