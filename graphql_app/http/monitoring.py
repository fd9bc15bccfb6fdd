"""What machines ask of the server: whether it lives, whether it is ready, its metrics."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Iterator

from anyio import to_thread
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from graphql_app.catalog.migrate import list_revisions, read_revision
from graphql_app.errors import AppError
from graphql_app.observability.metrics import Metrics
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings

STATE = {
    "segments_index_bytes": "Bytes that the size index keeps.",
    "segments_index_budget_bytes": "Bytes that the size index may keep.",
    "segments_index_vectors": "Vectors that the size index keeps.",
    "segments_index_shops": "Shops of which the size index keeps anything.",
    "segments_work_limit": "Threads for work with the stores: QUERY_CONCURRENCY.",
    "segments_work_running": "Threads of these that are at work.",
    "segments_work_waiting": "Work that waits for one of these threads.",
}
"""What is told of the services at the moment of asking, all of it gauges."""

REVISIONS = list_revisions()

KNOWN_FOR = 1.0  # seconds for which what was found of the stores is told to whoever asks
PATIENCE = 15.0  # seconds that whoever asks waits for what is found; each store has ten


def monitoring(services: Services, settings: Settings, metrics: Metrics) -> list[BaseRoute]:
    """The routes of health, readiness and metrics, which begin to tell of the services too."""
    metrics.registry.register(_State(services))

    stores = _Stores(services)

    async def health(_: Request) -> Response:
        unavailable, _outdated = await stores.reasons()
        if unavailable is not None:
            return JSONResponse({"status": "unavailable", "reason": unavailable}, 503)
        left_out = [
            {
                "plugin": failure.plugin.name,
                "distribution": failure.plugin.distribution,
                "version": failure.plugin.version,
                "reason": failure.reason,
            }
            for failure in services.registry.failures
        ]
        if left_out:
            return JSONResponse({"status": "degraded", "pluginsLeftOut": left_out})
        return JSONResponse({"status": "ok"})

    async def ready(request: Request) -> Response:
        if getattr(request.app.state, "stopping", False):
            reasons: tuple[str | None, ...] = ("The server is stopping.",)
        else:
            reasons = await stores.reasons()
        for reason in filter(None, reasons):
            return JSONResponse({"status": "not ready", "reason": reason}, 503)
        return JSONResponse({"status": "ready"})

    async def read(request: Request) -> Response:
        token = settings.metrics_token.get_secret_value()
        if token and not _bears(request, token):
            return PlainTextResponse(
                "Send METRICS_TOKEN: Authorization: Bearer <token>.\n",
                401,
                {"WWW-Authenticate": "Bearer"},
            )
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(metrics.registry), media_type=media_type)

    routes: list[BaseRoute] = [Route("/health", health), Route("/ready", ready)]
    if settings.serves_metrics:
        routes.append(Route("/metrics", read))
    return routes


class _Stores:
    """What is found of the stores.

    Anybody may ask, and as often as they like. So there is one look at a time, however many ask,
    and what it found is told for a while: nobody can keep the stores busy, nor the threads when a
    store is slow to answer.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._look: asyncio.Task[tuple[str | None, str | None]] | None = None
        self._found_at = 0.0

    async def reasons(self) -> tuple[str | None, str | None]:
        """Why the stores cannot be used, and why this version cannot use them, if that is so."""
        look = self._look
        if look is None or (look.done() and time.monotonic() - self._found_at >= KNOWN_FOR):
            look = self._look = asyncio.create_task(self._find())
        if not look.done():
            await asyncio.wait([look], timeout=PATIENCE)  # not the look, for which others wait too
        return look.result() if look.done() else ("The stores do not answer.", None)

    async def _find(self) -> tuple[str | None, str | None]:
        catalog, audience = self._services.catalog, self._services.audience
        try:
            await to_thread.run_sync(audience.ping)
            await to_thread.run_sync(catalog.ping)
            # A newer schema is that of a version that is being rolled out.
            if await to_thread.run_sync(read_revision, catalog) in {None, *REVISIONS[:-1]}:
                return None, "The catalog's schema is older than this version needs."
        except AppError as error:
            return str(error), None
        finally:
            self._found_at = time.monotonic()
        return None, None


def _bears(request: Request, token: str) -> bool:
    kind, _, sent = request.headers.get("authorization", "").partition(" ")
    return kind.lower() == "bearer" and hmac.compare_digest(sent.strip().encode(), token.encode())


class _State(Collector):
    """What the services hold and do at the moment of asking."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def describe(self) -> Iterator[Metric]:
        """Nothing: names are told apart by those of ``Metrics``."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        """The gauges."""
        index, threads = self._services.index, self._services.workers.statistics()
        shops, vectors, kept = index.usage
        values = {
            "segments_index_bytes": kept,
            "segments_index_budget_bytes": index.budget,
            "segments_index_vectors": vectors,
            "segments_index_shops": shops,
            "segments_work_limit": threads.total_tokens,
            "segments_work_running": threads.borrowed_tokens,
            "segments_work_waiting": self._services.waiting,
        }
        for name, value in values.items():
            yield GaugeMetricFamily(name, STATE[name], value)
