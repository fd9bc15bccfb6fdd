"""Backups by the process that has the embedded audience open, for a command that cannot open it.

The server listens on a socket in DATA_DIR, which its own user alone may connect to. A command sends
a line of JSON with the directory, and gets lines of how far it is, then one of the end.
"""

from __future__ import annotations

import json
import logging
import select
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import StreamRequestHandler, UnixStreamServer
from typing import Any

from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.backup.archive import BackupError, Manifest, Progress
from graphql_app.backup.create import create_backup
from graphql_app.catalog.store import Catalog
from graphql_app.errors import AppError
from graphql_app.observability.logs import log_unexpected

logger = logging.getLogger(__name__)

SOCKET = "backup.sock"


class _AbandonedError(Exception):
    """Nobody waits for the backup any more, or the server stops."""


class _Server(UnixStreamServer):
    """Takes one backup after another."""

    def __init__(
        self, path: Path, catalog: Catalog, audience: Audience, recorder: Recorder
    ) -> None:
        super().__init__(str(path), _Handler, bind_and_activate=False)
        self.stores = (catalog, audience, recorder)
        self.ending = threading.Event()
        path.unlink(missing_ok=True)  # of a process that was killed; the store is ours alone
        try:
            self.server_bind()
            path.chmod(0o600)
            self.server_activate()
        except BaseException:
            self.server_close()
            raise


class _Handler(StreamRequestHandler):
    """A command that wants a backup."""

    server: _Server
    timeout = 10  # seconds for which it may be silent when it is its turn

    def handle(self) -> None:
        """Take it."""
        with suppress(_AbandonedError):
            self._send(**self._done())

    def _done(self) -> Mapping[str, object]:
        """What came of it."""
        try:
            path = Path(json.loads(self.rfile.readline())["directory"])
        except (OSError, ValueError, KeyError, TypeError):
            return {"error": "This is no request for a backup."}
        try:
            manifest = create_backup(path, *self.server.stores, self._progress())
        except _AbandonedError:
            raise
        except AppError as error:
            return {"error": str(error)}
        except Exception as error:
            return {"error": str(log_unexpected(error))}
        logger.info("a backup was written to %s", path)
        return {"manifest": manifest.model_dump(mode="json")}

    def _progress(self) -> Progress:
        told: tuple[object, ...] = ()
        hanging_up = select.poll()
        hanging_up.register(self.connection, 0)

        def tell(*now: object) -> None:
            nonlocal told
            if self.server.ending.is_set() or hanging_up.poll(0):
                raise _AbandonedError
            if now != told:
                told = now
                self._send(progress=now)

        return tell

    def _send(self, **message: object) -> None:
        try:
            self.wfile.write(json.dumps(message).encode() + b"\n")
        except OSError:
            raise _AbandonedError from None


@contextmanager
def serve_backups(
    data_dir: Path, catalog: Catalog, audience: Audience, recorder: Recorder
) -> Iterator[None]:
    """Take backups for commands that ask for them, in a thread."""
    path = data_dir.resolve() / SOCKET
    try:
        server = _Server(path, catalog, audience, recorder)
    except OSError as error:
        logger.warning("no backups while this server runs: %s: %s", path, error)
        yield
        return
    thread = threading.Thread(target=server.serve_forever, name="backups")
    thread.start()
    try:
        yield
    finally:
        server.ending.set()
        server.shutdown()
        thread.join()
        server.server_close()
        path.unlink(missing_ok=True)


def request_backup(data_dir: Path, directory: Path, progress: Progress) -> Manifest | None:
    """Have the server that has the store open take a backup; ``None`` if there is none.

    Raises:
        BackupError: It could not be taken.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(str(data_dir.resolve() / SOCKET))
        except OSError:
            return None
        for message in _answers(connection, directory):
            if "progress" in message:
                progress(*message["progress"])
            elif "error" in message:
                raise BackupError(message["error"])
            else:
                return Manifest.model_validate(message["manifest"])
    raise BackupError("The server stopped before the backup was whole; nothing is left of it.")


def _answers(connection: socket.socket, directory: Path) -> Iterator[Mapping[str, Any]]:
    """What the server says of a backup until it has done it, or stops."""
    with suppress(OSError), connection.makefile("rb") as lines:
        request = json.dumps({"directory": str(directory.absolute())})
        connection.sendall(request.encode() + b"\n")
        for line in lines:
            if line.endswith(b"\n"):  # it may stop in the middle of one
                yield json.loads(line)
