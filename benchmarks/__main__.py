"""``python -m benchmarks``: live sizes of a large shop against hand-written SQL, and ingest.

Everything runs in one process and one run: its absolute times say little, its ratios much.
"""

from __future__ import annotations

import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.data import LARGE, SMALL, facts
from benchmarks.questions import QUESTIONS, SHOP
from graphql_app.app import open_services
from graphql_app.audience.importers import import_file
from graphql_app.schema.context import Services
from graphql_app.settings import Settings
from tests.support import Client, Server, serving

SMALL_SHOPS = 100
BATCH = 1_000

out = Console(highlight=False, soft_wrap=True)


def main(
    scale: Annotated[float, typer.Option(help="Size of the large shop, 1 for a million.")] = 1,
    repeats: Annotated[int, typer.Option(help="How often each question is asked.")] = 15,
) -> None:
    """Measure and print tables."""
    with tempfile.TemporaryDirectory(prefix="segments-bench-") as directory:
        settings = Settings(data_dir=Path(directory) / "data", _env_file=None)
        with (
            open_services(settings) as services,
            serving(services, settings) as address,
            httpx.Client(timeout=120) as http,
        ):
            server = Server(address, services, http)
            client = server.shop()
            assert client.shop_id == SHOP
            out.print(_import_table(services, Path(directory), scale))
            _fill_small_shops(server)
            out.print(_size_table(services, client, repeats))
            out.print(_mutation_table(server))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    out.print(f"Peak memory of the process, generator and client included: {peak:.1f} GiB")


def _import_table(services: Services, directory: Path, scale: float) -> Table:
    table = Table("file", "rows", "seconds", "rows/s", title="Import (Parquet)")
    for name, rows in facts(LARGE.scaled(scale), seed=0).items():
        path = directory / f"{name}.parquet"
        pq.write_table(rows, path)
        start = time.perf_counter()
        report = import_file(
            path,
            format=name,
            shop_id=SHOP,
            shop_currency="USD",
            audience=services.audience,
            recorder=services.recorder,
        )
        seconds = time.perf_counter() - start
        assert not report.bad_row_count, report.bad_rows[:3]
        path.unlink()
        table.add_row(
            name, f"{rows.num_rows:,}", f"{seconds:.1f}", f"{rows.num_rows / seconds:,.0f}"
        )
    return table


def _fill_small_shops(server: Server) -> None:
    for number in range(SMALL_SHOPS):
        shop_id = server.shop().shop_id
        record(server.services, shop_id, facts(SMALL, seed=number + 1))


def record(services: Services, shop_id: int, tables: dict[str, pa.Table]) -> None:
    """Record the tables of a small shop as a file import would, without the files."""
    with tempfile.TemporaryDirectory() as directory:
        for name, rows in tables.items():
            path = Path(directory) / f"{name}.parquet"
            pq.write_table(rows, path)
            import_file(
                path,
                format=name,
                shop_id=shop_id,
                shop_currency="USD",
                audience=services.audience,
                recorder=services.recorder,
            )


def _size_table(services: Services, client: Client, repeats: int) -> Table:
    table = Table(
        "question (another number each time)",
        "members",
        "p50 ms",
        "p95 ms",
        "hand SQL p50 ms",
        "p95 ms",
        "ratio of p50",
        title=f"segmentSize through HTTP, with textable and parts ({repeats} each)",
    )
    for question in QUESTIONS:
        ways = question.sql(0)
        ours: list[float] = []
        theirs: list[list[float]] = [[] for _ in ways]
        members = 0
        for number in range(repeats + 1):
            seconds, members = _timed(partial(client.members, question.rule(number)))
            ours.append(seconds)
            for way, times in enumerate(theirs):
                sql = question.sql(number)[way]
                seconds, count = _timed(partial(_one, services, sql))
                assert count == members, (question.name, members, count, sql)
                times.append(seconds)
        best = min((times[1:] for times in theirs), key=statistics.median)
        median, other = statistics.median(ours[1:]), statistics.median(best)
        table.add_row(
            question.name,
            f"{members:,}",
            *(f"{value * 1000:.0f}" for value in (median, _p95(ours[1:]), other, _p95(best))),
            f"{median / other:.2f}",
        )
    return table


def _record_all(client: Client, mutation: str, batches: Sequence[Sequence[Any]]) -> None:
    for items in batches:
        client.record(mutation, items)


def _one(services: Services, sql: str) -> int:
    count: int = services.audience.arrow(sql)[0][0].as_py()
    return count


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def _p95(times: Sequence[float]) -> float:
    return statistics.quantiles(times, n=20)[-1] if len(times) > 1 else times[0]


def _mutation_table(server: Server) -> Table:
    table = Table("mutation", "batches", "rows/s", title=f"Mutations in batches of {BATCH:,}")
    client = server.shop()
    day = "2026-01-01T00:00:00Z"
    batches: dict[str, Callable[[int], dict[str, Any]]] = {
        "contactsUpsert": lambda n: {"id": str(n), "phone": f"+1999{n}", "subscribedAt": day},
        "ordersUpsert": lambda n: {
            "id": str(n),
            "contactId": str(n),
            "orderedAt": day,
            "total": "20.00",
            "lines": [{"productId": "a"}, {"productId": "b", "quantity": 2}],
        },
        "textsRecord": lambda n: {"id": str(n), "contactId": str(n), "sentAt": day},
        "keywordsRecord": lambda n: {"contactId": str(n), "keyword": "join", "receivedAt": day},
    }
    for mutation, item in batches.items():
        rounds = 20
        payloads = [[item(r * BATCH + n + 1) for n in range(BATCH)] for r in range(rounds)]
        seconds, _ = _timed(partial(_record_all, client, mutation, payloads))
        table.add_row(mutation, str(rounds), f"{rounds * BATCH / seconds:,.0f}")
    return table


if __name__ == "__main__":
    typer.run(main)
