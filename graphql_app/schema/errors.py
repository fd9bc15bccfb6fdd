"""Errors as clients see them: ``userErrors`` of mutations, and errors with a code elsewhere."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Self, TypeVar

import strawberry
from graphql import GraphQLError, GraphQLSyntaxError
from strawberry import field
from strawberry.exceptions import MissingQueryError
from strawberry.extensions import SchemaExtension
from strawberry.schema.exceptions import CannotGetOperationTypeError

from graphql_app.errors import AppError, ErrorCode, Problem, RateLimitedError
from graphql_app.observability.logs import log_unexpected
from graphql_app.observability.request_context import count_errors
from graphql_app.schema.descriptions import described_enum

MAX_USER_ERRORS = 100

# Errors that the client caused.
REFUSALS = (GraphQLError, CannotGetOperationTypeError, MissingQueryError)

# How graphql-core reports an invalid variable.
INVALID_VARIABLE = re.compile(r"Variable '\$(\w+)' has invalid value at ([\w.\[\]]+): ")

UserErrorCode = described_enum(
    ErrorCode,
    {
        ErrorCode.UNAUTHENTICATED: "The request has no valid token.",
        ErrorCode.FORBIDDEN: "The token lacks a required scope.",
        ErrorCode.NOT_FOUND: "The shop has no object with this id or name.",
        ErrorCode.INVALID: "A value is invalid.",
        ErrorCode.UNKNOWN_CRITERION: "No installed plugin supplies a criterion of the rule.",
        ErrorCode.CRITERION_FAILED: "A criterion's plugin failed; rules without it work.",
        ErrorCode.LIMIT_EXCEEDED: "The request exceeds a limit; the message names it.",
        ErrorCode.NAME_TAKEN: "Another segment of the shop has this name.",
        ErrorCode.VERSION_CONFLICT: "The segment has changed since the version you expected.",
        ErrorCode.DEFAULT_SEGMENT: "Default segments cannot be changed.",
        ErrorCode.SEGMENT_IN_USE: "Other segments refer to this segment.",
        ErrorCode.SEGMENT_CYCLE: "The rule would refer to its own segment, directly or indirectly.",
        ErrorCode.IDEMPOTENCY_KEY_REUSED: "The key was used for a different call within 24 hours.",
        ErrorCode.BAD_REQUEST: "The request is not valid GraphQL for this schema.",
        ErrorCode.BODY_TOO_LARGE: "The body exceeds the token's size limit.",
        ErrorCode.UNSUPPORTED_MEDIA_TYPE: "The media type of the body is not supported.",
        ErrorCode.QUERY_TOO_DEEP: "The query exceeds the depth limit.",
        ErrorCode.QUERY_TOO_COSTLY: "The query exceeds the cost limit.",
        ErrorCode.TOO_MANY_FIELDS: "The query exceeds the limit on fields.",
        ErrorCode.TOO_MANY_ALIASES: "The query exceeds the limit on aliases.",
        ErrorCode.TOO_MANY_DIRECTIVES: "The query exceeds the limit on directives.",
        ErrorCode.TOO_MANY_TOKENS: "The query exceeds the limit on tokens.",
        ErrorCode.TOO_MANY_REPEATS: "The query repeats the same fields too often.",
        ErrorCode.TOO_MANY_OPERATIONS: "The connection exceeds the limit on operations at once.",
        ErrorCode.RATE_LIMITED: "The client sends too many requests.",
        ErrorCode.INTROSPECTION_OFF: "Introspection is turned off.",
        ErrorCode.UNTRUSTED_DOCUMENT: "The server runs trusted documents only; this is not one.",
        ErrorCode.TIMEOUT: "The request took too long.",
        ErrorCode.UNAVAILABLE: "A store is unavailable.",
        ErrorCode.INTERNAL: "The server failed unexpectedly.",
    },
    name="ErrorCode",
    description="The kind of error.",
)

# Errors that no change of the input can fix are errors of the operation, not user errors.
NOT_THE_USERS = frozenset(
    {ErrorCode.FORBIDDEN, ErrorCode.TIMEOUT, ErrorCode.UNAVAILABLE, ErrorCode.INTERNAL}
)


@strawberry.type(description="A problem with a mutation's input, which the user can fix.")
class UserError:
    code: ErrorCode = field(description="The kind of error.")
    message: str = field(description="The error message.")
    path: list[str] = field(
        description="Path of the input from the argument down; list items by number."
    )

    @classmethod
    def of(cls, problem: Problem) -> Self:
        return cls(code=problem.code, message=problem.message, path=[*map(str, problem.path)])


@strawberry.type(description="Why a stored rule is no longer valid.")
class RuleProblem(UserError):
    path: list[str] = field(description="Path of the node from `rule` down; list items by number.")


Payload = TypeVar("Payload")


async def answer(
    work: Callable[[], Awaitable[Payload]], refused: Callable[[list[UserError]], Payload]
) -> Payload:
    """Return a mutation's payload: the result of the work, or one made of its user errors."""
    try:
        return await work()
    except AppError as error:
        if error.code in NOT_THE_USERS:
            raise
        count_errors(problem.code for problem in error.problems)
        return refused([UserError.of(problem) for problem in error.problems[:MAX_USER_ERRORS]])


class CodedErrors(SchemaExtension):
    """An extension that gives every error a code, and logs and masks unexpected ones."""

    def on_operation(self) -> Iterator[None]:
        yield
        result: Any = self.execution_context.result
        if result is not None and getattr(result, "errors", None):
            result.errors = coded(result.errors)


def coded(errors: Sequence[GraphQLError]) -> list[GraphQLError]:
    """Return errors with ``extensions.code``, one for each problem, with the path of the input."""
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
        variable = INVALID_VARIABLE.match(error.message)
        if variable:
            steps = re.findall(r"\w+", variable[2])
            steps_with_numbers = [int(step) if step.isdigit() else step for step in steps]
            extensions["path"] = [variable[1], *steps_with_numbers]
        yield _copy(error, error.message, extensions)
    elif isinstance(original, RecursionError):
        extensions = {"code": ErrorCode.QUERY_TOO_DEEP.value}
        yield _copy(error, "The query is nested too deeply.", extensions)
    elif error.path is None and isinstance(original, ValueError):
        # Python refuses to parse an integer literal with thousands of digits.
        extensions = {"code": ErrorCode.BAD_REQUEST.value}
        yield _copy(error, "The query contains a value that cannot be parsed.", extensions)
    else:
        internal = log_unexpected(original)
        extensions = {"code": internal.code.value, "id": internal.id}
        yield _copy(error, str(internal), extensions)


def _code_of_refusal(error: GraphQLError) -> ErrorCode:
    if isinstance(error, GraphQLSyntaxError):
        # The parser reports its limits by message only.
        if "nested too deeply" in error.message:
            return ErrorCode.QUERY_TOO_DEEP
        if "Parsing aborted" in error.message:
            return ErrorCode.TOO_MANY_TOKENS
    return ErrorCode.BAD_REQUEST


def _copy(error: GraphQLError, message: str, extensions: dict[str, Any]) -> GraphQLError:
    if "code" not in (error.extensions or {}):  # otherwise it has been counted
        count_errors([extensions["code"]])
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=extensions,
    )
