"""The web pages: the segment builder and GraphiQL, served as static files of the package."""

import re
from ipaddress import ip_address
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from graphql_app.http.content_negotiation import accepts_encoding

BUILDER = Path(__file__).parent.parent / "builder"  # the output of `make builder`, from web/

# The ``Host`` header of a browser on this machine.
LOOPBACK_HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?", re.IGNORECASE)

# Only files from this server: no inline scripts, no other hosts, no framing.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# The style sheet of GraphiQL's editor underlines errors with data: images.
GRAPHIQL_POLICY = CONTENT_SECURITY_POLICY.replace("img-src 'self'", "img-src 'self' data:")


class Compression(GZipMiddleware):
    """Middleware that compresses responses, unless the client sends ``gzip;q=0``."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not accepts_encoding(Headers(scope=scope).get("accept-encoding", ""), "gzip"):
            kept = [each for each in scope["headers"] if each[0] != b"accept-encoding"]
            scope = {**scope, "headers": kept}
        await super().__call__(scope, receive, send)


class BuilderFiles(StaticFiles):
    """The builder's files. Paths without a file are pages of its script, and get index.html."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        is_asset = path.startswith("assets/")
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            if error.status_code != 404 or is_asset or Path(path).suffix:
                raise
            response = await super().get_response("index.html", scope)
        # The name of an asset contains a hash of its content.
        response.headers["Cache-Control"] = (
            "public, max-age=31536000, immutable" if is_asset else "no-cache"
        )
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        return response


def page_routes(demo_token: str | None, graphiql: bool = True) -> list[BaseRoute]:
    """Return the routes of the pages, GraphiQL's if wanted.

    The builder gets the token of the demo shop from the server when its browser runs on this
    machine, and then asks for no token.
    """

    async def redirect_home(_: Request) -> Response:
        return RedirectResponse("/builder/")

    async def get_config(request: Request) -> Response:
        # Another site can make its own host name resolve to this machine (DNS rebinding).
        own_name = LOOPBACK_HOST.fullmatch(request.headers.get("host", ""))
        is_local = own_name and request.client and _is_loopback(request.client.host)
        return JSONResponse(
            {"token": demo_token if is_local else None, "graphiql": graphiql},
            headers={"Cache-Control": "no-store"},
        )

    async def refuse_file(_: Request) -> Response:
        raise HTTPException(404)

    async def get_graphiql(_: Request) -> Response:
        headers = {"Cache-Control": "no-cache", "Content-Security-Policy": GRAPHIQL_POLICY}
        return FileResponse(BUILDER / "graphiql.html", headers=headers)

    files = BuilderFiles(directory=BUILDER, html=True)
    return [
        Route("/", redirect_home),
        *([Route("/graphiql", get_graphiql)] if graphiql else []),
        Route("/builder/graphiql.html", refuse_file),  # it needs GRAPHIQL_POLICY
        Route("/builder/config.json", get_config),
        Mount("/builder", files, middleware=[Middleware(Compression)]),
    ]


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a proxy on this machine may pass on a client's X-Forwarded-For
        return False
