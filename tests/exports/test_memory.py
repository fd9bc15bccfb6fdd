"""An export takes no more memory for many members than for few."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.e2e import process

MEMBERS = 40_000
WIDTH = 4_000  # of each member's properties
FEW = 20 * 2**20  # bytes after which whatever an export needs is there
GROWTH = 80 * 2**20
SEGMENT = "All US/Canada Customers and Subscribers"
ID = "query ($name: String!) { segments(search: $name) { nodes { id } } }"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a shop whose members are several times what memory may grow."""
    place = tmp_path_factory.mktemp("memory")
    rows = {
        "id": pa.array(range(1, MEMBERS + 1), pa.uint64()),
        "country": pa.array(["US"] * MEMBERS),
        "phone": pa.array(["+15551234567"] * MEMBERS),
        "subscribed_at": pa.array(["2024-05-01T00:00:00Z"] * MEMBERS),
        "properties": pa.array([json.dumps({"text": "x" * WIDTH})] * MEMBERS),
    }
    pq.write_table(pa.table(rows), place / "contacts.parquet")
    process.segments(place / "data", "shop", "create", "acme")
    process.segments(place / "data", "import", str(place / "contacts.parquet"), "--shop", "acme")
    return place / "data"


@pytest.mark.parametrize("format", ["csv", "ndjson"])
def test_a_server_needs_no_more_memory_for_many_members_than_for_few(
    data: Path, format: str
) -> None:
    token = process.token(data, "acme")
    with process.server(data) as running:
        [segment] = running.client(token).ask(ID, name=SEGMENT)["segments"]["nodes"]
        url = f"{running.address}/segments/{segment['id']}/members.{format}"
        headers = {"Authorization": f"Bearer {token}"}
        came, before = 0, 0
        with httpx.stream("GET", url, headers=headers, timeout=60) as response:
            for piece in response.iter_raw():
                came += len(piece)
                if came < FEW:
                    before = process.peak(running.process.pid)
        assert came > MEMBERS * WIDTH
        assert process.peak(running.process.pid) - before < GROWTH
