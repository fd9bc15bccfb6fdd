"""``python -m benchmarks.export``: measure the memory of an export of a million members.

For the command and for HTTP: the peak memory of the process after 50,000 members and at the end. If
memory is constant, both are about equal.
"""

import os
import subprocess
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.data import fictional_phones
from tests.client import authorization
from tests.e2e import process

SEGMENT = "All US/Canada Customers and Subscribers"
MEMBERS = int(os.environ.get("EXPORT_MEMBERS", "1000000"))
EARLY = 50_000
MEGABYTE = 1024**2


def write_contacts(path: Path) -> None:
    """Write a file of contacts who all belong to the segment."""
    numbers = np.arange(1, MEMBERS + 1)
    texts = numbers.astype(str)
    subscribed = pa.array(np.full(MEMBERS, 1_700_000_000_000), pa.timestamp("ms", "UTC"))
    table = pa.table(
        {
            "id": pa.array(numbers, pa.uint64()),
            "phone": pa.array(fictional_phones(numbers)),
            "email": pa.array(np.char.add(texts, "@example.com")),
            "first_name": pa.array(np.char.add("First ", texts)),
            "country": pa.array(["US"] * MEMBERS),
            "city": pa.array(["Portland"] * MEMBERS),
            "subscribed_at": subscribed,
            "properties": pa.array(np.char.add(np.char.add('{"points":', texts), "}")),
        }
    )
    pq.write_table(table, path)


def report(what: str, members: int, early: int, late: int, seconds: float) -> None:
    """Print the results, and check that no member is missing and memory did not grow with them."""
    assert members == MEMBERS
    print(
        f"{what}: {members:,} members in {seconds:.1f} s; peak {early // MEGABYTE} MB after "
        f"{EARLY:,} members, {late // MEGABYTE} MB at the end: "
        f"{(late - early) / MEGABYTE:+.0f} MB",
        flush=True,
    )
    assert late <= 1.25 * early + 64 * MEGABYTE


def export_by_command(data: Path) -> None:
    start = time.monotonic()
    with subprocess.Popen(
        [str(process.SEGMENTS), "export", SEGMENT, "--shop", "acme"],
        env=process.environment(data),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as running:
        assert running.stdout
        count, early, late = -1, 0, 0
        while text := running.stdout.read(1 << 16):
            count += text.count(b"\n")
            late = max(late, process.peak(running.pid))
            if count < EARLY:
                early = late
    report("command", count, early, late, time.monotonic() - start)


def export_by_http(data: Path) -> None:
    token = process.token(data, "acme")
    with process.server(data, program=process.SEGMENTS) as running:
        query = "query ($name: String!) { segments(search: $name) { nodes { id } } }"
        segment = running.client(token).ask(query, name=SEGMENT)["segments"]["nodes"][0]["id"]
        for format, header in (("csv", 1), ("ndjson", 0)):
            start = time.monotonic()
            count, early = -header, 0
            url = f"{running.address}/segments/{segment}/members.{format}"
            with httpx.stream("GET", url, headers=authorization(token), timeout=60) as response:
                assert response.status_code == 200
                for text in response.iter_raw():
                    count += text.count(b"\n")
                    if count < EARLY:
                        early = process.peak(running.process.pid)
            late = process.peak(running.process.pid)
            report(f"HTTP, {format}", count, early, late, time.monotonic() - start)


def main() -> None:
    """Load a shop and export it with the command and over HTTP."""
    with tempfile.TemporaryDirectory() as directory:
        data, path = Path(directory) / "data", Path(directory) / "contacts.parquet"
        write_contacts(path)
        process.segments(data, "shop", "create", "acme")
        process.segments(data, "import", str(path), "--shop", "acme")
        export_by_command(data)
        export_by_http(data)


if __name__ == "__main__":
    main()
