"""The ``segments`` command and its server as processes of their own, as users run them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

SEGMENTS = Path(sys.executable).parent / "segments"


def environment(data_dir: Path, **settings: str) -> dict[str, str]:
    """The environment of a process that keeps its data in a directory."""
    return {**os.environ, "DATA_DIR": str(data_dir), "NO_COLOR": "1", "COLUMNS": "200", **settings}


def segments(
    data_dir: Path, *arguments: str, status: int = 0, program: Path = SEGMENTS, **settings: str
) -> str:
    """Run the command; its output, both streams."""
    done = subprocess.run(
        [program, *arguments],
        env=environment(data_dir, **settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == status, done.stdout
    assert "Traceback" not in done.stdout, done.stdout
    return done.stdout


def token(data_dir: Path, shop: str, scopes: str = "all", program: Path = SEGMENTS) -> str:
    """A new token of a shop."""
    arguments = ("token", "create", "--shop", shop, "--scopes", scopes)
    return segments(data_dir, *arguments, program=program).strip()


def peak(pid: int) -> int:
    """Bytes of memory that a process has had at most; 0 once it has ended."""
    _, _, found = Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")
    return int(found.split()[0]) * 1024 if found else 0


@dataclass
class Running:
    """A server process."""

    process: subprocess.Popen[str]
    address: str

    def post(self, token: str, query: str, variables: dict[str, Any]) -> Any:
        """The answer to an operation."""
        return httpx.post(
            f"{self.address}/graphql",
            json={"query": query, "variables": variables},
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
        ).json()

    def ask(self, token: str, query: str, **variables: Any) -> Any:
        """The data of an operation that must go well."""
        answer = self.post(token, query, variables)
        assert "errors" not in answer, answer
        return answer["data"]

    def errors(self, token: str, query: str, **variables: Any) -> list[dict[str, Any]]:
        """The errors of an operation that must not go well."""
        answer = self.post(token, query, variables)
        assert answer.get("errors"), answer
        found: list[dict[str, Any]] = answer["errors"]
        return found

    def stop(self, number: signal.Signals) -> tuple[int, str]:
        """Send a signal and wait; the exit status and the output."""
        self.process.send_signal(number)
        output, _ = self.process.communicate(timeout=30)
        return self.process.returncode, output


@contextmanager
def server(
    data_dir: Path, *arguments: str, program: Path = SEGMENTS, port: int = 0, **settings: str
) -> Iterator[Running]:
    """A server process, ready, on a free port unless one is named; killed if it still runs."""
    port = port or _free_port()
    process = subprocess.Popen(
        [program, *(arguments or ("serve",))],
        env=environment(data_dir, PORT=str(port), **settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(process, address)
        yield Running(process, address)
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


@contextmanager
def clickhouse(directory: Path) -> Iterator[str]:
    """A process that serves as a ClickHouse server; the URL of its default database."""
    port = _free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.clickhouse_server", str(directory), "--port", str(port)]
    )
    try:
        deadline = time.monotonic() + 60
        while not _answers(f"http://127.0.0.1:{port}/ping"):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield f"clickhousedb://127.0.0.1:{port}/default"
    finally:
        process.kill()
        process.wait()


def _answers(address: str) -> bool:
    try:
        return httpx.get(address).status_code == 200
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[str], address: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            assert process.stdout
            raise RuntimeError(f"the server ended: {process.stdout.read()}")
        try:
            if httpx.get(f"{address}/health").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise TimeoutError("the server is not ready after a minute")
