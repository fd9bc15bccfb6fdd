"""The log: one form for all of it, on the standard error.

A record has the id of the request that it is about. Nothing in it can look like another record,
whatever a client sent. Exceptions are written as their types and places, without their words, which
may quote a person's data; with LOG_LEVEL=debug they have their words too.
"""

from __future__ import annotations

import logging
import secrets
import sys
import time
import traceback
from collections.abc import Collection, Iterator
from logging import Formatter, LogRecord
from types import TracebackType
from typing import Any, TypeAlias

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from graphql_app.observability.request_context import EXCHANGE
from graphql_app.redaction import without
from graphql_app.settings import Settings

logger = logging.getLogger(__name__)

Raised: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)

TEXT = "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s [%(request)s] %(message)s"
CONTINUED = "    | "

# What would end a line, or write over it.
CONTROL = {code: repr(chr(code))[1:-1] for code in (*range(32), 127, *range(128, 160), 8232, 8233)}

# What other libraries write below these levels has facts, statements or tokens in it, or is noise.
TOO_MUCH = {
    "alembic": "WARNING",
    "asyncio": "INFO",
    "clickhouse_connect": "WARNING",
    "clickhouse_connect.driver.streaming": "CRITICAL",
    "opentelemetry": "INFO",
    "urllib3": "ERROR",
    "websockets": "INFO",
}


class _Exceptions(Formatter):
    """Writes exceptions, with their words or without."""

    converter = staticmethod(time.gmtime)
    words = False

    def formatException(self, ei: Raised) -> str:
        """An exception and those that led to it, the last one last."""
        return "".join(_lines(ei[1], self.words)).rstrip() if ei[1] is not None else ""


class TextFormatter(_Exceptions):
    """A line for each record; exceptions follow on lines that begin with a bar."""

    def __init__(self, words: bool, secrets: Collection[str]) -> None:
        super().__init__(TEXT, "%Y-%m-%dT%H:%M:%S")
        self.words = words
        self._secrets = secrets

    def formatMessage(self, record: LogRecord) -> str:
        """The line, without what would end it."""
        return super().formatMessage(record).translate(CONTROL)

    def formatException(self, ei: Raised) -> str:
        """The lines of an exception."""
        lines = super().formatException(ei).split("\n")
        return "\n".join(CONTINUED + line.translate(CONTROL) for line in lines)

    def format(self, record: LogRecord) -> str:
        """The record without secrets."""
        return without(super().format(record), self._secrets)


class JsonLines(_Exceptions, JsonFormatter):
    """A JSON object for each record."""

    def __init__(self, words: bool, secrets: Collection[str]) -> None:
        JsonFormatter.__init__(
            self,
            ["asctime", "levelname", "name", "request", "message"],
            datefmt="%Y-%m-%dT%H:%M:%S",
            reserved_attrs=[*RESERVED_ATTRS, "color_message"],  # uvicorn's, for terminals
            rename_fields={
                "asctime": "time",
                "levelname": "level",
                "name": "logger",
                "exc_info": "exception",
            },
        )
        self.words = words
        self._secrets = secrets

    def formatTime(self, record: LogRecord, datefmt: str | None = None) -> str:
        """The instant, in UTC."""
        return f"{super().formatTime(record, datefmt)}.{int(record.msecs):03d}Z"

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """The parts of the record without secrets."""
        return {name: without(str(part), self._secrets) for name, part in log_data.items()}


def formatter(settings: Settings) -> Formatter:
    """What writes records as is set."""
    kind = JsonLines if settings.log_format == "json" else TextFormatter
    return kind(settings.log_level == "debug", settings.secrets)


def configure(settings: Settings) -> None:
    """Have everything logged as is set, other libraries' records too."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(settings))
    handler.addFilter(_with_request)
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)
    logging.getLogger("uvicorn.error").addFilter(_no_line_for_a_connection)
    for name, least in TOO_MUCH.items():
        logging.getLogger(name).setLevel(least)


def logged(error: Exception) -> str:
    """Log what was not foreseen; what the client is told of it."""
    number = secrets.token_hex(8)
    logger.error("unexpected error %s", number, exc_info=error)
    return f"Something went wrong on our side; its number in the log is {number}."


def _with_request(record: LogRecord) -> bool:
    exchange = EXCHANGE.get()
    record.request = "-" if exchange is None else exchange.id
    if record.name == "uvicorn.error":  # its name for all but the log of requests
        record.name = "uvicorn"
    return True


def _no_line_for_a_connection(record: LogRecord) -> bool:
    """Leave out what uvicorn and websockets tell of each WebSocket, with its query, at info."""
    return record.levelno > logging.INFO or "websockets" not in record.pathname


def _lines(error: BaseException, words: bool) -> Iterator[str]:
    if words:
        yield from traceback.format_exception(error)
        return
    led = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if led is not None:
        yield from _lines(led, words)
        yield "\nwhich led to\n\n"
    yield from traceback.format_tb(error.__traceback__)
    kind = type(error)
    yield f"{kind.__module__}.{kind.__qualname__}\n".removeprefix("builtins.")
