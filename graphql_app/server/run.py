"""Serving: in this process, or in several that share their stores."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, nullcontext
from functools import partial
from types import FrameType
from typing import Any

import uvicorn
from starlette.applications import Starlette
from uvicorn.supervisors import Multiprocess

from graphql_app.backup import serve_backups
from graphql_app.errors import AppError, ErrorCode
from graphql_app.http.app import create_app
from graphql_app.observability import logs, traces
from graphql_app.runtime.services import Services
from graphql_app.server.http_protocol import BoundedHttp
from graphql_app.server.websocket_protocol import BoundedWebSocket
from graphql_app.settings import Settings
from graphql_app.startup.services import open_services


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
    lifespan = partial(_told_to_stop, seconds=settings.drain_seconds)
    config = _config(settings, create_app(settings, services, demo_token, lifespan))
    # uvicorn raises the signal again once it has answered what was under way; then all is closed.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    with traces.collected(), _backups(settings, services):
        uvicorn.Server(config).run(sockets=[listening])


def _backups(settings: Settings, services: Services) -> AbstractContextManager[None]:
    """Take backups for those who cannot open the audience while this process has it."""
    if settings.audience_url:
        return nullcontext()
    return serve_backups(settings.data_dir, services.catalog, services.audience, services.recorder)


def refuse_several(settings: Settings) -> None:
    """Refuse several workers where the stores serve one process, or where there are metrics.

    Raises:
        AppError: UNAVAILABLE when that is so.
    """
    if settings.workers > 1 and not settings.audience_url:
        raise AppError(
            ErrorCode.UNAVAILABLE,
            f"WORKERS={settings.workers}: the embedded audience serves one process. Set WORKERS=1, "
            "or AUDIENCE_URL to a ClickHouse server, which processes can share.",
        )
    if settings.workers > 1 and settings.serves_metrics:
        raise AppError(
            ErrorCode.UNAVAILABLE,
            f"WORKERS={settings.workers}: each worker counts for itself, and /metrics would be "
            "that of another each time. Run several servers with WORKERS=1, each with a PORT of "
            "its own, and scrape every one; or set neither METRICS nor METRICS_TOKEN.",
        )


def serve_in_workers(settings: Settings, listening: socket.socket) -> None:
    """Serve in processes of their own until this one is told to stop; one that dies is replaced.

    Raises:
        AppError: The stores cannot be used, or not by several processes.
    """
    refuse_several(settings)
    with open_services(settings) as services:
        # What is wrong is said here, once, and what has to be made is made once.
        create_app(settings, services)
    config = _config(
        settings, "graphql_app.server.run:worker", workers=settings.workers, factory=True
    )
    Multiprocess(config, sockets=[listening]).run()


def worker() -> Starlette:
    """The application of one of several processes, whose settings come from the environment."""
    settings = Settings()
    logs.configure(settings)
    opened = ExitStack()
    services = opened.enter_context(open_services(settings))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        with opened, traces.collected():
            async with _told_to_stop(app, settings.drain_seconds):
                yield

    return create_app(settings, services, lifespan=lifespan)


@asynccontextmanager
async def _told_to_stop(app: Starlette, seconds: float) -> AsyncIterator[None]:
    """Have /ready say that the process was told to stop, so long before it does."""
    loop, stop = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM)

    def wait(number: int, frame: FrameType | None) -> None:
        app.state.stopping = True
        signal.signal(signal.SIGTERM, stop)  # a second one is not waited for
        loop.call_soon_threadsafe(loop.call_later, seconds, signal.raise_signal, number)

    signal.signal(signal.SIGTERM, wait)
    yield


def _config(settings: Settings, app: Starlette | str, **options: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,  # what it logs goes where all else does
        # uvloop's worst answers are six times slower at saturation, with the same throughput.
        loop="asyncio",
        http=BoundedHttp,
        access_log=False,  # ``Observed`` has one, without what a query may hold
        ws=BoundedWebSocket,
        ws_max_size=settings.max_query_bytes,
        timeout_graceful_shutdown=30,
        # For a worker to answer that it lives, and for a new one to have opened its stores.
        timeout_worker_healthcheck=60,
        **options,
    )


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)
