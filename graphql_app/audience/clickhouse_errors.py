"""What ClickHouse and the way to it raise, as errors for clients and reasons for the log."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import urllib3.exceptions
from clickhouse_connect.driver.exceptions import ClickHouseError
from sqlalchemy.exc import SQLAlchemyError

from graphql_app.audience.cancellation import WorkCancelledError, current_cancellation
from graphql_app.errors import AppError, ErrorCode
from graphql_app.observability.outages import StoreHealth

# Raised if the store fails, or if a response is not one of ClickHouse's.
DRIVER_ERRORS = (SQLAlchemyError, ClickHouseError, pa.ArrowException, urllib3.exceptions.HTTPError)


class AudienceUnavailableError(AppError):
    """The audience cannot be used; the message says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.UNAVAILABLE, message)


class AudienceInUseError(AudienceUnavailableError):
    """The embedded store is open in another process."""


@contextmanager
def translate_errors(health: StoreHealth) -> Iterator[None]:
    """Raise errors of the driver as ``AppError`` (or ``WorkCancelledError``), and log outages."""
    try:
        yield
    except DRIVER_ERRORS as error:
        raise _translate(error, health) from error
    health.answered()


def _translate(error: Exception, health: StoreHealth) -> Exception:
    cause: Any = getattr(error, "orig", None) or error
    name, cancellation = getattr(cause, "name", None), current_cancellation.get()
    match name:
        case "QUERY_WAS_CANCELLED" if cancellation is not None and cancellation.cancelled:
            return WorkCancelledError()
        case "TOO_BIG_AST" | "TOO_DEEP_AST":
            return _rule_too_long()
        case "SYNTAX_ERROR" if "Max query size" in str(cause):
            return _rule_too_long()
        case "MEMORY_LIMIT_EXCEEDED":
            return AppError(
                ErrorCode.LIMIT_EXCEEDED,
                "The statement exceeded its memory limit; simplify the rule.",
            )
        case "TIMEOUT_EXCEEDED" | "TOO_SLOW":  # TOO_SLOW: the engine foresees a timeout
            return statement_timeout()
    reason = _describe_safely(cause)
    # An error of the engine may be due to its statement, such as a plugin's. It must not hide that
    # the store stops answering, so each code has outages of its own.
    health.failed(error, reason, kind="" if getattr(cause, "code", None) is None else reason)
    if "Timeout" in reason:
        return AppError(
            ErrorCode.TIMEOUT, "The audience store did not answer in time; try again in a moment."
        )
    return AudienceUnavailableError("The audience store failed; try again in a moment.")


def statement_timeout() -> AppError:
    return AppError(
        ErrorCode.TIMEOUT,
        "The statement exceeded its time limit; simplify the rule or narrow its time windows.",
    )


def _rule_too_long() -> AppError:
    return AppError(ErrorCode.LIMIT_EXCEEDED, "The rule is too long; shorten its lists.")


def _describe_safely(cause: Any) -> str:
    """Describe a failure by the engine's error code, the HTTP status or the exceptions' names.

    The texts of the engine, of a proxy and of a URL may contain personal data.
    """
    if getattr(cause, "code", None) is not None:
        return f"Code: {cause.code} {cause.name or ''}".rstrip()
    status = re.match(r"HTTP driver received HTTP status \d+", str(cause))
    return status[0] if status else " < ".join(_name_chain(cause))


def _name_chain(error: BaseException | None) -> Iterator[str]:
    """Yield the name of an exception and of its causes, down to the operating system's error."""
    while error is not None:
        words = getattr(error, "strerror", None)
        yield type(error).__name__ + (f" ({words})" if words else "")
        error = getattr(error, "reason", None) or error.__cause__ or error.__context__
        if not isinstance(error, BaseException):
            return


def explain_connection_failure(error: Exception) -> str:
    cause: Any = getattr(error, "orig", None) or error
    match getattr(cause, "name", None):
        case "AUTHENTICATION_FAILED" | "REQUIRED_PASSWORD" | "WRONG_PASSWORD" | "UNKNOWN_USER":
            return "the server rejects the user or the password of AUDIENCE_URL."
        case "UNKNOWN_DATABASE":
            return "the server has no such database; create it, or name another one."
    if isinstance(cause.__cause__, urllib3.exceptions.HTTPError):
        chain = " < ".join(_name_chain(cause.__cause__))
        return f"no ClickHouse server answers at this address ({chain})."
    return str(cause).splitlines()[0][:300]
