"""create_app: the only place where the parts of a process are put together."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from anyio import CapacityLimiter
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import Lifespan

from graphql_app.audience.driver import refuse_if_taken
from graphql_app.audience.ingest import Recorder
from graphql_app.audience.store import Audience
from graphql_app.catalog.migrating import migrate, require_current, revision
from graphql_app.catalog.store import Catalog
from graphql_app.catalog.turns import SharedTurns
from graphql_app.errors import AppError, ErrorCode
from graphql_app.http.exports import Exports
from graphql_app.http.graphql import GraphQLEndpoint, failure
from graphql_app.http.monitoring import monitoring
from graphql_app.http.pages import pages
from graphql_app.http.security_headers import DEFAULTS, SafeHeaders, cross_origin
from graphql_app.observing.exchange import id_header
from graphql_app.observing.metrics import Metrics
from graphql_app.observing.middleware import Observed
from graphql_app.plugins import Registry, discover
from graphql_app.schema.build import build_schema, check_schema
from graphql_app.schema.context import Services
from graphql_app.segments.probe import check_criteria, check_tables
from graphql_app.segments.starters import check_starters, update_defaults
from graphql_app.settings import Settings

logger = logging.getLogger(__name__)


@contextmanager
def opened_catalog(settings: Settings) -> Iterator[Catalog]:
    """The catalog as it is, whatever its schema.

    Raises:
        AppError: UNAVAILABLE when it cannot be used.
    """
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise AppError(
            ErrorCode.UNAVAILABLE,
            f"DATA_DIR: {settings.data_dir} cannot be used ({error.strerror}); "
            "name a directory that can be written.",
        ) from error
    catalog = Catalog(settings.catalog)
    try:
        yield catalog
    finally:
        catalog.close()


@contextmanager
def open_catalog(settings: Settings) -> Iterator[Catalog]:
    """The catalog, whose schema is what this version needs.

    The one in DATA_DIR is made where there is none yet; any other change of a schema is for
    ``segments migrate``, which an operator runs.

    Raises:
        AppError: UNAVAILABLE when it cannot be used, or has another schema.
    """
    with opened_catalog(settings) as catalog:
        if not settings.catalog_url and revision(catalog) is None:
            migrate(catalog)
        require_current(catalog)
        yield catalog


@contextmanager
def open_audience(settings: Settings) -> Iterator[Audience]:
    """The audience, as it is on disk."""
    refuse_if_taken(settings.audience)
    audience = Audience(
        settings.audience,
        settings.query_timeout,
        settings.query_memory,
        settings.query_concurrency,
        slow=settings.slow_rule_seconds,
        cluster=settings.audience_cluster,
    )
    try:
        yield audience
    finally:
        audience.close()


def open_recorder(settings: Settings, catalog: Catalog, audience: Audience) -> Recorder:
    """Who writes the facts, once the batches of earlier processes are carried out."""
    shared = SharedTurns(catalog) if settings.audience_url else None
    recorder = Recorder(audience, shared)
    recorder.recover()
    return recorder


def usable_by(audience: Audience, registry: Registry, strict: bool) -> Registry:
    """The plugins that can be used with an audience, which gets their tables.

    Raises:
        AppError: The audience cannot be used.
        PluginError: Some plugins cannot, and it is to be strict.
    """
    audience.create_tables()
    for check in (check_tables, check_criteria):
        registry = check(audience, registry, strict)
    registry = check_starters(registry, strict)
    audience.adopt(registry.tables)
    return registry


def usable_plugins(strict: bool) -> Registry:
    """The plugins that are installed, as far as they can be used without the audience.

    Raises:
        PluginError: Some cannot, and it is to be strict.
    """
    return check_starters(check_schema(discover(strict=strict), strict), strict)


@contextmanager
def open_services(settings: Settings, registry: Registry | None = None) -> Iterator[Services]:
    """Everything that a process works with, ready, and closed at the end.

    Raises:
        AppError: A store cannot be used.
        PluginError: A plugin cannot be used, and the settings are strict.
    """
    strict = settings.strict_plugins
    registry = registry or usable_plugins(strict)
    with open_catalog(settings) as catalog, open_audience(settings) as audience:
        registry = usable_by(audience, registry, strict)
        for failure in registry.failures:
            logger.warning("left out: %s", failure)
        recorder = open_recorder(settings, catalog, audience)
        update_defaults(catalog, registry)
        workers = CapacityLimiter(settings.query_concurrency)
        with nullcontext() if recorder.feed is None else recorder.feed.followed():
            yield Services(catalog, audience, recorder, registry, workers, settings.index_bytes)


def create_app(
    settings: Settings,
    services: Services,
    demo_token: str | None = None,
    lifespan: Lifespan[Starlette] | None = None,
) -> Starlette:
    """The web application over services that are open for as long as it runs.

    Args:
        settings: What an operator has set.
        services: What the process works with.
        demo_token: Access to the demo shop, which the pages get, see ``pages``.
        lifespan: What to do before the first request and after the last.
    """
    metrics = Metrics()
    endpoint = GraphQLEndpoint(build_schema(services.registry, settings), services, settings)
    return Starlette(
        routes=[
            *pages(demo_token, settings.introspection),
            *monitoring(services, settings, metrics),
            Route("/graphql", endpoint, middleware=cross_origin(settings)),
            # Around the route, which would itself refuse what a page of another site asks first.
            Mount(
                "/segments",
                routes=[Route("/{id}/members.{format}", Exports(endpoint.admission))],
                middleware=cross_origin(settings),
            ),
            WebSocketRoute("/graphql", endpoint),
        ],
        middleware=[Middleware(Observed, metrics), Middleware(SafeHeaders)],
        exception_handlers={Exception: _failed},
        lifespan=lifespan,
    )


async def _failed(_: Request, __: Exception) -> Response:
    """The answer to what nobody foresaw; starlette raises it again, so that it is logged."""
    response = failure(500, AppError(ErrorCode.INTERNAL, "Something went wrong on our side."))
    response.headers.update({**DEFAULTS, **id_header()})
    return response
