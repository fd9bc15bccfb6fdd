"""Logging to standard error, as text or JSON.

Each record has the id of its request. A record cannot be forged: control characters in it are
escaped. Exceptions are logged as types and locations only, because their messages may quote
personal data; LOG_LEVEL=debug adds the messages.
"""

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

from graphql_app.errors import InternalError
from graphql_app.observability.request_context import current_request_id
from graphql_app.redaction import redact
from graphql_app.settings import Settings

logger = logging.getLogger(__name__)

ExceptionInfo: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)

TEXT_FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s [%(request)s] %(message)s"
CONTINUATION = "    | "
JSON_NAMES = {"asctime": "time", "levelname": "level", "name": "logger", "exc_info": "exception"}

# Characters that end a line or move the cursor, and how to write them instead.
CONTROL_ESCAPES = {
    code: repr(chr(code))[1:-1] for code in (*range(32), 127, *range(128, 160), 8232, 8233)
}

# Below these levels, libraries log facts, statements and tokens, or noise, such as each failed
# attempt to reach a store.
LIBRARY_LEVELS = {
    "alembic": "WARNING",
    "asyncio": "INFO",
    "clickhouse_connect": "ERROR",
    "clickhouse_connect.driver.streaming": "CRITICAL",
    "opentelemetry": "INFO",
    "urllib3": "ERROR",
    "websockets": "INFO",
}


class _ExceptionFormatter(Formatter):
    """A formatter of exceptions, with or without their messages, and of times in UTC."""

    converter = staticmethod(time.gmtime)
    with_messages = False

    def formatException(self, ei: ExceptionInfo) -> str:
        if ei[1] is None:
            return ""
        return "".join(_format_exception(ei[1], self.with_messages)).rstrip()


class TextFormatter(_ExceptionFormatter):
    """A formatter of one line per record; an exception has lines that begin with a bar."""

    def __init__(self, with_messages: bool, secrets: Collection[str]) -> None:
        super().__init__(TEXT_FORMAT, "%Y-%m-%dT%H:%M:%S")
        self.with_messages = with_messages
        self._secrets = secrets

    def formatMessage(self, record: LogRecord) -> str:
        return super().formatMessage(record).translate(CONTROL_ESCAPES)

    def formatException(self, ei: ExceptionInfo) -> str:
        lines = super().formatException(ei).split("\n")
        return "\n".join(CONTINUATION + line.translate(CONTROL_ESCAPES) for line in lines)

    def format(self, record: LogRecord) -> str:
        return redact(super().format(record), self._secrets)


class JsonLinesFormatter(_ExceptionFormatter, JsonFormatter):
    """A formatter of one JSON object, on one line, per record."""

    def __init__(self, with_messages: bool, secrets: Collection[str]) -> None:
        JsonFormatter.__init__(
            self,
            ["asctime", "levelname", "name", "request", "message"],
            datefmt="%Y-%m-%dT%H:%M:%S",
            reserved_attrs=[*RESERVED_ATTRS, "color_message"],  # uvicorn's, for terminals
            rename_fields=JSON_NAMES,
        )
        self.with_messages = with_messages
        self._secrets = secrets

    def formatTime(self, record: LogRecord, datefmt: str | None = None) -> str:
        return f"{super().formatTime(record, datefmt)}.{int(record.msecs):03d}Z"

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        return {name: redact(str(part), self._secrets) for name, part in log_data.items()}


def create_formatter(settings: Settings) -> Formatter:
    formatter = JsonLinesFormatter if settings.log_format == "json" else TextFormatter
    return formatter(settings.log_level == "debug", settings.secrets)


def configure(settings: Settings) -> None:
    """Configure the logging of the whole process, libraries included."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(create_formatter(settings))
    handler.addFilter(_add_request_id)
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)
    logging.getLogger("uvicorn.error").addFilter(_skip_websocket_info)
    for name, level in LIBRARY_LEVELS.items():
        logging.getLogger(name).setLevel(level)


def log_unexpected(error: BaseException) -> InternalError:
    """Log an unexpected error under a random id; return the error to send to the client."""
    internal = InternalError(secrets.token_hex(8))
    logger.error("unexpected error %s", internal.id, exc_info=error)
    return internal


def _add_request_id(record: LogRecord) -> bool:
    record.request = current_request_id()
    if record.name == "uvicorn.error":  # uvicorn's name for everything but its access log
        record.name = "uvicorn"
    return True


def _skip_websocket_info(record: LogRecord) -> bool:
    """Drop what uvicorn and websockets log about each WebSocket: it has the query string."""
    return record.levelno > logging.INFO or "websockets" not in record.pathname


def _format_exception(error: BaseException, with_messages: bool) -> Iterator[str]:
    if with_messages:
        yield from traceback.format_exception(error)
        return
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield from _format_exception(cause, with_messages)
        yield "\nwhich led to\n\n"
    yield from traceback.format_tb(error.__traceback__)
    error_type = type(error)
    yield f"{error_type.__module__}.{error_type.__qualname__}\n".removeprefix("builtins.")
