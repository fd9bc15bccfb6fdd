"""Let ``segments backup`` have a running server create a backup.

Only one process can open the embedded audience. That process listens on a socket in DATA_DIR, to
which only its own user can connect. The client sends the directory as a line of JSON; the server
replies with lines of progress, then a line with the manifest or an error.
"""

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


class _CancelledError(Exception):
    """The client has disconnected, or the server is stopping."""


class _Server(UnixStreamServer):
    """A server that creates one backup at a time."""

    def __init__(
        self, path: Path, catalog: Catalog, audience: Audience, recorder: Recorder
    ) -> None:
        super().__init__(str(path), _Handler, bind_and_activate=False)
        self.stores = (catalog, audience, recorder)
        self.stopping = threading.Event()
        # A socket left by a killed process: only this process has the audience open.
        path.unlink(missing_ok=True)
        try:
            self.server_bind()
            path.chmod(0o600)
            self.server_activate()
        except BaseException:
            self.server_close()
            raise


class _Handler(StreamRequestHandler):
    server: _Server
    timeout = 10  # seconds to wait for the request

    def handle(self) -> None:
        with suppress(_CancelledError):
            self._send(**self._create_backup())

    def _create_backup(self) -> Mapping[str, object]:
        try:
            path = Path(json.loads(self.rfile.readline())["directory"])
        except (OSError, ValueError, KeyError, TypeError):
            return {"error": "This is not a request for a backup."}
        try:
            manifest = create_backup(path, *self.server.stores, self._progress_sender())
        except _CancelledError:
            raise
        except AppError as error:
            return {"error": str(error)}
        except Exception as error:
            return {"error": str(log_unexpected(error))}
        logger.info("created a backup in %s", path)
        return {"manifest": manifest.model_dump(mode="json")}

    def _progress_sender(self) -> Progress:
        last: tuple[object, ...] = ()
        hang_up = select.poll()
        hang_up.register(self.connection, 0)

        def send(*progress: object) -> None:
            nonlocal last
            if self.server.stopping.is_set() or hang_up.poll(0):
                raise _CancelledError
            if progress != last:
                last = progress
                self._send(progress=progress)

        return send

    def _send(self, **message: object) -> None:
        try:
            self.wfile.write(json.dumps(message).encode() + b"\n")
        except OSError:
            raise _CancelledError from None


@contextmanager
def serve_backups(
    data_dir: Path, catalog: Catalog, audience: Audience, recorder: Recorder
) -> Iterator[None]:
    """Run the backup server in a thread, or log a warning if the socket cannot be created."""
    path = data_dir.resolve() / SOCKET
    try:
        server = _Server(path, catalog, audience, recorder)
    except OSError as error:
        logger.warning("no backups while this server runs: cannot listen on %s: %s", path, error)
        yield
        return
    thread = threading.Thread(target=server.serve_forever, name="backups")
    thread.start()
    try:
        yield
    finally:
        server.stopping.set()
        server.shutdown()
        thread.join()
        server.server_close()
        path.unlink(missing_ok=True)


def request_backup(data_dir: Path, directory: Path, progress: Progress) -> Manifest | None:
    """Have the running server create a backup; return ``None`` if no server is running.

    Raises:
        BackupError: The backup could not be created.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(str(data_dir.resolve() / SOCKET))
        except OSError:
            return None
        for message in _exchange(connection, directory):
            if "progress" in message:
                progress(*message["progress"])
            elif "error" in message:
                raise BackupError(message["error"])
            else:
                return Manifest.model_validate(message["manifest"])
    raise BackupError(
        "The server stopped before the backup was complete, and deleted it: create it again."
    )


def _exchange(connection: socket.socket, directory: Path) -> Iterator[Mapping[str, Any]]:
    """Send the request and yield the server's messages until it closes the connection."""
    with suppress(OSError), connection.makefile("rb") as lines:
        request = json.dumps({"directory": str(directory.absolute())})
        connection.sendall(request.encode() + b"\n")
        for line in lines:
            if line.endswith(b"\n"):  # a stopping server may send half a line
                yield json.loads(line)
