"""``segments export`` as users run it: to files, to pipes and during a server's life."""

import csv
import json
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import pyarrow.parquet as pq
import pytest

from tests.e2e import process

# Write more than the file size limit allows. The buffered rest fails again when the file is closed.
FULL_DISK = """
import resource, sys
from pathlib import Path
from graphql_app.cli.export_file import open_output
from graphql_app.errors import AppError

resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    with open_output(Path(sys.argv[1])) as file:
        file.write(b"x" * 9_999)
        file.write(b"x" * 9_999)
except AppError as error:
    print(error)
"""
SEGMENT = "All US/Canada Customers and Subscribers"
MEMBERS = 2_500


def _export(
    data: Path, *arguments: str, to: IO[bytes] | int = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    """Run the command with its standard output in a file or a pipe."""
    return subprocess.run(
        [process.SEGMENTS, "export", *arguments, "--shop", "acme"],
        env=process.environment(data),
        stdout=to,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a data directory with a shop, some of whose contacts are members."""
    directory = tmp_path_factory.mktemp("export")
    with (directory / "contacts.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "country", "phone", "subscribed_at"])
        for number in range(1, MEMBERS + 101):
            country = "US" if number <= MEMBERS else "FR"
            rows.writerow([number, country, "+12125550167", "2024-05-01T00:00:00Z"])
    process.segments(directory / "data", "shop", "create", "acme")
    imported = str(directory / "contacts.csv")
    process.segments(directory / "data", "import", imported, "--shop", "acme")
    return directory / "data"


def test_an_output_file_is_complete_or_absent(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "members.parquet"
    arguments = ("export", SEGMENT, "--shop", "acme", "--format", "parquet", "--output", str(path))
    output = process.segments(data, *arguments)
    assert f"{MEMBERS}/{MEMBERS}" in output
    assert pq.read_table(path)["id"].to_pylist() == [*map(str, range(1, MEMBERS + 1))]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [*tmp_path.iterdir()] == [path]
    before = path.read_bytes()
    output = process.segments(data, *arguments, status=1, QUERY_TIMEOUT="0.001")
    assert "Error:" in output
    assert path.read_bytes() == before
    assert [*tmp_path.iterdir()] == [path]
    another = ("export", "Another", "--shop", "acme", "--output", "x")
    output = process.segments(data, *another, status=1)
    assert "No such segment: 'Another'" in output


def test_members_after_a_contact_are_written_to_a_pipe(data: Path) -> None:
    arguments = (SEGMENT.upper(), "--format", "ndjson")
    done = _export(data, *arguments, "--after", "2490")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [*map(str, range(2491, MEMBERS + 1))]
    reader, writer = os.pipe()
    os.close(reader)  # so writing to the pipe fails
    with os.fdopen(writer, "wb") as pipe:
        broken = _export(data, *arguments, to=pipe)
    assert broken.returncode == 1
    assert "Traceback" not in broken.stderr


@pytest.mark.parametrize("linked", [False, True], ids=["itself", "by a link"])
def test_a_named_pipe_is_written_to_and_not_replaced(
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


def test_a_symlink_stays_and_its_target_is_replaced(data: Path, tmp_path: Path) -> None:
    (tmp_path / "members.csv").write_text("before")
    (tmp_path / "link").symlink_to("members.csv")
    arguments = ("export", SEGMENT, "--shop", "acme", "--output", str(tmp_path / "link"))
    process.segments(data, *arguments)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "members.csv").read_bytes().count(b"\r\n") == MEMBERS + 1


def test_an_output_that_cannot_be_written_is_reported(data: Path, tmp_path: Path) -> None:
    arguments = ("export", SEGMENT, "--shop", "acme")
    output = process.segments(data, *arguments, "--format", "parquet", status=2)
    assert "--output members.parquet" in output
    missing = tmp_path / "missing" / "members.csv"
    output = process.segments(data, *arguments, "--output", str(missing), status=1)
    assert f"Cannot write to {missing}: No such file or directory" in output
    with Path("/dev/full").open("wb") as full:
        done = _export(data, SEGMENT, to=full)
    assert done.returncode == 1
    assert "Cannot write to standard output: No space left on device" in done.stderr


def test_a_full_disk_leaves_the_existing_file_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "members.csv"
    path.write_text("before")
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, check=False
    )
    assert f"Cannot write to {path}: File too large" in done.stdout, done.stderr
    assert [*tmp_path.iterdir()] == [path]
    assert path.read_text() == "before"


def test_the_command_points_to_a_running_server(data: Path) -> None:
    with process.server(data):
        arguments = ("export", SEGMENT, "--shop", "acme", "--output", "x.csv")
        output = process.segments(data, *arguments, status=1)
        # HOST:PORT, because this process may not know the address of the server.
        assert "http://HOST:PORT/segments/<id>/members.csv" in output
