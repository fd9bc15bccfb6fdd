"""Logging and printing to a pipe that nobody reads, in one process."""

import fcntl
import io
import logging
import os
from collections.abc import Iterator
from typing import BinaryIO

import pytest

from graphql_app.observability.output import QueuedFile
from tests.processes import WAIT, wait_until

LINE = b"x" * 999 + b"\n"
ROOM = 20  # lines in the queue
FLOOD = 500  # lines
PATIENCE = 0.2  # seconds

REPORT = "that the test's pipe did not accept in time"


@pytest.fixture
def pipe() -> Iterator[tuple[BinaryIO, int]]:
    """Open a pipe with room for 4 KB; yield the end to read and the end to write."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    with os.fdopen(reading, "rb") as reader:
        yield reader, writing
    os.close(writing)


@pytest.fixture
def file(pipe: tuple[BinaryIO, int]) -> Iterator[QueuedFile]:
    file = QueuedFile(pipe[1], "the test's pipe", limit=ROOM * len(LINE))
    yield file
    pipe[0].close()
    file.finish(WAIT)


@pytest.fixture
def log(file: QueuedFile) -> Iterator[logging.Logger]:
    """Return a logger whose records, and reports of what was dropped, go to the file."""
    handler = logging.StreamHandler(io.TextIOWrapper(file, line_buffering=True))
    root = logging.getLogger()
    root.addHandler(handler)
    yield logging.getLogger("test")
    root.removeHandler(handler)


def test_what_does_not_fit_is_dropped_and_counted(
    log: logging.Logger, file: QueuedFile, pipe: tuple[BinaryIO, int]
) -> None:
    for number in range(FLOOD):
        log.error("%d %s", number, "x" * 990)
    dropped = file.dropped
    assert FLOOD - ROOM - 10 < dropped < FLOOD  # the pipe took some
    written, reported = list[int](), 0
    while len(written) + reported < FLOOD:
        line = pipe[0].readline().decode()
        if REPORT in line:
            reported += int(line.removeprefix("dropped ").split()[0])
        else:
            written.append(int(line.split()[0]))
    assert reported == dropped
    assert written == sorted({*written})
    log.error("later")
    assert pipe[0].readline() == b"later\n"
    assert file.dropped == dropped


def test_a_reader_that_goes_away_loses_records_and_nothing_else(
    file: QueuedFile, pipe: tuple[BinaryIO, int]
) -> None:
    pipe[0].close()
    for _ in range(3):
        file.write(LINE)
    wait_until(lambda: file.dropped == 3)


def test_a_record_longer_than_the_pipe_is_written_whole(
    file: QueuedFile, pipe: tuple[BinaryIO, int]
) -> None:
    long = b"x" * 15_000 + b"\n"
    file.write(long)
    assert pipe[0].readline() == long


def test_a_pipe_that_does_not_block_gets_everything(
    file: QueuedFile, pipe: tuple[BinaryIO, int]
) -> None:
    os.set_blocking(pipe[1], False)
    for _ in range(ROOM):
        file.write(LINE)
    assert [pipe[0].readline() for _ in range(ROOM)] == [LINE] * ROOM


def test_at_the_end_everything_is_written_before_a_write_returns(
    file: QueuedFile, pipe: tuple[BinaryIO, int]
) -> None:
    os.set_blocking(pipe[0].fileno(), False)
    file.write(b"before\n")
    file.finish(WAIT)
    assert pipe[0].readline() == b"before\n"
    for _ in range(100):
        file.write(b"after\n")
        assert pipe[0].readline() == b"after\n"


def test_at_the_end_nothing_waits_for_a_reader_more_than_once(file: QueuedFile) -> None:
    for _ in range(ROOM):
        file.write(LINE)
    file.finish(PATIENCE)
    for _ in range(10_000):  # these would wait for half an hour
        file.write(LINE)
