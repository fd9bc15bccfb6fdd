"""Attribution: find the criterion that made a statement fail."""

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext

from sqlalchemy import func, select

from graphql_app.audience.cancellation import WorkCancelledError
from graphql_app.criteria import Criterion
from graphql_app.errors import AppError, ErrorCode
from graphql_app.segments.fact_reader import FactReader
from graphql_app.segments.failures import CriterionFailedError, RuleTimeoutError, failed
from graphql_app.segments.predicate import columns, key
from graphql_app.segments.rules.tree import Rule, criteria, placing
from graphql_app.segments.timing import Answer, timed_answer


@contextmanager
def attributed_answer(
    reader: FactReader, rules: Collection[Rule], what: str, contacts: Sequence[int] | None = None
) -> Iterator[Answer]:
    """Time an answer about rules; when it fails, find the criterion to blame.

    ``what`` is the kind of answer, for metrics and the log. ``contacts`` limits the answer to these
    contacts' rows; ``None`` means all.

    Raises:
        CriterionFailedError: A criterion has no SQL, or its SQL fails when it is executed alone.
            It has the criterion's path if there is only one rule.
        RuleTimeoutError: The answer exceeded the time limit.
    """
    path_context = placing(next(iter(rules))) if len(rules) == 1 else nullcontext()
    with path_context, timed_answer(reader, rules, what) as answer:
        try:
            yield answer
        except (CriterionFailedError, WorkCancelledError):
            raise
        except Exception as error:
            leaves = distinct_criteria(rules)
            if isinstance(error, AppError):
                if error.code is ErrorCode.TIMEOUT:
                    raise RuleTimeoutError(map(type, leaves), str(error)) from error
                if error.code is not ErrorCode.UNAVAILABLE:
                    raise
            culprits = find_failing_criteria(reader, leaves, contacts)
            if not culprits:
                raise
            raise failed(culprits[0], error) from error


def distinct_criteria(rules: Iterable[Rule]) -> list[Criterion]:
    return list({key(leaf): leaf for rule in rules for leaf in criteria(rule)}.values())


def find_failing_criteria(
    reader: FactReader, leaves: Sequence[Criterion], contacts: Sequence[int] | None = None
) -> list[Criterion]:
    """Return the criteria that fail when they are executed alone.

    Search by halves: a half that works is not split further, so one faulty criterion among many
    takes few statements.

    Raises:
        WorkCancelledError: The work was cancelled meanwhile.
    """
    if try_criteria(reader, (), contacts) is not None:
        return []  # the store itself is down

    def search(some: Sequence[Criterion]) -> list[Criterion]:
        error = try_criteria(reader, some, contacts)
        if error is None or not _is_failure(error):
            return []
        if len(some) == 1:
            return [*some]
        half = len(some) // 2
        return [*search(some[:half]), *search(some[half:])]

    return search(leaves) if leaves else []


def try_criteria(
    reader: FactReader,
    leaves: Collection[Criterion],
    contacts: Sequence[int] | None = None,
    timeout: float = math.inf,
) -> Exception | None:
    """Execute one statement with some criteria; return its error, unless the work is cancelled."""
    try:
        answers = columns(list(leaves), reader.scope)
        counts = [func.countIf(answers.of(leaf)) for leaf in leaves]
        reader.rows(select(func.count(), *counts).select_from(answers.source), contacts, timeout)
    except WorkCancelledError:  # says nothing about the criteria
        raise
    except Exception as error:
        return error
    return None


def _is_failure(error: Exception) -> bool:
    """Return whether a criterion or the store is broken, rather than a limit exceeded."""
    return not isinstance(error, AppError) or error.code in {
        ErrorCode.UNAVAILABLE,
        ErrorCode.CRITERION_FAILED,
    }
