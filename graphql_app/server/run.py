"""Running the server: in this process, or in several workers that share their stores."""

import asyncio
import atexit
import gc
import os
import signal
import socket
import sys
import threading
import time
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
from graphql_app.observability.output import queued_output
from graphql_app.runtime.services import Services
from graphql_app.server.http_protocol import LimitedHttpProtocol
from graphql_app.server.websocket_protocol import LimitedWebSocketProtocol
from graphql_app.settings import Settings
from graphql_app.startup.services import open_services

# Seconds after which a busy thread must hand over the interpreter's lock; Python's default is 5 ms.
SWITCH_INTERVAL = 0.001

# Collect young objects after 10,000 and 100,000 allocations, which takes up to 10 ms. A full
# collection takes 200 ms during a large request, so it runs only every FULL_COLLECTION_INTERVAL.
COLLECTION_THRESHOLDS = (10_000, 10, 1_000)
FULL_COLLECTION_INTERVAL = 60  # seconds


def listen(settings: Settings) -> socket.socket:
    """Listen on HOST and PORT.

    Call this before opening the stores, so that a taken port fails early.

    Raises:
        AppError: UNAVAILABLE, the address is in use, or is not one of this machine.
    """
    try:
        listener = socket.create_server((settings.host, settings.port), backlog=2048)
    except OSError as error:
        # What follows repeats the address.
        reason, _, _ = str(error.strerror).partition(" (while attempting")
        raise AppError(
            ErrorCode.UNAVAILABLE,
            f"Cannot listen on {settings.host}:{settings.port}: {reason}. "
            "Set HOST and PORT to a free address.",
        ) from error
    # asyncio only sets TCP_NODELAY on sockets that name their protocol, and those of create_server
    # do not (https://github.com/python/cpython/issues/148783). Without it, responses wait 40 ms for
    # the client's acknowledgment. Connections inherit the option.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def serve(
    settings: Settings, services: Services, listener: socket.socket, demo_token: str | None = None
) -> None:
    """Serve in this process until SIGINT or SIGTERM, then exit."""
    lifespan = partial(_drain_on_sigterm, seconds=settings.drain_seconds)
    app = create_app(settings, services, demo_token, lifespan)
    _keep_the_loop_responsive()
    config = uvicorn.Config(app, **_uvicorn_options(settings))
    _exit_on_signals()
    with traces.export_spans(), _serve_backups(settings, services):
        uvicorn.Server(config).run(sockets=[listener])


def _serve_backups(settings: Settings, services: Services) -> AbstractContextManager[None]:
    """Create backups on behalf of ``segments backup``.

    Only one process can open an embedded audience.
    """
    if settings.audience_url:
        return nullcontext()
    return serve_backups(settings.data_dir, services.catalog, services.audience, services.recorder)


def check_workers(settings: Settings) -> None:
    """Raise UNAVAILABLE if WORKERS is above 1 with the embedded audience or with metrics."""
    if settings.workers > 1 and not settings.audience_url:
        raise AppError(
            ErrorCode.UNAVAILABLE,
            f"WORKERS={settings.workers}: only one process can open the embedded audience. Set "
            "WORKERS=1, or set AUDIENCE_URL to a ClickHouse server.",
        )
    if settings.workers > 1 and settings.serves_metrics:
        raise AppError(
            ErrorCode.UNAVAILABLE,
            f"WORKERS={settings.workers}: each worker has its own metrics, so /metrics would show "
            "a different worker each time. Run several servers with WORKERS=1 and a PORT each, "
            "and scrape every one; or set neither METRICS nor METRICS_TOKEN.",
        )


def serve_in_workers(settings: Settings, listener: socket.socket) -> None:
    """Serve in worker processes until SIGINT or SIGTERM, and replace workers that die.

    Raises:
        AppError: The stores cannot be used, or workers cannot share them.
    """
    check_workers(settings)
    with open_services(settings) as services:
        # Report problems and create tables once, before any worker starts.
        create_app(settings, services)
    config = _WorkerConfig(
        "graphql_app.server.run:create_worker_app",
        workers=settings.workers,
        factory=True,
        **_uvicorn_options(settings),
    )
    _Supervisor(config, sockets=[listener]).run()


