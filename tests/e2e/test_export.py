"""`segments export` as users run it: to files, to pipes, beside a server."""

from __future__ import annotations

import csv
import json
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.e2e import process

# Writes more than there is room for; what is in a buffer fails again as the file is closed.
FULL_DISK = """
import resource, sys
from pathlib import Path
from graphql_app import cli_export
from graphql_app.errors import AppError

resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    with cli_export._opened(Path(sys.argv[1])) as file:
        file.write(b"x" * 9_999)
        file.write(b"x" * 9_999)
except AppError as error:
    print(error)
"""
SEGMENT = "All US/Canada Customers and Subscribers"
MEMBERS = 2_500


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a shop of members and others."""
    place = tmp_path_factory.mktemp("export")
    with (place / "contacts.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "country", "phone", "subscribed_at"])
        for number in range(1, MEMBERS + 101):
            country = "US" if number <= MEMBERS else "FR"
            rows.writerow([number, country, "+15551234567", "2024-05-01T00:00:00Z"])
    process.segments(place / "data", "shop", "create", "acme")
    process.segments(place / "data", "import", str(place / "contacts.csv"), "--shop", "acme")
    return place / "data"


def test_members_are_written_to_a_file_that_is_whole_or_not_there(
    data: Path, tmp_path: Path
) -> None:
    path = tmp_path / "members.parquet"
    arguments = ("export", SEGMENT, "--shop", "acme", "--format", "parquet", "--output", str(path))
    output = process.segments(data, *arguments)
    assert f"{MEMBERS}/{MEMBERS}" in output
    assert pq.read_table(path)["id"].to_pylist() == [*range(1, MEMBERS + 1)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [*tmp_path.iterdir()] == [path]
    before = path.read_bytes()
    output = process.segments(data, *arguments, status=1, QUERY_TIMEOUT="0.001")
    assert "Error:" in output
    assert path.read_bytes() == before
    assert [*tmp_path.iterdir()] == [path]
    output = process.segments(
        data, "export", "Another", "--shop", "acme", "--output", "x", status=1
    )
    assert "No such segment: 'Another'" in output


def test_members_are_written_to_a_pipe_and_after_a_contact(data: Path) -> None:
    arguments = ("export", SEGMENT.upper(), "--shop", "acme", "--format", "ndjson")
    done = subprocess.run(
        [process.SEGMENTS, *arguments, "--after", "2490"],
        env=process.environment(data),
        capture_output=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [*map(str, range(2491, MEMBERS + 1))]
    reader, writer = os.pipe()
    os.close(reader)  # nobody reads it
    with os.fdopen(writer, "wb") as pipe:
        gone = subprocess.run(
            [process.SEGMENTS, *arguments],
            env=process.environment(data),
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert gone.returncode == 1
    assert "Traceback" not in gone.stderr


@pytest.mark.parametrize("linked", [False, True], ids=["itself", "by a link"])
def test_what_is_there_and_is_no_file_is_written_and_stays(
    data: Path, tmp_path: Path, linked: bool
) -> None:
    pipe, output = tmp_path / "pipe", tmp_path / "link" if linked else tmp_path / "pipe"
    os.mkfifo(pipe)
    if linked:
        output.symlink_to(pipe)
    with ThreadPoolExecutor(1) as reader:
        reading = reader.submit(pipe.read_bytes)
        process.segments(data, "export", SEGMENT, "--shop", "acme", "--output", str(output))
        assert reading.result().count(b"\r\n") == MEMBERS + 1
    assert pipe.is_fifo()
    assert output.is_symlink() == linked


def test_a_link_stays_and_what_it_names_is_replaced(data: Path, tmp_path: Path) -> None:
    (tmp_path / "members.csv").write_text("before")
    (tmp_path / "link").symlink_to("members.csv")
    arguments = ("export", SEGMENT, "--shop", "acme", "--output", str(tmp_path / "link"))
    process.segments(data, *arguments)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "members.csv").read_bytes().count(b"\r\n") == MEMBERS + 1


def test_what_cannot_be_written_is_said(data: Path, tmp_path: Path) -> None:
    arguments = ("export", SEGMENT, "--shop", "acme")
    output = process.segments(data, *arguments, "--format", "parquet", status=2)
    assert "--output members.parquet" in output
    missing = tmp_path / "missing" / "members.csv"
    output = process.segments(data, *arguments, "--output", str(missing), status=1)
    assert f"{missing} cannot be written: No such file or directory" in output
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [process.SEGMENTS, *arguments],
            env=process.environment(data),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "Standard output cannot be written: No space left on device" in done.stderr


def test_a_disk_that_is_full_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "members.csv"
    path.write_text("before")
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, check=False
    )
    assert f"{path} cannot be written: File too large" in done.stdout, done.stderr
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [
        ("members.csv", "before")
    ]


def test_beside_a_server_it_says_how_to_ask_that(data: Path) -> None:
    with process.server(data):
        arguments = ("export", SEGMENT, "--shop", "acme", "--output", "x.csv")
        output = process.segments(data, *arguments, status=1)
        # Which port it has, the settings of this process need not know.
        assert "http://HOST:PORT/segments/<id>/members.csv" in output
