"""A proxy on loopback that fails in the ways networks and other proxies fail."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# Responses of a proxy whose server is gone, and of one that requires signing in.
BAD_GATEWAY = (
    b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 20\r\n\r\n"
    b"<h1>bad gateway</h1>"
)
SIGN_IN = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 39\r\n\r\n"
    b"<!DOCTYPE html><title>Sign in</title>\r\n"
)


class Proxy:
    """A proxy whose attributes change how it treats the next data and connections.

    Attributes:
        silent: Whether to accept requests and never respond.
        answer: A response to send instead of the server's.
        cut: The number of bytes of a response after which the connection ends.
        reset: Whether a cut closes the connection abruptly for both sides, or like a normal end.
    """

    def __init__(self, port: int) -> None:
        self.target = port
        self.silent = False
        self.answer: bytes | None = None
        self.cut: int | None = None
        self.reset = True
        self._open: set[socket.socket] = set()
        self._reset: set[socket.socket] = set()
        self.port = 0
        self.accept()

    def refuse(self) -> None:
        """Close all connections and refuse new ones."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop()

    def accept(self) -> None:
        """Accept connections, again on the same port."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def drop(self) -> None:
        for each in [*self._open]:
            self._end(each, reset=True)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self._open.add(client)
        with (
            suppress(OSError),
            client,
            socket.create_connection(("127.0.0.1", self.target)) as server,
        ):
            back = threading.Thread(target=self._back, args=(server, client), daemon=True)
            back.start()
            try:
                while data := client.recv(65_536):
                    if self.answer is not None:
                        client.sendall(self.answer)  # the head may arrive in two pieces
                        client.shutdown(socket.SHUT_WR)
                        while client.recv(65_536):
                            pass
                    elif not self.silent:
                        server.sendall(data)
            finally:
                # Close the sockets once no thread uses them: a thread that is about to send would
                # send to the next connection, which gets the same descriptor.
                with suppress(OSError):
                    server.shutdown(socket.SHUT_RDWR)
                back.join()
        self._open.discard(client)
        self._reset.discard(client)

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        passed = 0
        with suppress(OSError):
            while data := server.recv(65_536):
                left = len(data) if self.cut is None else max(self.cut - passed, 0)
                client.sendall(data[:left])
                passed += left
                if left < len(data):
                    self._end(client, self.reset)
                    return
            if client not in self._reset:
                client.shutdown(socket.SHUT_RDWR)

    def _end(self, client: socket.socket, reset: bool) -> None:
        with suppress(OSError):
            if reset:
                # The thread that reads from the socket wakes up and closes it.
                self._reset.add(client)
                linger = struct.pack("ii", 1, 0)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                client.shutdown(socket.SHUT_RD)
            else:
                client.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxying(port: int) -> Iterator[Proxy]:
    proxy = Proxy(port)
    try:
        yield proxy
    finally:
        proxy.refuse()
