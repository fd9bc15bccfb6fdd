"""An export of many members needs no more memory than an export of few."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.client import HTTP, authorization
from tests.e2e import process

MEMBERS = 30_000
WIDTH = 4_000  # bytes of each member's properties
FEW = 20 * 2**20  # bytes after which an export has allocated what it needs
GROWTH = 80 * 2**20
SEGMENT = "All US/Canada Customers and Subscribers"
ID = "query ($name: String!) { segments(search: $name) { nodes { id } } }"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a shop whose members are larger than the memory that an export may use."""
    directory = tmp_path_factory.mktemp("memory")
    rows = {
        "id": pa.array(range(1, MEMBERS + 1), pa.uint64()),
        "country": pa.array(["US"] * MEMBERS),
        "phone": pa.array(["+12125550167"] * MEMBERS),
        "subscribed_at": pa.array(["2024-05-01T00:00:00Z"] * MEMBERS),
        "properties": pa.array([json.dumps({"text": "x" * WIDTH})] * MEMBERS),
    }
    pq.write_table(pa.table(rows), directory / "contacts.parquet")
    process.segments(directory / "data", "shop", "create", "acme")
    process.segments(
        directory / "data", "import", str(directory / "contacts.parquet"), "--shop", "acme"
    )
    return directory / "data"


@pytest.mark.parametrize("format", ["csv", "ndjson"])
def test_the_memory_of_an_export_does_not_grow_with_its_members(data: Path, format: str) -> None:
    token = process.token(data, "acme")
    with process.server(data) as running:
        [segment] = running.client(token).ask(ID, name=SEGMENT)["segments"]["nodes"]
        url = f"{running.address}/segments/{segment['id']}/members.{format}"
        received, before = 0, 0
        with HTTP.stream("GET", url, headers=authorization(token)) as response:
            for piece in response.iter_raw():
                received += len(piece)
                if received < FEW:
                    before = process.peak(running.process.pid)
        assert received > MEMBERS * WIDTH
        assert process.peak(running.process.pid) - before < GROWTH
