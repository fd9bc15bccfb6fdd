"""Processes that tests start, and the ports they listen on."""

import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing.context import ForkServerContext
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any, Self, TypeVar

Answer = TypeVar("Answer")

WAIT = 60  # seconds
POLL = 0.03  # seconds
LISTENING = "0A"  # the state in /proc/net/tcp


def wait_until(condition: Callable[[], bool], seconds: float = WAIT) -> None:
    """Wait until a condition holds, but no longer than ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(POLL)


class Process(ABC):
    """A process whose output goes to a file, which is never full, as a pipe may be."""

    pid: int

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by ``kill``

    @abstractmethod
    def status(self, seconds: float = 0) -> int | None:
        """Wait for the end; return the exit status, or ``None`` if the process still runs."""

    @property
    def output(self) -> str:
        """Return both streams, up to now."""
        size = os.fstat(self._file.fileno()).st_size
        return os.pread(self._file.fileno(), size, 0).decode()

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, unless the process has ended."""
        if self.status() is None:
            os.kill(self.pid, number)

    def wait(self, seconds: float = WAIT) -> tuple[int, str]:
        """Wait for the end; return the exit status and the output, or raise ``TimeoutError``."""
        status = self.status(seconds)
        if status is None:
            raise TimeoutError(f"{seconds} seconds passed: {self.output}")
        return status, self.output

    def wait_for(self, pattern: str) -> re.Match[str]:
        return self.poll(lambda: re.search(pattern, self.output))

    def wait_for_port(self) -> int:
        return self.poll(lambda: _listening_port(self.pid))

    def poll(self, ask: Callable[[], Answer | None]) -> Answer:
        """Ask until the answer is not ``None``.

        Raises:
            RuntimeError: The process ended without an answer.
            TimeoutError: ``WAIT`` seconds passed.
        """
        deadline = time.monotonic() + WAIT
        while True:
            status = self.status()  # before asking, so that the last output counts
            if (answer := ask()) is not None:
                return answer
            if status is not None:
                raise RuntimeError(f"the process ended with status {status}: {self.output}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"no answer within {WAIT} seconds: {self.output}")
            time.sleep(POLL)

    def kill(self) -> None:
        """Kill the process if it still runs, and forget its output."""
        self.send_signal(signal.SIGKILL)
        self.wait()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


class Program(Process):
    """A command in a process. Its output may go elsewhere, such as to a pipe."""

    def __init__(
        self,
        command: Sequence[str | Path],
        env: Mapping[str, str] | None = None,
        output: int | None = None,
    ) -> None:
        super().__init__()
        self._popen = subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=self._file if output is None else output,
            stderr=subprocess.STDOUT,
        )
        self.pid = self._popen.pid

    def status(self, seconds: float = 0) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            return self._popen.wait(seconds)
        return None


class Fork(Process):
    """A function in a fork of a server process, which has imported what the function needs."""

    def __init__(self, context: ForkServerContext, run: Callable[..., object], *args: Any) -> None:
        super().__init__()
        output = DupFd(self._file.fileno())
        self._process = context.Process(target=_run_with_output, args=(output, run, args))
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def status(self, seconds: float = 0) -> int | None:
        self._process.join(seconds)
        return self._process.exitcode


def _run_with_output(output: Any, run: Callable[..., object], args: Sequence[Any]) -> None:
    file = output.detach()
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    # A worker process inherits this number, and not that of the null device.
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  # for as long as the process runs
    run(*args)


def _listening_port(pid: int) -> int | None:
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
    """Return a free port that stays free for a restart: the system gives it to no connection."""
    first_of_the_system = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(10_000, first_of_the_system)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
