"""A real server on a real port, and clients of its shops."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx
import uvicorn
from websockets import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from graphql_app.catalog.tables import Shop
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.catalog.tokens import create_token
from graphql_app.http.app import create_app
from graphql_app.runtime.services import Services
from graphql_app.segments.default_segments import create_shop
from graphql_app.server.http_protocol import LimitedHttpProtocol
from graphql_app.server.websocket_protocol import LimitedWebSocketProtocol
from graphql_app.settings import Settings
from tests import processes

WAIT = processes.WAIT  # seconds in which a message must have come

SIZE = """
query ($rule: RuleInput!) {
  segmentSize(rule: $rule) {
    members textable contacts share asOf parts { path summary members }
  }
}
"""


@contextmanager
def serving(services: Services, settings: Settings, demo_token: str | None = None) -> Iterator[str]:
    """Serve in a thread; yields the address."""
    config = uvicorn.Config(
        create_app(settings, services, demo_token),
        host="127.0.0.1",
        port=0,
        log_level="warning",
        http=LimitedHttpProtocol,
        ws=LimitedWebSocketProtocol,
        ws_max_size=settings.max_query_bytes,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the server did not start")
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(30)


@dataclass
class Client:
    """A token's view of the API, over HTTP."""

    address: str
    token: str
    shop: Shop
    http: httpx.Client = field(repr=False)

    @property
    def shop_id(self) -> int:
        """The shop's id."""
        assert self.shop.id is not None
        return self.shop.id

    def post(self, query: str, variables: Mapping[str, Any] | None = None) -> httpx.Response:
        """Send an operation."""
        return self.http.post(
            f"{self.address}/graphql",
            json={"query": query, "variables": dict(variables or {})},
            headers={"Authorization": f"Bearer {self.token}"},
        )

    def ask(self, query: str, **variables: Any) -> Any:
        """The data of an operation that must go well."""
        response = self.post(query, variables)
        answer = response.json()
        assert response.status_code == 200, answer
        assert "errors" not in answer, answer
        return answer["data"]

    def errors(self, query: str, **variables: Any) -> list[dict[str, Any]]:
        """The errors of an operation that must not go well."""
        answer = self.post(query, variables).json()
        assert answer.get("errors"), answer
        found: list[dict[str, Any]] = answer["errors"]
        return found

    def size(self, rule: Mapping[str, Any]) -> Any:
        """The size of a rule."""
        return self.ask(SIZE, rule=rule)["segmentSize"]

    def members(self, rule: Mapping[str, Any]) -> int:
        """How many contacts match a rule."""
        count: int = self.size(rule)["members"]
        return count

    def record(self, mutation: str, items: Sequence[Mapping[str, Any]]) -> Any:
        """Record facts, which must be taken."""
        payload = self.try_record(mutation, items)
        assert payload == {"recorded": len(items), "userErrors": []}
        return payload

    def try_record(self, mutation: str, items: Sequence[Mapping[str, Any]]) -> Any:
        """Record facts; the payload."""
        fact = next(fact for fact in FACT_INPUTS if mutation.startswith(fact))
        query = (
            f"mutation ($items: [{FACT_INPUTS[fact]}!]!) {{ {mutation}({fact}: $items) "
            "{ recorded userErrors { code message path } } }"
        )
        return self.ask(query, items=list(items))[mutation]

    def forget(self, *ids: str) -> None:
        """Forget contacts."""
        query = (
            "mutation ($ids: [ID!]!) { contactsForget(ids: $ids) { recorded userErrors { code } } }"
        )
        assert self.ask(query, ids=list(ids))["contactsForget"]["userErrors"] == []


class Stream:
    """A WebSocket of a client's."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def send(self, kind: str, **message: Any) -> None:
        """Send a message."""
        self.socket.send(json.dumps({"type": kind, **message}))

    def receive(self) -> Any:
        """The next message."""
        return json.loads(self.socket.recv(WAIT))

    def init(self, token: str) -> None:
        """Show a token, which must be taken."""
        self.send("connection_init", payload={"authorization": f"Bearer {token}"})
        assert self.receive() == {"type": "connection_ack"}

    def subscribe(self, query: str, id: str = "1", **variables: Any) -> None:
        """Begin an operation."""
        self.send("subscribe", id=id, payload={"query": query, "variables": variables})

    def next(self, id: str = "1") -> Any:
        """The data that comes next, which must be whole."""
        message = self.receive()
        assert (message["type"], message["id"]) == ("next", id), message
        assert "errors" not in message["payload"], message
        return message["payload"]["data"]

    def closed(self) -> tuple[int | None, str | None]:
        """The code and the reason with which the server closes, as the next thing it does."""
        with suppress(ConnectionClosed):
            raise AssertionError(self.socket.recv(WAIT))
        return self.socket.close_code, self.socket.close_reason


@contextmanager
def streaming(address: str, **options: Any) -> Iterator[Stream]:
    """A WebSocket to a server."""
    address = f"{address.replace('http', 'ws', 1)}/graphql"
    options = {"subprotocols": ["graphql-transport-ws"], **options}
    with connect(address, **options) as socket:
        yield Stream(socket)


FACT_INPUTS = {
    "contacts": "ContactInput",
    "orders": "OrderInput",
    "products": "ProductInput",
    "texts": "TextInput",
    "keywords": "KeywordInput",
    "events": "EventInput",
}


_shops = count(1)


@dataclass
class Server:
    """A running server whose shops a test makes as it likes."""

    address: str
    services: Services
    http: httpx.Client

    def shop(
        self,
        timezone: str = "UTC",
        currency: str = "USD",
        scopes: Sequence[TokenScope] = tuple(TokenScope),
    ) -> Client:
        """A new shop, and a client of it."""
        number = next(_shops)
        shop = create_shop(
            self.services.catalog,
            self.services.registry,
            Shop(
                handle=f"shop-{number}",
                name=f"Shop {number}",
                timezone=timezone,
                currency=currency,
            ),
        )
        return self.client(shop, scopes)

    def client(self, shop: Shop, scopes: Sequence[TokenScope] = tuple(TokenScope)) -> Client:
        """Another client of a shop."""
        token = create_token(self.services.catalog, shop, scopes)
        return Client(self.address, token, shop, self.http)
