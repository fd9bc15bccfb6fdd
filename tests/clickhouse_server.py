"""ClickHouse's HTTP interface over the embedded engine, to test everything in front of the store.

The server supports what the driver and the store use: queries and inserts with settings,
parameters, formats and compression, errors with their codes, and passwords. Each request has its
own thread and connection, so that one request can stop another.

It serves the engine that the process has open, or runs as a separate process:
``python -m tests.clickhouse_server DIRECTORY``. With ``--cluster NAME`` the process behaves like a
cluster of that name with one shard and one replica. It has no keeper, so replicated tables are not
replicated, and ON CLUSTER statements only run on this node.
"""

import argparse
import re
import signal
import socket
import sys
import tempfile
import threading
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import chdb
from clickhouse_connect.driver.compression import _zstd_compress, _zstd_decompress

from tests.processes import Program

# Parameters of the address that are not settings.
TRANSPORT = {
    "buffer_size", "client_protocol_version", "database", "decompress", "default_format",
    "password", "query", "query_id", "quota_key", "role", "session_check", "session_id",
    "session_timeout", "user", "wait_end_of_query",
}  # fmt: skip
STATUS = {193: 401, 194: 401, 497: 403, 516: 403, 60: 404, 81: 404, 47: 400, 62: 400}
INSERT = re.compile(rb"(?is)\s*(INSERT\s+INTO\s+[^\n]*?)\s+FORMAT\s+(\w+)\s*(?:\n|$)")
# Clauses for which a cluster needs a keeper.
REPLICATED = re.compile(r"\bReplicated(\w*MergeTree)\('[^']*', '[^']*'(?:, )?")
ON_CLUSTER = re.compile(r" ON CLUSTER \w+")
CONFIG = """
<clickhouse>
  <tcp_port>9000</tcp_port>
  <remote_servers>
    <{name}><shard><replica><host>localhost</host><port>9000</port></replica></shard></{name}>
  </remote_servers>
</clickhouse>
"""
FORMAT = re.compile(r"(?i)\s+FORMAT\s+(\w+)\s*;?\s*$")


def quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


class Refused(Exception):
    """An error of the engine, worded as a server words it."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        code = re.search(r"Code: (\d+)", message)
        self.code = int(code[1]) if code else 1002


class ClickHouseServer(ThreadingHTTPServer):
    """A server of the engine with the data directory ``path``, on any free port of loopback.

    ``access`` has passwords by user; without it, none is needed.
    """

    request_queue_size = 128

    def __init__(
        self, path: Path | str, access: Mapping[str, str] | None = None, cluster: bool = False
    ) -> None:
        self.path = str(path)
        self.cluster = cluster
        self.access = dict(access or {})
        self._connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def url(self, database: str = "default", login: str = "") -> str:
        return f"clickhousedb://{login and login + '@'}127.0.0.1:{self.port}/{database}"

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect; other errors are sent as responses."""

    def drop(self) -> None:
        """Close all connections, like a server that dies."""
        for connection in [*self._connections]:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def execute(
        self, sql: str, fmt: str, settings: Mapping[str, str], params: Mapping[str, str], db: str
    ) -> bytes:
        """Return the result of a statement on its own connection, or raise ``Refused``."""
        if self.cluster:
            sql = ON_CLUSTER.sub("", REPLICATED.sub(r"\1(", sql))
        connection: Any = chdb.connect(self.path)
        try:
            if db:
                connection.query(f"USE `{db}`")
            if settings:
                listed = ", ".join(f"{name} = {quoted(value)}" for name, value in settings.items())
                connection.query(f"SET {listed}")
            found: bytes = connection.query(sql, fmt, params=dict(params)).bytes() or b""
            if not found and fmt == "Native" and re.match(r"(?i)\s*(SELECT|WITH)\b", sql):
                return _header(connection, FORMAT.sub("", sql), params)
        except RuntimeError as error:
            raise Refused(str(error)) from error
        else:
            return found
        finally:
            connection.close()


def _header(connection: Any, sql: str, params: Mapping[str, str]) -> bytes:
    """Return the empty block that a server sends for no rows; the engine sends nothing."""
    described = connection.query(f"DESCRIBE ({sql})", "TabSeparatedRaw", params=dict(params))
    columns = [line.split(b"\t")[:2] for line in described.bytes().splitlines()]
    block = bytes([len(columns), 0]) if len(columns) < 128 else b""
    for each in columns if block else ():
        for text in each:
            block += _length(len(text)) + text
    return block


