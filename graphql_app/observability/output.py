"""Standard output and standard error that never block the process.

A pipe that nobody reads fills up, and then a write to it waits, maybe forever, with whatever locks
its thread holds. So everything that a server logs or prints goes through a queue of limited size to
a thread that waits in its place. What does not fit is dropped and counted.

``logging.handlers.QueueHandler`` and ``QueueListener`` do the same for log records only. Plugins
print, Python prints warnings and the exceptions of threads, and any of these would block. The
handlers also block at the end: ``QueueListener.stop`` waits for its thread without a limit, and
``logging.shutdown`` waits for the lock of the handler that is writing.
"""

import io
import logging
import os
import select
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

logger = logging.getLogger(__name__)

MAX_QUEUED_BYTES = 1024**2
FLUSH_SECONDS = 2.0  # to write the rest at the end

_files: list["QueuedFile"] = []


class QueuedFile(io.BufferedIOBase):
    """A file that a thread of its own writes, so that nobody else waits for it.

    Args:
        descriptor: The file. The thread writes to it directly: Python's own files have locks, which
            would block the interpreter at its exit.
        name: The file's name in the log.

    Attributes:
        dropped: How many writes were dropped.
    """

    def __init__(self, descriptor: int, name: str, limit: int = MAX_QUEUED_BYTES) -> None:
        self._descriptor = descriptor
        self.name = name
        self._limit = limit
        self._queued_bytes = 0
        self.dropped = self._reported = 0
        self._queue: deque[bytes] = deque()  # its first item is being written
        # Reentrant: the garbage collector may run a finalizer that logs, inside of ``write``.
        self._changed = threading.Condition(threading.RLock())
        self._idle = False  # everything is written and reported
        self._patience = 0.0  # seconds to wait for each write
        _files.append(self)
        # A daemon, since the interpreter waits for other threads, and this one may wait forever.
        threading.Thread(target=self._write_queue, name=f"{name} writer", daemon=True).start()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, content: "ReadableBuffer") -> int:
        """Queue the content for the thread, or drop all of it if the queue has no room."""
        chunk = bytes(content)
        with self._changed:
            if self._queued_bytes + len(chunk) > self._limit:
                self.dropped += 1
            else:
                self._queue.append(chunk)
                self._queued_bytes += len(chunk)
                self._idle = False
                self._changed.notify_all()
        if self._patience:
            self._wait()
        return len(chunk)

    def finish(self, patience: float) -> None:
        """Wait until everything is written, now and after each further write.

        If a wait takes more than ``patience`` seconds, later writes do not wait.
        """
        self._patience = patience
        self._wait()

    def _wait(self) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: self._idle, self._patience):
                self._patience = 0.0

    def _write_queue(self) -> None:
        while True:
            with self._changed:
                self._idle = not self._queue
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._queue)
                chunk = self._queue[0]
            written = self._write(chunk)
            with self._changed:
                self._queue.popleft()
                self._queued_bytes -= len(chunk)
                if not written:
                    self.dropped += 1
            if written:
                self._report_dropped()

    def _write(self, chunk: bytes) -> bool:
        """Write a chunk, however long that takes; return whether it worked."""
        rest = memoryview(chunk)
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # another process has made the pipe non-blocking
                select.select([], [self._descriptor], [])
            except OSError:  # nobody will ever read it, or the disk is full
                return False
        return True

    def _report_dropped(self) -> None:
        """Log how much was dropped, once half of the queue is free again."""
        with self._changed:
            dropped = self.dropped - self._reported
            if not dropped or self._queued_bytes > self._limit // 2:
                return
            self._reported = self.dropped
        logger.error("dropped %d records that %s did not accept in time", dropped, self.name)


def count_dropped() -> int:
    """Return how many log records and other writes this process has dropped."""
    return sum(file.dropped for file in _files)


@contextmanager
def queued_output() -> Iterator[None]:
    """Keep standard output and standard error from blocking in this block and at the exit after it.

    At the end of the block, write the rest of what was logged and printed, for up to
    ``FLUSH_SECONDS``. From then on, each write does the same, since the process may end at any
    moment.
    """
    sys.stdout, output = _queue(sys.stdout, "standard output")
    sys.stderr, errors = _queue(sys.stderr, "standard error")
    try:
        yield
    finally:
        for file in filter(None, (output, errors)):
            file.finish(FLUSH_SECONDS)


def _queue(stream: TextIO, name: str) -> tuple[TextIO, QueuedFile | None]:
    try:
        stream.flush()
        file = QueuedFile(stream.fileno(), name)
    except (AttributeError, OSError):  # it is closed, or no file
        return stream, None
    text = io.TextIOWrapper(file, stream.encoding, "backslashreplace", line_buffering=True)
    return text, file
