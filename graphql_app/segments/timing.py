"""Timing answers about rules, for the metrics and for the log of slow rules."""

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from enum import StrEnum
from time import perf_counter

from graphql_app.audience.cancellation import current_cancellation
from graphql_app.observability import traces
from graphql_app.observability.request_context import metrics
from graphql_app.segments.fact_reader import FactReader
from graphql_app.segments.rules.redacted import redacted_sentence
from graphql_app.segments.rules.tree import Rule

logger = logging.getLogger(__name__)

MAX_LOGGED_RULES = 5
MAX_LOGGED_LENGTH = 1_000  # characters of each rule


class Source(StrEnum):
    INDEX = "index"
    LOAD = "load"
    ENGINE = "engine"


class Answer:
    def __init__(self) -> None:
        self._statements_before = _executed_statements()
        self.source: Source | None = None  # until it is known

    def came_from_index(self) -> None:
        """Note that the index answered, from memory or after loading vectors."""
        loaded = _executed_statements() > self._statements_before
        self.source = Source.LOAD if loaded else Source.INDEX

    def came_from_engine(self) -> None:
        self.source = Source.ENGINE


@contextmanager
def timed_answer(reader: FactReader, rules: Collection[Rule], what: str) -> Iterator[Answer]:
    """Time an answer. Failures are logged when they were slow, and left out of the metrics."""
    answer, began = Answer(), perf_counter()
    with traces.span(f"rule {what}"):
        try:
            yield answer
        finally:
            seconds = perf_counter() - began
            if answer.source is not None:
                metrics().answers.labels(what, answer.source).observe(seconds)
            if seconds >= reader.audience.slow_rule_seconds:
                metrics().slow_rules.inc()
                # A store that does not answer makes every rule slow; its outage is logged.
                if answer.source is not None or not reader.audience.is_failing:
                    _log_slow(reader.shop_id, rules, what, answer, seconds)


def _executed_statements() -> int:
    cancellation = current_cancellation.get()
    return 0 if cancellation is None else cancellation.statements


def _log_slow(
    shop_id: int, rules: Collection[Rule], what: str, answer: Answer, seconds: float
) -> None:
    sentences = [
        redacted_sentence(rule)[:MAX_LOGGED_LENGTH] for rule in [*rules][:MAX_LOGGED_RULES]
    ]
    more = len(rules) - len(sentences)
    logger.warning(
        "slow rule: %s of shop %s took %.2f s (%s): %s",
        what,
        shop_id,
        seconds,
        answer.source or "failed",
        "; ".join(sentences) + (f"; and {more} more" if more else ""),
    )
