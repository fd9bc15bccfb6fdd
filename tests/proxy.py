"""A proxy on loopback that does to connections what networks and other proxies do."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# What a proxy answers whose server is gone, and one that wants people to sign in.
BAD_GATEWAY = (
    b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 20\r\n\r\n"
    b"<h1>bad gateway</h1>"
)
SIGN_IN = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 39\r\n\r\n"
    b"<!DOCTYPE html><title>Sign in</title>\r\n"
)


class Proxy:
    """Passes on what comes, until told otherwise; what is told holds for what comes next.

    Attributes:
        silent: Whether requests are taken and never answered.
        answer: What is answered in place of the server.
        cut: After how many bytes of an answer the connection ends.
        reset: Whether it ends at once and for both, or as if all had been said.
    """

    def __init__(self, port: int) -> None:
        self.target = port
        self.silent = False
        self.answer: bytes | None = None
        self.cut: int | None = None
        self.reset = True
        self._open: set[socket.socket] = set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def refuse(self) -> None:
        """Take no connections, and end those that are there."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.drop()

    def accept(self) -> None:
        """Take connections again."""
        self._listening = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def drop(self) -> None:
        """End the connections that are there."""
        for each in [*self._open]:
            _end(each, reset=True)

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self._open.add(client)
        try:
            with client, socket.create_connection(("127.0.0.1", self.target)) as server:
                back = threading.Thread(target=self._back, args=(server, client), daemon=True)
                back.start()
                while data := client.recv(65_536):
                    if self.answer is not None:
                        client.sendall(self.answer)  # to what may come in two pieces
                        client.shutdown(socket.SHUT_WR)
                        while client.recv(65_536):
                            pass
                    elif not self.silent:
                        server.sendall(data)
        except OSError:
            pass
        finally:
            self._open.discard(client)

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        passed = 0
        with suppress(OSError):
            while data := server.recv(65_536):
                left = len(data) if self.cut is None else max(self.cut - passed, 0)
                client.sendall(data[:left])
                passed += left
                if left < len(data):
                    _end(client, self.reset)
                    return
            client.shutdown(socket.SHUT_RDWR)


def _end(connection: socket.socket, reset: bool) -> None:
    with suppress(OSError):
        if reset:
            # The thread that reads from it wakes up, and closes it.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.shutdown(socket.SHUT_RD)
        else:
            connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxying(port: int) -> Iterator[Proxy]:
    """A proxy of a server on loopback."""
    proxy = Proxy(port)
    try:
        yield proxy
    finally:
        proxy.refuse()
