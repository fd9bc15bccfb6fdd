"""Summaries: the sentences of saved segments, as they read now."""

import threading
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from contextlib import suppress
from time import monotonic

from graphql_app.catalog.tables import Segment
from graphql_app.segments.engine import ShopEngine
from graphql_app.segments.failures import CriterionFailedError
from graphql_app.segments.repository import SavedSegments
from graphql_app.segments.rules.tree import Rule

MAX_SUMMARIES = 20_000  # of all shops
SECONDS = 60.0  # for which a summary is kept, since the words of a plugin may depend on the time


class SummaryCache:
    """The summaries of saved segments, so that listing segments need not parse and describe rules.

    A summary is kept until the segment or a label of its shop changes. The summary of a segment
    that refers to others is not kept, because it names them.
    """

    def __init__(self, max_summaries: int = MAX_SUMMARIES) -> None:
        self._max_summaries = max_summaries
        self._kept: OrderedDict[Hashable, tuple[int, float, str]] = OrderedDict()
        self._lock = threading.Lock()

    def cached(self, engine: ShopEngine, segments: Sequence[Segment]) -> list[str] | None:
        """Return the summaries of some segments of a shop if all are kept; never blocks."""
        found = self._find(_changes(engine), [_key(engine, segment) for segment in segments])
        return [*found.values()] if len(found) == len(segments) else None

    def summaries(
        self, saved: SavedSegments, engine: ShopEngine, segments: Sequence[Segment]
    ) -> list[str]:
        """Return the summary of each segment.

        If its rule has a problem, or a criterion that cannot be described, this is the summary
        that was stored when it was saved.
        """
        changes, started = _changes(engine), monotonic()
        keys = [_key(engine, segment) for segment in segments]
        found = self._find(changes, keys)
        missing = [number for number in range(len(segments)) if number not in found]
        rules = saved.rules([segments[number] for number in missing])
        texts = _describe(engine, rules)
        if _changes(engine) != changes:  # a label changed, or not all were read at once
            changes = _changes(engine)
            texts = _describe(engine, rules)
        may_keep = _changes(engine) == changes
        for number, text in zip(missing, texts, strict=True):
            found[number] = segments[number].summary if text is None else text
        with self._lock:
            for number in missing if may_keep else ():
                if not saved.refers(segments[number].rule):
                    self._kept[keys[number]] = (changes, started, found[number])
                    self._kept.move_to_end(keys[number])
            while len(self._kept) > self._max_summaries:
                self._kept.popitem(last=False)
        return [found[number] for number in range(len(segments))]

    def _find(self, changes: int, keys: Sequence[Hashable]) -> dict[int, str]:
        """Return the summaries that are kept and still valid, by the position of their key."""
        oldest = monotonic() - SECONDS
        with self._lock:
            kept = [self._kept.get(key) for key in keys]
        return {
            number: each[2]
            for number, each in enumerate(kept)
            if each is not None and each[0] == changes and each[1] > oldest
        }


def _changes(engine: ShopEngine) -> int:
    return 0 if engine.label_cache is None else engine.label_cache.changes(engine.shop_id)


def _key(engine: ShopEngine, segment: Segment) -> Hashable:
    shop = (engine.shop_id, engine.scope.currency, engine.scope.timezone.key)
    # The database may give the id of a deleted segment to a new one.
    return (*shop, engine.label_cache is None, segment.id, segment.version, segment.created_at)


def _describe(engine: ShopEngine, rules: Sequence[Rule | None]) -> list[str | None]:
    """Write rules as sentences; ``None`` for no rule, and for one that cannot be described."""
    whole = [rule for rule in rules if rule is not None]
    with suppress(CriterionFailedError):
        sentences = iter(engine.sentences(whole))
        return [None if rule is None else next(sentences) for rule in rules]
    return [None if rule is None else _describe_one(engine, rule) for rule in rules]


def _describe_one(engine: ShopEngine, rule: Rule) -> str | None:
    with suppress(CriterionFailedError):
        return engine.sentences([rule])[0]
    return None
