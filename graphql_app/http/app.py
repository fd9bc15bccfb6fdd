"""create_app: the only place where the parts of a process are put together."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import Lifespan

from graphql_app.errors import AppError, ErrorCode
from graphql_app.http.exports import Exports
from graphql_app.http.graphql import GraphQLEndpoint, failure
from graphql_app.http.monitoring import monitoring
from graphql_app.http.pages import pages
from graphql_app.http.security_headers import DEFAULTS, SafeHeaders, cross_origin
from graphql_app.observability.metrics import Metrics
from graphql_app.observability.middleware import Observed
from graphql_app.observability.request_context import id_header
from graphql_app.runtime.services import Services
from graphql_app.schema.build import build_schema
from graphql_app.settings import Settings


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
