"""Processes that tests start, and the ports they listen on."""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

WAIT = 60  # seconds
POLL = 0.01  # seconds
LISTENING = "0A"  # the state in /proc/net/tcp


class Process:
    """A running process whose output goes to a file.

    Nothing has to read a file, so the process cannot block on a full pipe.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by ``running``
        self._popen = subprocess.Popen(
            command,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=self._file,
            stderr=subprocess.STDOUT,
        )
        self.pid = self._popen.pid

    @property
    def output(self) -> str:
        """Both streams, up to now."""
        size = os.fstat(self._file.fileno()).st_size
        return os.pread(self._file.fileno(), size, 0).decode()

    def has_ended(self) -> bool:
        """Tell whether the process has ended."""
        return self._popen.poll() is not None

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._popen.send_signal(number)

    def wait(self, seconds: float = WAIT) -> tuple[int, str]:
        """Wait for the end; return the exit status and the output."""
        try:
            status = self._popen.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"{seconds} seconds passed: {self.output}") from error
        return status, self.output

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until the output matches a pattern.

        Raises:
            RuntimeError: The process ended without that.
            TimeoutError: A minute passed.
        """
        deadline = time.monotonic() + WAIT
        while True:
            ended = self.has_ended()
            if found := re.search(pattern, self.output):
                return found
            self.check(ended, deadline)
            time.sleep(POLL)

    def wait_for_port(self) -> int:
        """Wait until the process listens on a port, and return the port.

        Raises:
            RuntimeError: The process ended before that.
            TimeoutError: A minute passed.
        """
        deadline = time.monotonic() + WAIT
        while True:
            ended = self.has_ended()
            if (port := _listening_port(self.pid)) is not None:
                return port
            self.check(ended, deadline)
            time.sleep(POLL)

    def check(self, ended: bool, deadline: float) -> None:
        """Raise an error with the output if the process has ended, or the deadline has passed."""
        if ended:
            raise RuntimeError(f"the process ended: {self.output}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited in vain: {self.output}")

    def kill(self) -> None:
        """Kill the process if it still runs, and forget its output."""
        self._popen.kill()
        self._popen.wait()
        self._file.close()


@contextmanager
def running(
    command: Sequence[str | Path], env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Iterator[Process]:
    """Start a process, and kill it at the end if it still runs."""
    process = Process(command, env, cwd)
    try:
        yield process
    finally:
        process.kill()


def _listening_port(pid: int) -> int | None:
    """Return the TCP port that a process listens on, if it does."""
    sockets = set()
    with suppress(OSError):  # the process, or one of its files, may be gone
        for file in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                sockets.add(os.readlink(file))
        for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
            _, address, _, state, *_, inode = line.split()[:10]
            if state == LISTENING and f"socket:[{inode}]" in sockets:
                return int(address.rpartition(":")[2], 16)
    return None


def free_port() -> int:
    """Return a port that nothing listens on and that the system gives to no connection.

    A server that restarts finds the port free again; a port from the system's own range could have
    become that of a client's connection meanwhile.
    """
    first_of_the_system = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(10_000, first_of_the_system)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
