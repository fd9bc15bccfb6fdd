"""GET /segments/{id}/members.csv: exports are complete or visibly not, at the client's pace."""

import csv
import io
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from importlib.metadata import entry_points
from urllib.parse import unquote, urlsplit

import httpx
import numpy as np
import pyarrow as pa
import pytest

from graphql_app.audience.facts import CONTACTS
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.criteria.hooks import ENTRY_POINT_GROUP
from graphql_app.http.exports import MAX_EXPORTS
from graphql_app.plugin_discovery import register
from graphql_app.plugins import HOST, Plugin
from graphql_app.settings import Settings
from tests.fact_tables import checked
from tests.factories import contact, contacts
from tests.http.live import revoke
from tests.plugins import moody
from tests.processes import WAIT, wait_until
from tests.schema.operations import EVERYONE, create
from tests.support import Client, Server, serving

MANY = 50_000
WIDTH = 500  # bytes of a contact, so that all of them exceed the sockets' buffers


def fetch(shop: Client, segment: str, file: str = "members.csv", **query: str) -> httpx.Response:
    return shop.get(f"/segments/{segment}/{file}", params=query)


def ids(text: str) -> list[int]:
    """Return the first column of a CSV file."""
    return [int(row["id"]) for row in csv.DictReader(io.StringIO(text, newline=""))]


def record_many(server: Server, shop: Client) -> None:
    """Record 50,000 contacts."""
    numbers = np.arange(1, MANY + 1)
    columns = {
        "id": pa.array(numbers, pa.uint64()),
        "phone": pa.array(numbers.astype(str)),
        "properties": ['{"text":"' + "x" * WIDTH + '"}'] * MANY,
    }
    server.services.recorder.record(shop.shop_id, CONTACTS, checked(CONTACTS, columns))


@pytest.fixture(scope="module")
def crowd(server: Server) -> Client:
    """Create a shop with 50,000 wide contacts, which tests do not change."""
    shop = server.shop()
    record_many(server, shop)
    return shop


class Slow:
    """A client that reads only as much as a test asks for."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.received = bytearray()

    def read_until(self, text: bytes) -> None:
        while text not in self.received:
            chunk = self._connection.recv(4096)
            assert chunk, self.received[-300:]
            self.received += chunk

    def read_to_end(self) -> bytes:
        """Read until the server closes the connection, and return all that was received."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        while chunk := self._connection.recv(1 << 20):
            self.received += chunk
        return bytes(self.received)


@contextmanager
def slow(shop: Client, segment: str) -> Iterator[Slow]:
    """Request an export with small buffers."""
    url = urlsplit(shop.address)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        connection.settimeout(WAIT)
        connection.connect((url.hostname, url.port))
        connection.sendall(
            f"GET /segments/{segment}/members.csv HTTP/1.1\r\nHost: {url.netloc}\r\n"
            f"Authorization: Bearer {shop.token}\r\nConnection: close\r\n\r\n".encode()
        )
        yield Slow(connection)


def test_an_export_contains_exactly_the_members(shop: Client) -> None:
    shop.record(
        "contactsUpsert",
        [contact(number, tags=["in"] if number % 2 else []) for number in range(1, 10)],
    )
    rule = {"tag": {"operator": "ANY_OF", "tags": ["in"]}}
    segment = create(shop, "Ünïque: a/b", rule)["id"]
    response = fetch(shop, segment)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert response.headers["cache-control"] == "no-store"
    kind, plain, exact = response.headers["content-disposition"].split("; ")
    assert (kind, plain) == ("attachment", 'filename="Unique_ a_b.csv"')
    assert unquote(exact) == "filename*=UTF-8''Ünïque_ a_b.csv"
    assert ids(response.text) == [1, 3, 5, 7, 9]
    lines = fetch(shop, segment, "members.ndjson").text.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["1", "3", "5", "7", "9"]


def test_an_empty_segment_is_a_header(shop: Client) -> None:
    segment = create(shop, "Nobody", EVERYONE)["id"]
    text = fetch(shop, segment).text
    assert text.startswith("id,phone,")
    assert ids(text) == []
    assert fetch(shop, segment, "members.ndjson").text == ""


def test_an_interrupted_export_can_be_resumed(crowd: Client) -> None:
    segment = create(crowd, "Cut", {"all": []})["id"]
    whole = fetch(crowd, segment).text
    assert ids(whole) == [*range(1, MANY + 1)]
    interrupted = whole[: whole.index("\r\n33333,") + 700]
    kept = interrupted[: interrupted.rindex("\r\n") + 2]
    rest = fetch(crowd, segment, after=str(ids(kept)[-1]), header="absent")
    assert rest.headers["content-type"].endswith("header=absent")
    assert kept + rest.text == whole


def test_an_export_with_text_ids_can_be_resumed_after_each(server: Server) -> None:
    shop = server.shop()
    shop.record("contactsUpsert", contacts("7", "0x1F", "01J9Z8", "=1+1", "a,b", '"', "#é"))
    segment = create(shop, "All", EVERYONE)["id"]
    whole = fetch(shop, segment).text
    found = [row[0] for row in csv.reader(whole.splitlines())][1:]
    assert {*found} == {"7", "0x1F", "01J9Z8", "'=1+1", "a,b", '"', "#é"}
    for number, id in enumerate(found):
        rest = fetch(shop, segment, after=id, header="absent").text
        assert [row[0] for row in csv.reader(rest.splitlines())] == found[number + 1 :], id
    refused = fetch(shop, segment, after="nobody")
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["extensions"] == {"code": "INVALID"}