def _length(number: int) -> bytes:
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # send the head and the body together
    disable_nagle_algorithm = True
    server: ClickHouseServer

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if urlsplit(self.path).path == "/ping":
            self._answer(200, b"Ok.\n")
        else:
            self.do_POST()

    def do_POST(self) -> None:
        body = self._body()
        given = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        try:
            self._authenticate(given)
            answer, fmt = self._run(given, body)
        except Refused as refused:
            code = {"X-ClickHouse-Exception-Code": str(refused.code)}
            words = f"{refused} (version 26.9.0.1 (official build))\n".encode()
            self._answer(STATUS.get(refused.code, 500), words, code)
            return
        head = {"X-ClickHouse-Format": fmt, "X-ClickHouse-Timezone": "UTC"}
        accepted = self.headers.get("Accept-Encoding", "")
        if given.get("enable_http_compression") == "1" and "zstd" in accepted:
            answer, head["Content-Encoding"] = _zstd_compress(answer), "zstd"
        self._answer(200, answer, head)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "") == "chunked":
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return _zstd_decompress(body) if self.headers.get("Content-Encoding") == "zstd" else body

    def _authenticate(self, given: Mapping[str, str]) -> None:
        _, _, basic = self.headers.get("Authorization", "").partition("Basic ")
        user, _, password = b64decode(basic).decode().partition(":")
        user, password = given.get("user", user or "default"), given.get("password", password)
        if self.server.access and self.server.access.get(user) != password:
            raise Refused(
                f"Code: 516. DB::Exception: {user}: Authentication failed: password is incorrect, "
                "or there is no user with such name. (AUTHENTICATION_FAILED)"
            )

    def _run(self, given: Mapping[str, str], body: bytes) -> tuple[bytes, str]:
        settings = {
            name: value
            for name, value in given.items()
            if name not in TRANSPORT and not name.startswith("param_")
        }
        params = {name[6:]: value for name, value in given.items() if name.startswith("param_")}
        db = given.get("database", "") or self.headers.get("X-ClickHouse-Database", "")
        query = given.get("query", "").encode()
        statement = query + b"\n" + body if query and body else query or body
        inserted = INSERT.match(statement)
        if inserted:
            into, form = inserted[1].decode(), inserted[2].decode()
            with tempfile.NamedTemporaryFile(suffix=".insert") as file:
                file.write(statement[inserted.end() :])
                file.flush()
                sql = f"{into} FROM INFILE {quoted(file.name)} FORMAT {form}"
                self.server.execute(sql, "TabSeparated", settings, params, db)
            return b"", "TabSeparated"
        sql = statement.decode()
        named = FORMAT.search(sql)
        fmt = named[1] if named else given.get("default_format", "TabSeparated")
        return self.server.execute(sql, fmt, settings, params, db), fmt

    def _answer(self, status: int, body: bytes, head: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (head or {}).items():
            self.send_header(name, value)
        # Chunked, like a server that does not know the length.
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for start in range(0, len(body), 65_536):
            piece = body[start : start + 65_536]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")


@contextmanager
def serving_clickhouse(
    path: Path | str, access: Mapping[str, str] | None = None, cluster: bool = False
) -> Iterator[ClickHouseServer]:
    """Serve the engine that this process has open, in threads."""
    with ClickHouseServer(path, access, cluster) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            server.drop()
            thread.join()


@contextmanager
def clickhouse_process(directory: Path, *options: str) -> Iterator[str]:
    """Start a server process, yield its host and port, and kill it at the end."""
    command = [sys.executable, "-m", "tests.clickhouse_server", str(directory), *options]
    with Program(command) as process:
        yield process.wait_for(r"listening on (\S+)\n")[1]


def main() -> None:
    """Serve this process's own engine until a signal stops it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--cluster", default="")
    given = parser.parse_args()
    path = str(given.directory.resolve())
    if given.cluster:
        config = given.directory.resolve().with_suffix(".xml")
        config.write_text(CONFIG.format(name=given.cluster))
        path += f"?config-file={config}"
    engine: Any = chdb.connect(path)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with serving_clickhouse(path, cluster=bool(given.cluster)) as server:
        print(f"listening on 127.0.0.1:{server.port}", flush=True)
        stop.wait()
    engine.close()


if __name__ == "__main__":
    main()