class _Supervisor(Multiprocess):
    """uvicorn's supervisor, which notices at once that a worker has died.

    uvicorn's keeps the worker's end of their pipe open, too. So if a worker dies while its health
    is checked, such as one that starts while a store is away, nothing ends the wait for its answer
    but the timeout. Signals wait as long.
    """

    def keep_subprocess_alive(self) -> None:
        for worker in self.processes:
            worker.child_conn.close()
        super().keep_subprocess_alive()


class _WorkerConfig(uvicorn.Config):
    """A configuration whose workers set up their own log and signal handlers."""

    def __init__(self, app: str, **options: Any) -> None:
        self._supervisor = os.getpid()
        super().__init__(app, **options)

    def configure_logging(self) -> None:
        """Configure a worker's logging as ``segments serve`` does; a worker calls this first."""
        # uvicorn.Config also calls this in the supervisor, whose log is set up.
        if os.getpid() == self._supervisor:
            return
        stack = ExitStack()
        stack.enter_context(queued_output())
        atexit.register(stack.close)
        logs.configure(Settings())
        _exit_on_signals()


def create_worker_app() -> Starlette:
    """Create the application of a worker, with settings from the environment."""
    settings = Settings()
    stack = ExitStack()
    services = stack.enter_context(open_services(settings))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        with stack, traces.export_spans():
            async with _drain_on_sigterm(app, settings.drain_seconds):
                yield

    app = create_app(settings, services, lifespan=lifespan)
    _keep_the_loop_responsive()
    return app


def _keep_the_loop_responsive() -> None:
    """Shorten the pauses that worker threads cause on the event loop.

    A request waits for the interpreter's lock a dozen times while threads are busy. A garbage
    collection in any thread stops the loop, so collections skip the schema's objects (100 ms each
    time) and rarely visit all others.
    """
    sys.setswitchinterval(SWITCH_INTERVAL)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTION_THRESHOLDS)
    threading.Thread(target=_collect_garbage, name="garbage", daemon=True).start()


def _collect_garbage() -> None:
    while True:
        time.sleep(FULL_COLLECTION_INTERVAL)
        gc.collect()


@asynccontextmanager
async def _drain_on_sigterm(app: Starlette, seconds: float) -> AsyncIterator[None]:
    """On SIGTERM, make /ready fail, and shut down after ``seconds``."""
    loop, shut_down = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM)

    def drain(number: int, frame: FrameType | None) -> None:
        app.state.stopping = True
        signal.signal(signal.SIGTERM, shut_down)  # a second SIGTERM shuts down at once
        loop.call_soon_threadsafe(loop.call_later, seconds, signal.raise_signal, number)

    signal.signal(signal.SIGTERM, drain)
    yield


def _uvicorn_options(settings: Settings) -> dict[str, Any]:
    return {
        "log_config": None,  # uvicorn's records go to our handler
        # At saturation uvloop has the same throughput, but six times the worst latency.
        "loop": "asyncio",
        "http": LimitedHttpProtocol,
        "access_log": False,  # RequestContextMiddleware logs requests, without query strings
        "ws": LimitedWebSocketProtocol,
        "ws_max_size": settings.max_query_bytes,
        "ws_per_message_deflate": False,  # compressing a long message would block the event loop
        "timeout_graceful_shutdown": 30,
        # Seconds for a worker to answer a health check, and for a new one to open its stores.
        "timeout_worker_healthcheck": 60,
    }


def _exit_on_signals() -> None:
    """Exit when uvicorn, after its graceful shutdown, raises the signal again.

    SystemExit closes the stores and writes the rest of the log.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _exit)


def _exit(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)
