"""The same questions as rules, and by hand in every database."""

import statistics
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from benchmarks import rivals
from benchmarks.measures import Client
from benchmarks.questions import QUESTIONS, SHOP
from benchmarks.report import Report, bars, ms
from graphql_app.runtime.services import Services

SHAPED = "spend > x and never texted"
DATABASES = ("ClickHouse", "DuckDB", "PostgreSQL")
HANDS = [f"{database}, by hand" for database in DATABASES]

# Seconds by question and by the way to ask it; ``None`` if it timed out.
Times = dict[str, dict[str, float | None]]
# The members who were found, by question.
Counts = dict[str, list[int]]


def time_clickhouse(services: Services, repeats: int) -> Times:
    times: Times = {}
    for question in QUESTIONS:
        ways = zip(*map(question.sql, range(repeats + 1)), strict=True)
        times[question.name] = {HANDS[0]: min(_timed(services, way) for way in ways)}
    counts = set()
    for shape, statement in rivals.shapes(50).items():
        sql = f"WITH {_own_rows(services)} {statement}"
        counts.add(services.audience.query_unfiltered(sql)[0][0].as_py())
        times[SHAPED][f"ClickHouse, {shape}"] = _timed(services, [sql] * 2)
    assert len(counts) == 1, counts
    return times


def _timed(services: Services, statements: Sequence[str]) -> float:
    """Return the median seconds of all statements but the first."""
    seconds = []
    for statement in statements:
        start = time.perf_counter()
        services.audience.query_unfiltered(statement)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


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


def time_rivals(
    directory: Path, tables: Mapping[str, pa.Table], repeats: int, times: Times
) -> Counts:
    """Add the times of the other databases; return the members that they found."""
    rivals.write(tables, directory)
    counts: Counts = defaultdict(list)
    for open_rival, runs in ((rivals.duck, repeats), (rivals.postgres, 1)):
        with open_rival(directory) as rival:
            for question in QUESTIONS:
                medians = []
                for way in map(rivals.to_standard, question.sql(0)):
                    timed = [rival.timed(way) for _ in range(runs)]
                    finished = [found for found in timed if found is not None]
                    if finished:
                        medians.append(statistics.median(seconds for seconds, _ in finished))
                        counts[question.name].append(finished[0][1])
                times[question.name][f"{rival.name}, by hand"] = min(medians, default=None)
            agreed = set()
            for shape, statement in rivals.shapes(50).items():
                shaped = rival.timed(statement)
                times[SHAPED][f"{rival.name}, {shape}"] = shaped and shaped[0]
                agreed |= {shaped[1]} if shaped else set()
            assert len(agreed) <= 1, agreed
    return counts


def time_questions(client: Client, times: Times, counts: Counts, repeats: int) -> None:
    """Add the times of the server, which must find what the other databases found."""
    for question in QUESTIONS:
        # Earlier questions may have loaded some of the same facts.
        seconds, members = client.timed(question.rule(0))
        times[question.name]["first"] = seconds
        assert {*counts[question.name]} <= {members}, (question.name, counts, members)
    for question in QUESTIONS:
        again = [client.timed(question.rule(0))[0] for _ in range(10 * repeats)]
        times[question.name]["warm"] = statistics.median(again)
        other = [client.timed(question.rule(number))[0] for number in range(1, repeats + 1)]
        times[question.name]["another number"] = statistics.median(other)


def report_ratios(report: Report, times: Times) -> None:
    rows = []
    for question in QUESTIONS:
        found = times[question.name]
        warm = found["warm"] or 1
        own = [ms(found[way]) for way in ("warm", "another number", "first")]
        hands = [found[hand] for hand in HANDS]
        ratios = ["" if by is None else f"{by / warm:,.0f}" for by in hands]
        rows.append((question.name, *own, *map(ms, hands), *ratios))
    report.add("## The same questions, by hand")
    report.add(
        "By hand: the fastest of several ways to write the SQL, which counts members only. "
        "*Warm*: the rule was evaluated before. *Another number*: evaluated before with another "
        "threshold, or with other products, which must be loaded. *First*: nothing is in memory."
    )
    ratio_heads = [f"{hand} / warm" for hand in HANDS]
    report.table(("question", "warm", "another number", "first", *HANDS, *ratio_heads), rows)


def report_shapes(report: Report, times: Times) -> None:
    found = times[SHAPED]
    warm = found["warm"] or 1
    shapes = [*rivals.shapes(0)]
    rows = []
    for database in DATABASES:
        taken = [found[f"{database}, {shape}"] for shape in shapes]
        rows.append((database, *(f"{ms(each)} ({(each or 0) / warm:,.0f})" for each in taken)))
    report.add("## The SQL that query builders write")
    report.add(
        f'"{SHAPED.capitalize()}" as one statement; in brackets, as a multiple of the warm size.'
    )
    report.table(("database", *shapes), rows)


def chart(times: Times) -> None:
    about = "Milliseconds for each question: warm, first, and by hand in other databases."
    shown = ("warm", "first", *HANDS)
    charted = {
        question.name: {way: times[question.name][way] for way in shown} for question in QUESTIONS
    }
    bars("bench-questions", "The same questions", about, charted)
