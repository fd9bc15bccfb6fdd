"""Serving: in this process, or in several that share their stores."""

from __future__ import annotations

import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, nullcontext
from types import FrameType
from typing import Any

import uvicorn
from starlette.applications import Starlette
from uvicorn.supervisors import Multiprocess

from graphql_app.app import create_app, open_services
from graphql_app.backup import offered
from graphql_app.errors import AppError, ErrorCode
from graphql_app.heads import BoundedHttp
from graphql_app.schema.context import Services
from graphql_app.settings import Settings


def listen(settings: Settings) -> socket.socket:
    """Take the address, before anything else is done for a server that could not be reached.

    Raises:
        AppError: UNAVAILABLE when it is taken, or not one of this machine.
    """
    try:
        listening = socket.create_server((settings.host, settings.port), backlog=2048)
    except OSError as error:
        raise AppError(
            ErrorCode.UNAVAILABLE,
            f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}. "
            "Set HOST and PORT to an address that is free.",
        ) from error
    # asyncio has answers sent at once only where a socket names its protocol, which those of
    # create_server do not (https://github.com/python/cpython/issues/148783); others wait 40 ms for
    # the client's acknowledgement. Connections inherit it.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def serve(
    settings: Settings,
    services: Services,
    listening: socket.socket,
    demo_token: str | None = None,
) -> None:
    """Serve in this process until it is told to stop."""
    config = _config(settings, create_app(settings, services, demo_token))
    # uvicorn raises the signal again once it has answered what was under way; then all is closed.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    with _backups(settings, services):
        uvicorn.Server(config).run(sockets=[listening])


def _backups(settings: Settings, services: Services) -> AbstractContextManager[None]:
    """Take backups for those who cannot open the audience while this process has it."""
    if settings.audience_url:
        return nullcontext()
    return offered(settings.data_dir, services.catalog, services.audience, services.recorder)


def serve_in_workers(settings: Settings, listening: socket.socket) -> None:
    """Serve in processes of their own until this one is told to stop; one that dies is replaced.

    Raises:
        AppError: The stores cannot be used, or not by several processes.
    """
    if not settings.audience_url:
        raise AppError(
            ErrorCode.UNAVAILABLE,
            f"WORKERS={settings.workers}: the embedded audience serves one process. Set WORKERS=1, "
            "or AUDIENCE_URL to a ClickHouse server, which processes can share.",
        )
    with open_services(settings) as services:
        # What is wrong is said here, once, and what has to be made is made once.
        create_app(settings, services)
    config = _config(settings, "graphql_app.serving:worker", workers=settings.workers, factory=True)
    Multiprocess(config, sockets=[listening]).run()


def worker() -> Starlette:
    """The application of one of several processes, whose settings come from the environment."""
    settings = Settings()
    opened = ExitStack()
    services = opened.enter_context(open_services(settings))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        with opened:
            yield

    return create_app(settings, services, lifespan=lifespan)


def _config(settings: Settings, app: Starlette | str, **options: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_level=settings.log_level,
        # uvloop's worst answers are six times slower at saturation, with the same throughput.
        loop="asyncio",
        http=BoundedHttp,
        # A line for each keystroke of an editor would cost a tenth of its answer; a proxy has them.
        access_log=settings.log_level == "debug",
        ws="websockets-sansio",
        ws_max_size=settings.max_query_bytes,
        timeout_graceful_shutdown=30,
        **options,
    )


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)
