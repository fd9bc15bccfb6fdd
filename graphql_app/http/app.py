"""The web application: its routes and middleware."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Lifespan

from graphql_app.errors import InternalError
from graphql_app.http.errors import error_response
from graphql_app.http.exports import Exports
from graphql_app.http.graphql import GraphQLEndpoint
from graphql_app.http.monitoring import monitoring_routes
from graphql_app.http.pages import page_routes
from graphql_app.http.security_headers import (
    SECURITY_HEADERS,
    SecurityHeadersMiddleware,
    cors_middleware,
)
from graphql_app.observability.metrics import Metrics
from graphql_app.observability.middleware import HEADER_NAME, RequestContextMiddleware
from graphql_app.observability.request_context import current_request_id
from graphql_app.runtime.services import Services
from graphql_app.schema.build import build_schema
from graphql_app.settings import Settings


def create_app(
    settings: Settings,
    services: Services,
    demo_token: str | None = None,
    lifespan: Lifespan[Starlette] | None = None,
) -> Starlette:
    """Create the web application on services that stay open until it stops.

    For ``demo_token`` see ``page_routes``.
    """
    metrics = Metrics()
    endpoint = GraphQLEndpoint(build_schema(services.registry, settings), services, settings)
    return Starlette(
        routes=[
            *page_routes(demo_token, settings.introspection),
            *monitoring_routes(services, settings, metrics),
            Route("/graphql", endpoint, middleware=cors_middleware(settings)),
            Route(
                "/segments/{id}/members.{format}",
                Exports(endpoint.admission),
                middleware=cors_middleware(settings),
            ),
            WebSocketRoute("/graphql", endpoint),
        ],
        middleware=[
            Middleware(RequestContextMiddleware, metrics),
            Middleware(SecurityHeadersMiddleware),
        ],
        exception_handlers={Exception: _respond_to_unexpected},
        lifespan=lifespan,
    )


async def _respond_to_unexpected(_: Request, __: Exception) -> Response:
    """Respond to an unexpected error, which Starlette raises again and uvicorn logs.

    Starlette runs this handler outside of the application's middleware.
    """
    response = error_response(InternalError(current_request_id()))
    response.headers.update({**SECURITY_HEADERS, HEADER_NAME: current_request_id()})
    return response
