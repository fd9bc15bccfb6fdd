"""Failures of criteria: every exception of a plugin's code is attributed to its criterion.

A criterion's exception may quote personal data, so clients never see it. The log has its type and
location.
"""

from __future__ import annotations

import logging
import traceback
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from graphql_app.criteria import Criterion
from graphql_app.errors import AppError, ErrorCode
from graphql_app.plugins import Registry

logger = logging.getLogger(__name__)

FRAMES = 3


class CriteriaError(AppError, ABC):
    """An error of criteria; ``named`` adds their plugins to the message."""

    @abstractmethod
    def named(self, registry: Registry) -> AppError:
        """Return the error with the names of the plugins."""


class CriterionFailedError(CriteriaError):
    """A criterion's code or SQL failed. The criterion may be given as its class."""

    def __init__(
        self,
        criterion: Criterion | type[Criterion],
        path: Sequence[str | int] = (),
        registry: Registry | None = None,
    ) -> None:
        name = (registry or Registry()).named(kind_of(criterion))
        super().__init__(
            ErrorCode.CRITERION_FAILED, f"The criterion {name} failed; see the server's log.", path
        )
        self.criterion = criterion

    def at(self, path: Sequence[str | int]) -> CriterionFailedError:
        return CriterionFailedError(self.criterion, path)

    def named(self, registry: Registry) -> CriterionFailedError:
        return CriterionFailedError(self.criterion, self.problems[0].path, registry)


class RuleTimeoutError(CriteriaError):
    """A statement with some criteria exceeded the time limit."""

    def __init__(self, criteria: Iterable[type[Criterion]], message: str) -> None:
        super().__init__(ErrorCode.TIMEOUT, message)
        self.criteria = tuple(dict.fromkeys(criteria))

    def named(self, registry: Registry) -> RuleTimeoutError:
        theirs = [kind for kind in self.criteria if registry.is_third_party(kind.key)]
        names = ", ".join(map(registry.named, theirs))
        return RuleTimeoutError(
            self.criteria, f"{self}{f' It used third-party criteria: {names}.' if names else ''}"
        )


def kind_of(criterion: Criterion | type[Criterion]) -> type[Criterion]:
    return criterion if isinstance(criterion, type) else type(criterion)


@contextmanager
def blaming(criterion: Criterion | type[Criterion]) -> Iterator[None]:
    """Raise ``CriterionFailedError`` for any exception of a criterion's code, exits included."""
    try:
        yield
    except (Exception, SystemExit) as error:
        raise failed(criterion, error) from error


def failed(criterion: Criterion | type[Criterion], error: BaseException) -> CriterionFailedError:
    """Log an exception of a criterion; return the error to raise for it."""
    kind = kind_of(criterion)
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    locations = ", ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)
    logger.error(
        "the criterion %s of %s failed: %s at %s",
        kind.key,
        kind.__module__,
        type(error).__name__,
        locations,
    )
    return CriterionFailedError(criterion)