def test_pages_are_read_as_the_client_reads_them(server: Server) -> None:
    shop = server.shop()
    record_many(server, shop)
    segment = create(shop, "All", EVERYONE)["id"]
    with slow(shop, segment) as client:
        client.read_until(b"\r\n10,")
        assert shop.members(EVERYONE) == MANY
        # If the server had read these pages already, the export would contain these contacts.
        shop.forget(*(str(number) for number in range(20_001, 20_101)), str(MANY))
        text = client.read_to_end()
    assert text.endswith(b"\r\n0\r\n\r\n")
    assert b"\n20000," in text
    assert b"\n20001," not in text
    assert b"\n20101," in text
    assert b"\n50000," not in text


def test_slow_clients_block_nobody_and_are_limited(crowd: Client) -> None:
    segment = create(crowd, "Slow", EVERYONE)["id"]
    with ExitStack() as stack:
        for _ in range(MAX_EXPORTS):
            stack.enter_context(slow(crowd, segment)).read_until(b"\r\n10,")
        assert crowd.members(EVERYONE) == MANY
        response = fetch(crowd, segment)
        assert response.status_code == 429
        assert int(response.headers["retry-after"]) > 0
        assert response.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
    # The closed exports make room.
    wait_until(lambda: fetch(crowd, segment, after="49990").status_code != 429)
    assert ids(fetch(crowd, segment, after="49990").text) == [*range(49_991, MANY + 1)]


def test_an_export_that_fails_midway_does_not_look_complete(
    server: Server, settings: Settings
) -> None:
    ours = {Plugin(p.name, HOST, ""): p.load() for p in entry_points(group=ENTRY_POINT_GROUP)}
    registry = register({**ours, Plugin("moody", "moody-criteria", "1.0"): moody})
    services = replace(server.services, registry=registry)
    made = server.shop()
    record_many(server, made)
    with serving(services, settings) as address:
        shop = replace(server, address=address, services=services).client(made.shop)
        rule = {"moodySql": {"operator": "IS", "count": 1}}
        segment = create(shop, "Moody", rule)["id"]
        with slow(shop, segment) as client:
            client.read_until(b"\r\n10,")
            shop.record("contactsUpsert", contacts(MANY, phone="no number"))
            text = client.read_to_end()
        assert text.startswith(b"HTTP/1.1 200 OK")
        assert not text.endswith(b"\r\n0\r\n\r\n")
        response = fetch(shop, segment)  # a failure before the first page has a status
        assert response.status_code == 422
        assert response.json()["errors"][0]["extensions"]["code"] == "CRITERION_FAILED"


def test_an_export_ends_with_its_token(server: Server, crowd: Client) -> None:
    segment = create(crowd, "Revoked", EVERYONE)["id"]
    client = server.client(crowd.shop)
    with slow(client, segment) as reader:
        reader.read_until(b"\r\n10,")
        revoke(server, client)
        text = reader.read_to_end()
    assert b"\n50000," not in text
    assert not text.endswith(b"\r\n0\r\n\r\n")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("SEGMENT/members.xml", 404, "NOT_FOUND"),
        ("SEGMENT/members.parquet", 404, "NOT_FOUND"),
        ("nonsense/members.csv", 400, "INVALID"),
        ("SEGMENT/members.csv?after=-1", 400, "INVALID"),
        ("SEGMENT/members.csv?after=18446744073709551616", 400, "INVALID"),
        ("SEGMENT/members.csv?after=%D9%A1", 400, "INVALID"),
        ("SEGMENT/members.csv?header=no", 400, "INVALID"),
        ("SEGMENT/members.csv?after=1&after=2", 400, "INVALID"),
        ("SEGMENT/members.csv?aftr=5", 400, "INVALID"),
    ],
)
def test_an_invalid_export_request_is_a_coded_error(
    shop: Client, path: str, status: int, code: str
) -> None:
    segment = create(shop, "Mine", EVERYONE)["id"]
    response = shop.get(f"/segments/{path.replace('SEGMENT', segment)}")
    assert response.status_code == status
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == code
    assert error["message"]


def test_an_unknown_parameter_is_reported_with_the_known_ones(shop: Client) -> None:
    segment = create(shop, "Mine", EVERYONE)["id"]
    (error,) = fetch(shop, segment, aftr="5").json()["errors"]
    assert error["message"] == "Unknown parameter 'aftr'; the parameters are after and header."


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(shop: Client, method: str) -> None:
    segment = create(shop, "Mine", EVERYONE)["id"]
    response = shop.request(method, f"/segments/{segment}/members.csv")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, HEAD"
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


def test_an_export_needs_a_token_with_both_scopes(server: Server, shop: Client) -> None:
    segment = create(shop, "Mine", EVERYONE)["id"]
    needed = {TokenScope.SEGMENTS_READ, TokenScope.CONTACTS_READ}
    assert fetch(server.client(shop.shop, [*needed]), segment).status_code == 200
    for scope in needed:
        response = fetch(server.client(shop.shop, [*{*TokenScope} - {scope}]), segment)
        assert response.status_code == 403
        assert response.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    response = fetch(replace(shop, token=shop.token[:-1]), segment)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"


def test_head_returns_the_headers(shop: Client) -> None:
    segment = create(shop, "Mine", EVERYONE)["id"]
    response = shop.request("HEAD", f"/segments/{segment}/members.csv")
    assert response.status_code == 200
    assert response.headers["content-disposition"].startswith("attachment")
    assert response.content == b""
