"""Run the ``segments`` command and its server in processes, as users do."""

import json
import os
import resource
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.clickhouse_server import clickhouse_process
from tests.client import HTTP, NO_KEEPALIVE, GraphQLClient, open_http
from tests.e2e import preloaded
from tests.installed import run
from tests.processes import Process, Program

SEGMENTS = Path(sys.executable).parent / "segments"


def environment(data_dir: Path, **settings: str) -> dict[str, str]:
    return {**os.environ, "DATA_DIR": str(data_dir), **preloaded.PRINTING, **settings}


def segments(
    data_dir: Path, *arguments: str, status: int = 0, program: Path | None = None, **settings: str
) -> str:
    """Run the command; return its output, both streams."""
    with start(data_dir, *arguments, program=program, **settings) as process:
        ended, output = process.wait(120)
    assert ended == status, output
    assert "Traceback" not in output, output
    return output


RUN_EACH = """
import json, sys
from graphql_app.cli import main

for arguments in json.loads(sys.argv[1]):
    sys.argv = ["segments", *arguments]
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise
"""


def run_commands(data_dir: Path, program: Path, *commands: Sequence[str]) -> str:
    """Run several commands of a program in one process; return their output, both streams."""
    python = program.with_name("python")
    return run(python, "-c", RUN_EACH, json.dumps(commands), env=environment(data_dir))


def start(data_dir: Path, *arguments: str, program: Path | None = None, **settings: str) -> Process:
    """Start the command: a program if one is named, else a process that has it imported."""
    env = environment(data_dir, **settings)
    return Program([program, *arguments], env) if program else preloaded.start(arguments, env)


def token(data_dir: Path, shop: str, scopes: str = "all", program: Path | None = None) -> str:
    arguments = ("token", "create", "--shop", shop, "--scopes", scopes)
    return segments(data_dir, *arguments, program=program).strip()


def resident(pid: int) -> int:
    """Return the memory of a process in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def peak(pid: int) -> int:
    """Return a process's peak memory in bytes, or 0 after it has exited."""
    _, _, found = Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")
    return int(found.split()[0]) * 1024 if found else 0


@dataclass
class Running:
    """A server process."""

    process: Process
    address: str
    http: httpx.Client

    def client(self, token: str) -> GraphQLClient:
        return GraphQLClient(self.address, token, self.http)

    def stop(self, number: signal.Signals) -> tuple[int, str]:
        """Send a signal and wait for the end; return the exit status and the output."""
        self.process.send_signal(number)
        return self.process.wait()


@contextmanager
def server(
    data_dir: Path, *arguments: str, program: Path | None = None, port: int = 0, **settings: str
) -> Iterator[Running]:
    """Start a server, on any port by default, and wait until it answers; kill it at the end."""
    arguments = arguments or ("serve",)
    with (
        start(data_dir, *arguments, program=program, PORT=str(port), **settings) as process,
        wait_until_ready(process) as running,
    ):
        yield running


@contextmanager
def wait_until_ready(process: Process) -> Iterator[Running]:
    """Wait until a server answers; yield it."""
    # With a connection for each request, all workers of a server get requests.
    with open_http(limits=NO_KEEPALIVE) as http:
        address = f"http://127.0.0.1:{process.wait_for_port()}"
        process.poll(lambda: _is_healthy(address) or None)
        yield Running(process, address, http)


@contextmanager
def clickhouse(directory: Path) -> Iterator[str]:
    """Start a process that serves as a ClickHouse server; yield the URL of its database."""
    with clickhouse_process(directory) as address:
        yield f"clickhousedb://{address}/default"


def _is_healthy(address: str) -> bool:
    try:
        return HTTP.get(f"{address}/health").status_code == 200
    except httpx.TransportError:
        return False
