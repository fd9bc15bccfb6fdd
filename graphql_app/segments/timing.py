"""How long an answer about rules took, and where it came from; slow ones are logged."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from enum import StrEnum
from time import perf_counter

from graphql_app.audience.cancellation import current_cancellation
from graphql_app.audience.store import Audience
from graphql_app.observability import traces
from graphql_app.observability.request_context import metrics
from graphql_app.segments.rules.redacted import outline
from graphql_app.segments.rules.tree import Rule

logger = logging.getLogger(__name__)

MAX_OUTLINES = 5
MAX_OUTLINE = 1_000  # characters


class Source(StrEnum):
    """Where an answer came from."""

    INDEX = "index"
    LOAD = "load"
    ENGINE = "engine"


class Answer:
    """An answer that is being worked out.

    Attributes:
        source: Where it came from, once that is known.
    """

    def __init__(self) -> None:
        self._before = _statements()
        self.source: Source | None = None

    def is_from_index(self) -> None:
        """Note that the index has answered, by itself or with statements up to now."""
        self.source = Source.LOAD if _statements() > self._before else Source.INDEX

    def is_from_engine(self) -> None:
        """Note that the engine has answered."""
        self.source = Source.ENGINE


@contextmanager
def answering(
    audience: Audience, shop_id: int, rules: Collection[Rule], what: str
) -> Iterator[Answer]:
    """Time what is worked out; what fails is told if it took long, but not counted."""
    answer, begun = Answer(), perf_counter()
    with traces.span(f"rule {what}"):
        try:
            yield answer
        finally:
            seconds = perf_counter() - begun
            if answer.source is not None:
                metrics().answers.labels(what, answer.source).observe(seconds)
            if seconds >= audience.slow_rule_seconds:
                _tell(shop_id, rules, what, answer, seconds)


def _statements() -> int:
    cancellation = current_cancellation.get()
    return 0 if cancellation is None else cancellation.statements


def _tell(shop_id: int, rules: Collection[Rule], what: str, answer: Answer, seconds: float) -> None:
    metrics().slow_rules.inc()
    sentences = [outline(rule)[:MAX_OUTLINE] for rule in [*rules][:MAX_OUTLINES]]
    more = len(rules) - len(sentences)
    logger.warning(
        "slow rule: %s of shop %s took %.2f s (%s): %s",
        what,
        shop_id,
        seconds,
        answer.source or "failed",
        "; ".join(sentences) + (f"; and {more} more" if more else ""),
    )
