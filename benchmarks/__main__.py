"""``python -m benchmarks``: compare live sizes of a large shop over HTTP with hand-written SQL.

All databases have the same facts on the same machine. Ratios carry over to other machines; times do
not. Every timed answer is checked against the answers of the other databases.
"""

import resource
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer

from benchmarks import comparison, sections
from benchmarks.data import LARGE, SMALL, facts
from benchmarks.measures import Client
from benchmarks.questions import SHOP
from benchmarks.report import Report, machine
from benchmarks.shops import new_shop, record
from graphql_app.settings import Settings
from graphql_app.startup.services import open_services
from tests.e2e import process

SMALL_SHOPS = 100
GROWTH = (10_000, 100_000, 1_000_000, 3_000_000)


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
        token, times = _import(report, directory, tables, repeats)
        counts = comparison.time_rivals(directory, tables, repeats, times)
        del tables
        sections.time_start(report, directory / "data", token)
        with process.server(directory / "data", program=process.SEGMENTS, RATE_LIMIT="0") as server:
            client = Client(server.address, token)
            client.size(sections.EVERYONE)
            comparison.time_questions(client, times, counts, repeats)
            comparison.report_ratios(report, times)
            comparison.report_shapes(report, times)
            sections.report_session(report, client, write)
            sections.report_throughput(report, client)
            sections.report_freshness(report, client, volume.contacts, times["never texted"])
            sections.report_lists(report, client)
            sections.report_summaries(report, client)
        if write:
            comparison.chart(times)
        sizes = [size for size in GROWTH if size <= largest]
        sections.report_growth(report, directory, sizes, write)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024**2
    report.add(f"Peak memory of the largest server process: {peak:.1f} GiB.")
    if write:
        report.write()


def _import(
    report: Report, directory: Path, tables: Mapping[str, pa.Table], repeats: int
) -> tuple[str, comparison.Times]:
    """Import all shops; return the large shop's token and the times of hand-written SQL."""
    with open_services(Settings(data_dir=directory / "data", _env_file=None)) as services:
        shop, token = new_shop(services, "large")
        assert shop == SHOP
        rows = [record(services, shop, name, rows, directory) for name, rows in tables.items()]
        report.add("## Import (Parquet)")
        report.table(("file", "rows", "seconds", "rows/s"), rows)
        for number in range(SMALL_SHOPS):
            small, _ = new_shop(services, f"small-{number}")
            for name, few in facts(SMALL, seed=number + 1).items():
                record(services, small, name, few, directory)
        return token, comparison.time_clickhouse(services, repeats)


if __name__ == "__main__":
    typer.run(main)
