"""Security headers for every response, and CORS for the origins in CORS_ORIGINS."""

from urllib.parse import urlsplit, urlunsplit

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_app.settings import Settings

EXPOSED_HEADERS = ("Retry-After", "X-Request-Id")

# For data, which no cache should keep and no page should show; pages and files set their own.
SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class SecurityHeadersMiddleware:
    """Adds ``SECURITY_HEADERS`` to responses that do not set them, and makes redirects relative.

    Starlette repeats the ``Host`` header of a request in its redirects. A client can send any host,
    and a cache would send others there, too.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                if "location" in headers:
                    headers["location"] = _without_host(headers["location"])
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


def _without_host(url: str) -> str:
    """Return the path and the query of a URL; all redirects lead to this server."""
    parts = urlsplit(url)
    return urlunsplit(("", "", "/" + parts.path.lstrip("/"), parts.query, ""))


def cors_middleware(settings: Settings) -> list[Middleware]:
    """Return the CORS middleware, or an empty list without CORS_ORIGINS."""
    if not settings.cors_origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-Request-Id"],
            expose_headers=EXPOSED_HEADERS,
        )
    ]
