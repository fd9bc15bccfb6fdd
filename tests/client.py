"""A GraphQL client over HTTP and WebSocket."""

import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ssl import PROTOCOL_TLS_CLIENT, SSLContext
from typing import Any

import httpx
from websockets import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.processes import WAIT

SIZE = """
query ($rule: RuleInput!) {
  segmentSize(rule: $rule) {
    members textable contacts share asOf parts { path summary members }
  }
}
"""
FORGET = """
mutation ($ids: [ID!]!) { contactsForget(ids: $ids) { recorded userErrors { code } } }
"""
MERGE = """
mutation ($id: ID!, $into: ID!) {
  contactsMerge(from: $id, into: $into) { recorded userErrors { code message path } }
}
"""

# The arguments of the mutations that record facts, and the types of their items.
FACT_INPUTS = {
    "contacts": "ContactInput",
    "orders": "OrderInput",
    "products": "ProductInput",
    "texts": "TextInput",
    "keywords": "KeywordInput",
    "events": "EventInput",
}


def argument(mutation: str) -> str:
    """Return the name of the argument with which a mutation takes facts."""
    return next(name for name in FACT_INPUTS if mutation.startswith(name))


def record_mutation(
    mutation: str, fields: str = "recorded userErrors { code message path }"
) -> str:
    """Return an operation that records ``$items``."""
    name = argument(mutation)
    return f"""
    mutation ($items: [{FACT_INPUTS[name]}!]!) {{ {mutation}({name}: $items) {{ {fields} }} }}
    """


NO_KEEPALIVE = httpx.Limits(max_keepalive_connections=0)


def open_http(**options: Any) -> httpx.Client:
    """Open an HTTP client that loads no certificates, which would take 20 ms of CPU time."""
    return httpx.Client(verify=SSLContext(PROTOCOL_TLS_CLIENT), timeout=WAIT, **options)


HTTP = open_http(limits=NO_KEEPALIVE)  # for single requests


def authorization(token: str) -> dict[str, str]:
    """Return the header that sends a token."""
    return {"Authorization": f"Bearer {token}"}


def init_message(token: str) -> dict[str, Any]:
    """Return the message that sends a token over a WebSocket."""
    return {"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}


@dataclass
class GraphQLClient:
    """A client of a server, with a token."""

    address: str
    token: str
    http: httpx.Client = field(repr=False)

    def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **options: Any
    ) -> httpx.Response:
        headers = {**authorization(self.token), **(headers or {})}
        return self.http.request(method, f"{self.address}{path}", headers=headers, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(
        self, query: str, variables: Mapping[str, Any] | None = None, **more: Any
    ) -> httpx.Response:
        """Send an operation, with more members of the body such as ``operationName``."""
        body = {"query": query, "variables": dict(variables or {}), **more}
        return self.request("POST", "/graphql", json=body)

    def ask(self, query: str, **variables: Any) -> Any:
        """Return the data of an operation that must succeed."""
        response = self.post(query, variables)
        answer = response.json()
        assert response.status_code == 200, answer
        assert "errors" not in answer, answer
        return answer["data"]

    def errors(self, query: str, **variables: Any) -> list[dict[str, Any]]:
        """Return the errors of an operation that must fail."""
        answer = self.post(query, variables).json()
        assert answer.get("errors"), answer
        found: list[dict[str, Any]] = answer["errors"]
        return found

    def size(self, rule: Mapping[str, Any]) -> Any:
        return self.ask(SIZE, rule=rule)["segmentSize"]

    def members(self, rule: Mapping[str, Any]) -> int:
        count: int = self.size(rule)["members"]
        return count

    def members_each(self, rules: Sequence[Mapping[str, Any]]) -> list[int]:
        """Return how many contacts match each rule; the rules are sent as parts of one."""
        found = {
            tuple(part["path"]): part["members"] for part in self.size({"any": rules})["parts"]
        }
        return [found["rule", "any", str(number)] for number in range(len(rules))]

    def record(self, mutation: str, items: Sequence[Mapping[str, Any]]) -> None:
        """Record facts; fail if one is invalid."""
        payload = self.try_record(mutation, items)
        assert payload == {"recorded": len(items), "userErrors": []}

    def try_record(self, mutation: str, items: Sequence[Mapping[str, Any]]) -> Any:
        return self.ask(record_mutation(mutation), items=list(items))[mutation]

    def merge(self, id: str, into: str) -> None:
        assert self.ask(MERGE, id=id, into=into)["contactsMerge"]["userErrors"] == []

    def forget(self, *ids: str) -> None:
        assert self.ask(FORGET, ids=list(ids))["contactsForget"]["userErrors"] == []


def connect_tcp(address: str) -> socket.socket:
    host, _, port = address.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=WAIT)


def read_to_end(connection: socket.socket) -> bytes:
    """Read until the server closes the connection."""
    return b"".join(iter(lambda: connection.recv(65_536), b""))


class Stream:
    """A client's WebSocket connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def send(self, type: str, **message: Any) -> None:
        self.socket.send(json.dumps({"type": type, **message}))

    def receive(self) -> Any:
        return json.loads(self.socket.recv(WAIT))

    def send_token(self, token: str) -> None:
        self.send(**init_message(token))

    def init(self, token: str) -> None:
        """Send a token, which the server must accept."""
        self.send_token(token)
        assert self.receive() == {"type": "connection_ack"}

    def subscribe(self, query: str, id: str = "1", **variables: Any) -> None:
        self.send("subscribe", id=id, payload={"query": query, "variables": variables})

    def next(self, id: str = "1") -> Any:
        """Return the data of the next message, which must have no errors."""
        message = self.receive()
        assert (message["type"], message["id"]) == ("next", id), message
        assert "errors" not in message["payload"], message
        return message["payload"]["data"]

    def closed(self) -> tuple[int | None, str | None]:
        """Wait until the server closes without another message; return the code and reason."""
        with suppress(ConnectionClosed):
            raise AssertionError(self.socket.recv(WAIT))
        return self.socket.close_code, self.socket.close_reason


@contextmanager
def streaming(address: str, **options: Any) -> Iterator[Stream]:
    address = f"{address.replace('http', 'ws', 1)}/graphql"
    options = {"subprotocols": ["graphql-transport-ws"], "open_timeout": WAIT, **options}
    with connect(address, **options) as socket:
        yield Stream(socket)


@contextmanager
def connected(client: GraphQLClient) -> Iterator[Stream]:
    """Open a WebSocket and authenticate."""
    with streaming(client.address) as stream:
        stream.init(client.token)
        yield stream
