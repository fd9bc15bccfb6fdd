"""Errors that clients see: one base class, a code for programs, and the input at fault."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil


def pluralize(count: int, noun: str) -> str:
    """Return a count with its noun, such as "1 second" or "2 seconds"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


class ErrorCode(StrEnum):
    """The kind of an error."""

    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    INVALID = "INVALID"
    UNKNOWN_CRITERION = "UNKNOWN_CRITERION"
    CRITERION_FAILED = "CRITERION_FAILED"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    NAME_TAKEN = "NAME_TAKEN"
    VERSION_CONFLICT = "VERSION_CONFLICT"
    DEFAULT_SEGMENT = "DEFAULT_SEGMENT"
    SEGMENT_IN_USE = "SEGMENT_IN_USE"
    SEGMENT_CYCLE = "SEGMENT_CYCLE"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    BAD_REQUEST = "BAD_REQUEST"
    BODY_TOO_LARGE = "BODY_TOO_LARGE"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    QUERY_TOO_DEEP = "QUERY_TOO_DEEP"
    QUERY_TOO_COSTLY = "QUERY_TOO_COSTLY"
    TOO_MANY_FIELDS = "TOO_MANY_FIELDS"
    TOO_MANY_ALIASES = "TOO_MANY_ALIASES"
    TOO_MANY_DIRECTIVES = "TOO_MANY_DIRECTIVES"
    TOO_MANY_TOKENS = "TOO_MANY_TOKENS"
    TOO_MANY_REPEATS = "TOO_MANY_REPEATS"
    TOO_MANY_OPERATIONS = "TOO_MANY_OPERATIONS"
    RATE_LIMITED = "RATE_LIMITED"
    INTROSPECTION_OFF = "INTROSPECTION_OFF"
    UNTRUSTED_DOCUMENT = "UNTRUSTED_DOCUMENT"
    TIMEOUT = "TIMEOUT"
    UNAVAILABLE = "UNAVAILABLE"
    INTERNAL = "INTERNAL"


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in the input: its code, a message, and the path of the value at fault."""

    code: ErrorCode
    message: str
    path: tuple[str | int, ...] = ()


class AppError(Exception):
    """Base class of the errors whose message and code are sent to clients."""

    def __init__(self, code: ErrorCode, message: str, path: Sequence[str | int] = ()) -> None:
        super().__init__(message)
        self.problems: tuple[Problem, ...] = (Problem(code, message, tuple(path)),)

    @property
    def code(self) -> ErrorCode:
        """The code of the first problem."""
        return self.problems[0].code


class InvalidInputError(AppError):
    """Input with one or more problems. Nothing was changed."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        Exception.__init__(self, "; ".join(problem.message for problem in self.problems))


BEARER_HEADER = "Authorization: Bearer <token>"


class UnauthenticatedError(AppError):
    """A request without a valid token."""

    def __init__(self) -> None:
        super().__init__(ErrorCode.UNAUTHENTICATED, f"Send a valid token: {BEARER_HEADER}.")


class RateLimitedError(AppError):
    """A request beyond a rate limit; ``retry_after`` is in whole seconds, at least 1."""

    def __init__(self, message: str, seconds: float) -> None:
        self.retry_after = max(1, ceil(seconds))
        super().__init__(
            ErrorCode.RATE_LIMITED,
            f"{message}; try again in {pluralize(self.retry_after, 'second')}.",
        )


class NotFoundError(AppError):
    """Something that does not exist, or that another shop owns: the client does not learn which."""

    def __init__(self, noun: str, hint: str, path: Sequence[str | int] = ()) -> None:
        super().__init__(ErrorCode.NOT_FOUND, f"No such {noun}. {hint}", path)


class InternalError(AppError):
    """An unexpected error, which the log describes under ``id``."""

    def __init__(self, id: str) -> None:
        self.id = id
        super().__init__(
            ErrorCode.INTERNAL, f"Something went wrong on our side. Search the log for {id}."
        )
