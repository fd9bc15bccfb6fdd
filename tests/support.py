"""A server on a real port, and clients of its shops."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx
import uvicorn
from starlette.types import ASGIApp

from graphql_app.catalog.tables import Shop
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.catalog.tokens import create_token
from graphql_app.http.app import create_app
from graphql_app.runtime.services import Services
from graphql_app.segments.default_segments import create_shop
from graphql_app.server.http_protocol import LimitedHttpProtocol
from graphql_app.server.websocket_protocol import LimitedWebSocketProtocol
from graphql_app.settings import Settings
from tests.client import GraphQLClient
from tests.processes import wait_until


@contextmanager
def serving(services: Services, settings: Settings, demo_token: str | None = None) -> Iterator[str]:
    """Serve in a thread, and yield the address."""
    with running(
        create_app(settings, services, demo_token),
        http=LimitedHttpProtocol,
        ws=LimitedWebSocketProtocol,
        ws_max_size=settings.max_query_bytes,
        ws_per_message_deflate=False,
    ) as address:
        yield address


@contextmanager
def running(app: ASGIApp, **options: Any) -> Iterator[str]:
    """Run uvicorn in a thread, and yield the address."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_level="warning", log_config=None, **options
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started or not thread.is_alive())
    if not server.started:
        raise RuntimeError("the server did not start")
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(30)


@dataclass
class Client(GraphQLClient):
    """A client of a shop that the test made."""

    shop: Shop

    @property
    def shop_id(self) -> int:
        assert self.shop.id is not None
        return self.shop.id


_shops = count(1)


@dataclass
class Server:
    """A running server on which tests create shops."""

    address: str
    services: Services
    http: httpx.Client

    def shop(
        self,
        timezone: str = "UTC",
        currency: str = "USD",
        country: str | None = None,
        scopes: Sequence[TokenScope] = tuple(TokenScope),
    ) -> Client:
        number = next(_shops)
        handle, name = f"shop-{number}", f"Shop {number}"
        shop = Shop(handle=handle, name=name, timezone=timezone, currency=currency, country=country)
        shop = create_shop(self.services.catalog, self.services.registry, shop)
        return self.client(shop, scopes)

    def client(self, shop: Shop, scopes: Sequence[TokenScope] = tuple(TokenScope)) -> Client:
        token = create_token(self.services.catalog, shop, scopes)
        return Client(self.address, token, self.http, shop)
