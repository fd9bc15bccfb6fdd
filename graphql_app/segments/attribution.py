"""Asking the audience about rules, so that one criterion's failure has its name."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext

from sqlalchemy import func, select

from graphql_app.audience.cancellation import WorkCancelledError
from graphql_app.audience.store import Audience
from graphql_app.criteria import Criterion, Scope
from graphql_app.errors import AppError, ErrorCode
from graphql_app.segments.failures import CriterionFailedError, RuleTimeoutError, failed
from graphql_app.segments.predicate import columns, key
from graphql_app.segments.rules.tree import Rule, criteria, placing
from graphql_app.segments.timing import Answer, answering


@contextmanager
def asking(
    audience: Audience,
    shop_id: int,
    rules: Collection[Rule],
    scope: Scope,
    contacts: Sequence[int] | None = None,
    *,
    what: str,
) -> Iterator[Answer]:
    """Make and execute a statement of some rules' criteria, for ``what``; arguments as it has them.

    Raises:
        CriterionFailedError: A criterion has no SQL, or its SQL fails when asked alone; with its
            place, if there is one rule.
        RuleTimeoutError: It took too long.
        AppError: Something else is wrong.
    """
    placed = placing(next(iter(rules))) if len(rules) == 1 else nullcontext()
    with placed, answering(audience, shop_id, rules, what) as answer:
        try:
            yield answer
        except (CriterionFailedError, WorkCancelledError):
            raise
        except Exception as error:
            leaves = different(rules)
            if isinstance(error, AppError):
                if error.code is ErrorCode.TIMEOUT:
                    raise RuleTimeoutError(map(type, leaves), str(error)) from error
                if error.code is not ErrorCode.UNAVAILABLE:
                    raise
            culprits = failing(audience, shop_id, leaves, scope, contacts)
            if not culprits:
                raise
            raise failed(culprits[0], error) from error


def different(rules: Iterable[Rule]) -> list[Criterion]:
    """The different criteria of some rules."""
    return list({key(leaf): leaf for rule in rules for leaf in criteria(rule)}.values())


def failing(
    audience: Audience,
    shop_id: int,
    leaves: Sequence[Criterion],
    scope: Scope,
    contacts: Sequence[int] | None = None,
) -> list[Criterion]:
    """Those of some criteria that fail when they are asked alone.

    Halves that work together are not looked into, so that few statements find one in many.
    """
    if attempt(audience, shop_id, (), scope, contacts) is not None:
        return []  # the store itself is down

    def search(some: Sequence[Criterion]) -> list[Criterion]:
        error = attempt(audience, shop_id, some, scope, contacts)
        if error is None or not _is_failure(error):
            return []
        if len(some) == 1:
            return [*some]
        half = len(some) // 2
        return [*search(some[:half]), *search(some[half:])]

    return search(leaves) if leaves else []


def attempt(
    audience: Audience,
    shop_id: int,
    leaves: Collection[Criterion],
    scope: Scope,
    contacts: Sequence[int] | None = None,
    timeout: float = math.inf,
) -> Exception | None:
    """What a statement of nothing but some criteria raises."""
    try:
        answers = columns(list(leaves), scope)
        counts = [func.countIf(answers.of(leaf)) for leaf in leaves]
        statement = select(func.count(), *counts).select_from(answers.source)
        audience.fetch_rows(statement, shop_id, contacts, timeout)
    except Exception as error:
        return error
    return None


def _is_failure(error: Exception) -> bool:
    """Whether an exception is more than a limit that was met."""
    return not isinstance(error, AppError) or error.code in {
        ErrorCode.UNAVAILABLE,
        ErrorCode.CRITERION_FAILED,
    }
