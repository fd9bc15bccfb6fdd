"""Errors as clients see them: ``userErrors`` of mutations, coded errors of everything else."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, TypeVar

import strawberry
from graphql import GraphQLError, GraphQLSyntaxError
from strawberry.exceptions import MissingQueryError
from strawberry.extensions import SchemaExtension
from strawberry.schema.exceptions import CannotGetOperationTypeError

from graphql_app.errors import AppError, ErrorCode, Problem, RateLimitedError
from graphql_app.observability.request_context import count_errors
from graphql_app.schema.descriptions import described_enum

logger = logging.getLogger(__name__)

MAX_USER_ERRORS = 100

# What is no fault of the server's.
REFUSALS = (GraphQLError, CannotGetOperationTypeError, MissingQueryError)

# Where graphql-core says that a variable's value is wrong.
VARIABLE_PLACE = re.compile(r"Variable '\$(\w+)' has invalid value at ([\w.\[\]]+): ")

UserErrorCode = described_enum(
    ErrorCode,
    {
        ErrorCode.UNAUTHENTICATED: "No token was sent, or none that is valid.",
        ErrorCode.FORBIDDEN: "The token lacks a scope.",
        ErrorCode.NOT_FOUND: "The shop has nothing by this id or name.",
        ErrorCode.INVALID: "A value is not one that its field takes.",
        ErrorCode.UNKNOWN_CRITERION: "A rule has a criterion that no installed plugin supplies.",
        ErrorCode.CRITERION_FAILED: "A criterion failed in its plugin; other criteria do not.",
        ErrorCode.LIMIT_EXCEEDED: "This is more than can be asked or sent at once.",
        ErrorCode.NAME_TAKEN: "Another segment of the shop has the name.",
        ErrorCode.VERSION_CONFLICT: "Somebody else saved another version meanwhile.",
        ErrorCode.DEFAULT_SEGMENT: "A default segment cannot be changed.",
        ErrorCode.SEGMENT_IN_USE: "Rules of other segments refer to the segment.",
        ErrorCode.SEGMENT_CYCLE: "A rule would ask about its own segment, through others or not.",
        ErrorCode.IDEMPOTENCY_KEY_REUSED: "The key was used for something else in the last day.",
        ErrorCode.BAD_REQUEST: "The request is no valid GraphQL of this schema.",
        ErrorCode.BODY_TOO_LARGE: "The body has more bytes than the token may send.",
        ErrorCode.UNSUPPORTED_MEDIA_TYPE: "The body is of a media type that is not served.",
        ErrorCode.QUERY_TOO_DEEP: "The query has more levels than it may have.",
        ErrorCode.QUERY_TOO_COSTLY: "The query costs more than it may.",
        ErrorCode.TOO_MANY_FIELDS: "The query has more fields than it may have.",
        ErrorCode.TOO_MANY_ALIASES: "The query has more aliases than it may have.",
        ErrorCode.TOO_MANY_DIRECTIVES: "The query has more directives than it may have.",
        ErrorCode.TOO_MANY_TOKENS: "The query has more tokens than it may have.",
        ErrorCode.TOO_MANY_REPEATS: "The query names the same fields more often than it may.",
        ErrorCode.TOO_MANY_OPERATIONS: "The connection has as many operations as it may have.",
        ErrorCode.RATE_LIMITED: "Too much was asked in too short a time.",
        ErrorCode.INTROSPECTION_OFF: "The server does not tell its schema.",
        ErrorCode.UNTRUSTED_DOCUMENT: "The server runs documents of a list only, without this one.",
        ErrorCode.TIMEOUT: "It took too long; a simpler rule or a narrower window may not.",
        ErrorCode.UNAVAILABLE: "A store does not answer; the same request may work in a moment.",
        ErrorCode.INTERNAL: "Something went wrong on the server's side.",
    },
    name="ErrorCode",
    description="What went wrong, for programs.",
)

# What no change of the input would mend is an error of the operation, not of the user.
NOT_THE_USERS = frozenset(
    {ErrorCode.FORBIDDEN, ErrorCode.TIMEOUT, ErrorCode.UNAVAILABLE, ErrorCode.INTERNAL}
)


@strawberry.type(description="Something in a mutation's input that a person can mend.")
class UserError:
    """See the description."""

    code: ErrorCode = strawberry.field(description="What is wrong, for programs.")
    message: str = strawberry.field(description="What is wrong, for people.")
    path: list[str] = strawberry.field(
        description="The input that it is about, from the argument down; list items by number."
    )

    @classmethod
    def of(cls, problem: Problem) -> UserError:
        """A problem as a user error."""
        return cls(code=problem.code, message=problem.message, path=[*map(str, problem.path)])


@strawberry.type(description="Why a stored rule does not hold any more.")
class RuleProblem:
    """See the description."""

    code: ErrorCode = strawberry.field(description="What is wrong, for programs.")
    message: str = strawberry.field(description="What is wrong, for people.")
    path: list[str] = strawberry.field(
        description="The node, from `rule` down; list items by number."
    )

    @classmethod
    def of(cls, problem: Problem) -> RuleProblem:
        """A problem of a stored rule."""
        return cls(code=problem.code, message=problem.message, path=[*map(str, problem.path)])


Payload = TypeVar("Payload")


async def answer(
    work: Callable[[], Awaitable[Payload]], refused: Callable[[list[UserError]], Payload]
) -> Payload:
    """The payload of a mutation: what the work gives, or why it was refused."""
    try:
        return await work()
    except AppError as error:
        if error.code in NOT_THE_USERS:
            raise
        count_errors(problem.code for problem in error.problems)
        return refused([UserError.of(problem) for problem in error.problems[:MAX_USER_ERRORS]])


class CodedErrors(SchemaExtension):
    """Gives every error a code; what was not foreseen is logged and masked."""

    def on_operation(self) -> Iterator[None]:
        """Rewrite the errors of the result."""
        yield
        result: Any = self.execution_context.result
        if result is not None and getattr(result, "errors", None):
            result.errors = coded(result.errors)


def coded(errors: Sequence[GraphQLError]) -> list[GraphQLError]:
    """Errors with ``extensions.code``; one for each problem, with the path of the input."""
    return [coded_error for error in errors for coded_error in _coded(error)]


def _coded(error: GraphQLError) -> Iterator[GraphQLError]:
    original = error.original_error
    while isinstance(original, GraphQLError) and original.original_error is not None:
        original = original.original_error
    if isinstance(original, AppError):
        for problem in original.problems[:MAX_USER_ERRORS]:
            extensions: dict[str, Any] = {"code": problem.code.value}
            if problem.path:
                extensions["path"] = list(problem.path)
            if isinstance(original, RateLimitedError):
                extensions["retryAfter"] = original.retry_after
            yield _copy(error, problem.message, extensions)
    elif original is None or isinstance(original, REFUSALS):
        extensions = {"code": _code_of_refusal(error).value, **(error.extensions or {})}
        place = VARIABLE_PLACE.match(error.message)
        if place:
            steps = re.findall(r"\w+", place[2])
            extensions["path"] = [
                place[1],
                *(int(step) if step.isdigit() else step for step in steps),
            ]
        yield _copy(error, error.message, extensions)
    elif isinstance(original, RecursionError):
        yield _copy(
            error, "The query is nested too deeply.", {"code": ErrorCode.QUERY_TOO_DEEP.value}
        )
    elif error.path is None and isinstance(original, ValueError):
        # Python refuses to read a number of thousands of digits, in whatever checks literals.
        yield _copy(
            error,
            "The query holds a value that cannot be read.",
            {"code": ErrorCode.BAD_REQUEST.value},
        )
    else:
        number = secrets.token_hex(8)
        logger.error("unexpected error %s", number, exc_info=original)
        yield _copy(
            error,
            f"Something went wrong on our side; its number in the log is {number}.",
            {"code": ErrorCode.INTERNAL.value, "id": number},
        )


def _code_of_refusal(error: GraphQLError) -> ErrorCode:
    if isinstance(error, GraphQLSyntaxError):
        # The parser has words for its limits, and no types.
        if "nested too deeply" in error.message:
            return ErrorCode.QUERY_TOO_DEEP
        if "Parsing aborted" in error.message:
            return ErrorCode.TOO_MANY_TOKENS
    return ErrorCode.BAD_REQUEST


def _copy(error: GraphQLError, message: str, extensions: dict[str, Any]) -> GraphQLError:
    if "code" not in (error.extensions or {}):  # else it has been counted
        count_errors([extensions["code"]])
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=extensions,
    )
