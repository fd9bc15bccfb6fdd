"""The pages that people look at, as static files of the package: the segment builder, GraphiQL."""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

BUILDER = Path(__file__).parent.parent / "builder"
"""What `make builder` makes of web/."""

LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?", re.IGNORECASE)
"""The header Host of a browser that asks its own machine."""

# Nothing but files of our own: no inline script, no other host, no frame around the page.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# The editor marks mistakes by pictures that are written out in its style sheet.
GRAPHIQL_POLICY = POLICY.replace("img-src 'self'", "img-src 'self' data:")


class BuilderFiles(StaticFiles):
    """The builder's files; every address below that is no file is a page of its script."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file, or the page."""
        # The names of assets change with what is in them.
        lasting = path.startswith("assets/")
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            if error.status_code != 404 or lasting or Path(path).suffix:
                raise
            response = await super().get_response("index.html", scope)
        response.headers["Cache-Control"] = (
            "public, max-age=31536000, immutable" if lasting else "no-cache"
        )
        response.headers["Content-Security-Policy"] = POLICY
        return response


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a proxy on this machine passes on what a client wrote of itself
        return False


def pages(demo_token: str | None, graphiql: bool = True) -> list[BaseRoute]:
    """The routes of the pages.

    Args:
        demo_token: Access to the demo shop, which the page of a browser on this machine gets;
            nobody has to sign in then.
        graphiql: Whether there is GraphiQL.
    """

    async def home(_: Request) -> Response:
        return RedirectResponse("/builder/")

    async def config(request: Request) -> Response:
        # A name that leads to this machine but is not its own would be another site's.
        named = LOOPBACK.fullmatch(request.headers.get("host", ""))
        ours = named and request.client and _is_loopback(request.client.host)
        return JSONResponse(
            {"token": demo_token if ours else None, "graphiql": graphiql},
            headers={"Cache-Control": "no-store"},
        )

    async def missing(_: Request) -> Response:
        raise HTTPException(404)

    async def explorer(_: Request) -> Response:
        headers = {"Cache-Control": "no-cache", "Content-Security-Policy": GRAPHIQL_POLICY}
        return FileResponse(BUILDER / "graphiql.html", headers=headers)

    files = BuilderFiles(directory=BUILDER, html=True)
    return [
        Route("/", home),
        *([Route("/graphiql", explorer)] if graphiql else []),
        Route("/builder/graphiql.html", missing),  # it works with its own headers only
        Route("/builder/config.json", config),
        Mount("/builder", files, middleware=[Middleware(GZipMiddleware)]),
    ]
