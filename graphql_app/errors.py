"""Errors a client can see: one root, a code each, and where in the input they belong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil


def counted(number: int, noun: str) -> str:
    """A number of things in words, such as 1 second, or 2 seconds."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


class ErrorCode(StrEnum):
    """What went wrong, for programs; the message says it to people."""

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
    """One thing a person can mend: a code, a sentence, and the path of the input it is about."""

    code: ErrorCode
    message: str
    path: tuple[str | int, ...] = field(default=())

    def under(self, *prefix: str | int) -> Problem:
        """The same problem seen from further out."""
        return Problem(self.code, self.message, (*prefix, *self.path))


class AppError(Exception):
    """Root of the errors whose message and code are meant for the client."""

    def __init__(self, code: ErrorCode, message: str, path: Sequence[str | int] = ()) -> None:
        super().__init__(message)
        self.problems: tuple[Problem, ...] = (Problem(code, message, tuple(path)),)

    @property
    def code(self) -> ErrorCode:
        """The code of the first problem."""
        return self.problems[0].code


class InvalidInputError(AppError):
    """Input with one or more problems; nothing was changed."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        Exception.__init__(self, "; ".join(problem.message for problem in self.problems))


class UnauthenticatedError(AppError):
    """A token that gives access to nothing, or none."""

    def __init__(self) -> None:
        super().__init__(
            ErrorCode.UNAUTHENTICATED, "Send a valid token: Authorization: Bearer <token>."
        )


class RateLimitedError(AppError):
    """Too much was asked in too short a time.

    Attributes:
        retry_after: Whole seconds until it may be asked again, at least 1.
    """

    def __init__(self, message: str, seconds: float) -> None:
        self.retry_after = max(1, ceil(seconds))
        super().__init__(
            ErrorCode.RATE_LIMITED,
            f"{message}; try again in {counted(self.retry_after, 'second')}.",
        )


class NotFoundError(AppError):
    """Something that does not exist, or belongs to somebody else: the two look alike."""

    def __init__(self, noun: str, path: Sequence[str | int] = ()) -> None:
        super().__init__(ErrorCode.NOT_FOUND, f"No such {noun}.", path)
