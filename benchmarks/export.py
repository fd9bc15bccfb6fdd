"""``python -m benchmarks.export``: what memory an export of a million members takes.

For the command and for HTTP: the peak of the process once 50,000 members have come, and at the end.
Memory is constant where the second is about the first.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.e2e import process

SEGMENT = "All US/Canada Customers and Subscribers"
MEMBERS = int(os.environ.get("EXPORT_MEMBERS", "1000000"))
EARLY = 50_000
MEGABYTE = 1024**2


def contacts(path: Path) -> None:
    """Write a file of contacts who are all in the segment."""
    numbers = np.arange(1, MEMBERS + 1)
    texts = numbers.astype(str)
    subscribed = pa.array(np.full(MEMBERS, 1_700_000_000_000), pa.timestamp("ms", "UTC"))
    table = pa.table(
        {
            "id": pa.array(numbers, pa.uint64()),
            "phone": pa.array(np.char.add("+1555", texts)),
            "email": pa.array(np.char.add(texts, "@example.com")),
            "first_name": pa.array(np.char.add("First ", texts)),
            "country": pa.array(["US"] * MEMBERS),
            "city": pa.array(["Portland"] * MEMBERS),
            "subscribed_at": subscribed,
            "properties": pa.array(np.char.add(np.char.add('{"points":', texts), "}")),
        }
    )
    pq.write_table(table, path)


def lines(text: bytes) -> int:
    """How many lines end in a text."""
    return text.count(b"\n")


def report(what: str, members: int, early: int, late: int, seconds: float) -> None:
    """Print a row of figures.

    Raises:
        AssertionError: Not all members came, or memory grew with them.
    """
    assert members == MEMBERS
    print(
        f"{what}: {members:,} members in {seconds:.1f} s; peak {early // MEGABYTE} MB after "
        f"{EARLY:,} members, {late // MEGABYTE} MB at the end: "
        f"{(late - early) / MEGABYTE:+.0f} MB",
        flush=True,
    )
    assert late <= 1.25 * early + 64 * MEGABYTE


def by_command(data: Path) -> None:
    """Export to a pipe."""
    began = time.monotonic()
    with subprocess.Popen(
        [str(process.SEGMENTS), "export", SEGMENT, "--shop", "acme"],
        env=process.environment(data),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as running:
        assert running.stdout
        count, early, late = -1, 0, 0
        while text := running.stdout.read(1 << 16):
            count += lines(text)
            late = max(late, process.peak(running.pid))
            if count < EARLY:
                early = late
    report("command", count, early, late, time.monotonic() - began)


def by_http(data: Path) -> None:
    """Export from a server."""
    headers = {"Authorization": f"Bearer {process.token(data, 'acme')}"}
    with (
        process.server(data, program=process.SEGMENTS) as running,
        httpx.Client(headers=headers, timeout=60) as client,
    ):
        query = "query ($name: String!) { segments(search: $name) { nodes { id } } }"
        token = headers["Authorization"].split()[1]
        segment = running.client(token).ask(query, name=SEGMENT)["segments"]["nodes"][0]["id"]
        for format, header in (("csv", 1), ("ndjson", 0)):
            began = time.monotonic()
            count, early = -header, 0
            url = f"{running.address}/segments/{segment}/members.{format}"
            with client.stream("GET", url) as response:
                assert response.status_code == 200
                for text in response.iter_raw():
                    count += lines(text)
                    if count < EARLY:
                        early = process.peak(running.process.pid)
            late = process.peak(running.process.pid)
            report(f"HTTP, {format}", count, early, late, time.monotonic() - began)


def main() -> None:
    """Load a shop, and export it in each way."""
    with tempfile.TemporaryDirectory() as place:
        data, path = Path(place) / "data", Path(place) / "contacts.parquet"
        contacts(path)
        process.segments(data, "shop", "create", "acme")
        process.segments(data, "import", str(path), "--shop", "acme")
        by_command(data)
        by_http(data)


if __name__ == "__main__":
    main()
