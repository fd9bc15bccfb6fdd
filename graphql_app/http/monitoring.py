"""Health, readiness and metrics, for orchestrators, load balancers and Prometheus."""

import asyncio
import hmac
import time
from collections.abc import Iterator

from anyio import to_thread
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from graphql_app.catalog.migrate import list_revisions, read_revision
from graphql_app.catalog.tokens import bearer_token
from graphql_app.errors import BEARER_HEADER, AppError
from graphql_app.http.content_negotiation import preferred_media_type
from graphql_app.http.errors import BEARER_CHALLENGE
from graphql_app.observability.metrics import Metrics
from graphql_app.observability.output import count_dropped
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings

GAUGES = {
    "segments_index_bytes": "Bytes of memory that the size index uses.",
    "segments_index_budget_bytes": "Bytes of memory that the size index may use.",
    "segments_index_vectors": "Vectors in the size index.",
    "segments_index_shops": "Shops in the size index.",
    "segments_work_limit": "Worker threads (QUERY_CONCURRENCY).",
    "segments_work_running": "Worker threads in use.",
    "segments_work_waiting": "Tasks waiting for a worker thread.",
}

COUNTERS = {
    "segments_dropped_log_records": "Log records and printed lines that were dropped because "
    "nobody read standard error or standard output fast enough.",
}

METRICS_TYPES = ("text/plain", "application/openmetrics-text")

REVISIONS = list_revisions()

CHECK_INTERVAL = 1.0  # seconds between checks of the stores, however many requests ask for one
CHECK_TIMEOUT = 15.0  # seconds that a request waits for a check; each store has 10 seconds


def monitoring_routes(services: Services, settings: Settings, metrics: Metrics) -> list[BaseRoute]:
    """Return the routes /health and /ready, and /metrics if it is enabled."""
    metrics.registry.register(_ServiceGauges(services))
    stores = _StoreCheck(services)

    async def get_health(_: Request) -> Response:
        unavailable, _outdated = await stores.result()
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

    async def get_readiness(request: Request) -> Response:
        if getattr(request.app.state, "stopping", False):
            reasons: tuple[str | None, ...] = ("The server is stopping.",)
        else:
            reasons = await stores.result()
        for reason in filter(None, reasons):
            return JSONResponse({"status": "not ready", "reason": reason}, 503)
        return JSONResponse({"status": "ready"})

    async def get_metrics(request: Request) -> Response:
        expected = settings.metrics_token.get_secret_value()
        sent = bearer_token(request.headers.get("authorization", ""))
        if expected and not hmac.compare_digest(sent.encode(), expected.encode()):
            return PlainTextResponse(
                f"Send METRICS_TOKEN: {BEARER_HEADER}.\n", 401, BEARER_CHALLENGE
            )
        accept = request.headers.get("accept", "")
        preferred = preferred_media_type(accept, METRICS_TYPES) or METRICS_TYPES[0]
        # The library ignores weights, so it sees the items of the preferred type only.
        items = [item for item in accept.split(",") if item.strip().startswith(preferred)]
        encode, media_type = choose_encoder(",".join(items) or preferred)
        return Response(encode(metrics.registry), media_type=media_type)

    routes: list[BaseRoute] = [Route("/health", get_health), Route("/ready", get_readiness)]
    if settings.serves_metrics:
        routes.append(Route("/metrics", get_metrics))
    return routes


class _StoreCheck:
    """A check whether the stores can be used, which concurrent requests share.

    /health and /ready need no token. Sharing a check, and keeping its result for
    ``CHECK_INTERVAL``, prevents requests from loading the stores, or from using up the threads when
    a store is slow.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._check: asyncio.Task[tuple[str | None, str | None]] | None = None
        self._checked_at = 0.0

    async def result(self) -> tuple[str | None, str | None]:
        """Return why a store is unavailable, and why its schema is outdated, or ``None`` each."""
        check = self._check
        if check is None or (
            check.done() and time.monotonic() - self._checked_at >= CHECK_INTERVAL
        ):
            check = self._check = asyncio.create_task(self._run())
        if not check.done():
            await asyncio.wait([check], timeout=CHECK_TIMEOUT)  # does not cancel the shared check
        return check.result() if check.done() else ("The stores do not answer.", None)

    async def _run(self) -> tuple[str | None, str | None]:
        catalog, audience = self._services.catalog, self._services.audience
        try:
            await to_thread.run_sync(audience.ping)
            await to_thread.run_sync(catalog.ping)
            # During a rollout the schema may be newer than this version; that is fine.
            if await to_thread.run_sync(read_revision, catalog) in {None, *REVISIONS[:-1]}:
                return None, "The catalog's schema is outdated; run `segments migrate`."
        except AppError as error:
            return str(error), None
        finally:
            self._checked_at = time.monotonic()
        return None, None


class _ServiceGauges(Collector):
    def __init__(self, services: Services) -> None:
        self._services = services

    def describe(self) -> Iterator[Metric]:
        yield from ()  # the registry would use it to look for duplicate names

    def collect(self) -> Iterator[Metric]:
        index, threads = self._services.index, self._services.workers.statistics()
        shops, vectors, used_bytes = index.usage
        values = {
            "segments_index_bytes": used_bytes,
            "segments_index_budget_bytes": index.budget,
            "segments_index_vectors": vectors,
            "segments_index_shops": shops,
            "segments_work_limit": threads.total_tokens,
            "segments_work_running": threads.borrowed_tokens,
            "segments_work_waiting": self._services.waiting,
        }
        for name, value in values.items():
            yield GaugeMetricFamily(name, GAUGES[name], value)
        # Not a counter of the library: its lock could block a finalizer that logs.
        for name, documentation in COUNTERS.items():
            yield CounterMetricFamily(name, documentation, count_dropped())
