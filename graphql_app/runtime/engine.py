"""A shop's engine for requests: in worker threads, with third-party criteria limited."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import pyarrow as pa
from strawberry.dataloader import DataLoader

from graphql_app.audience.read_log import ReadLog
from graphql_app.catalog.tables import Segment
from graphql_app.criteria import Option, SegmentTemplate
from graphql_app.runtime.services import CountedSize, Services
from graphql_app.segments.counts import ContactCounts
from graphql_app.segments.engine import ShopEngine
from graphql_app.segments.explanation import MembershipExplanation
from graphql_app.segments.export import Export
from graphql_app.segments.failures import CriteriaError, RuleTimeoutError
from graphql_app.segments.members import Page, Person
from graphql_app.segments.repository import SavedSegments
from graphql_app.segments.rules.tree import Rule, keys
from graphql_app.segments.size import SegmentSize

R = TypeVar("R")


@dataclass(frozen=True, eq=False, slots=True)
class _Request:
    """A rule to count; requests for equal rules stay apart."""

    rule: Rule


@dataclass(frozen=True)
class FairEngine:
    """A shop's engine for one request.

    Methods with the name of a method of ``ShopEngine`` give its answers. All methods do their work
    in worker threads, under the limit on third-party criteria, and raise the same errors with the
    names of the plugins. The engine is private, so that nothing evaluates a rule without the limit.
    """

    services: Services
    saved: SavedSegments
    _engine: ShopEngine

    async def _run(self, rules: Iterable[Rule], work: Callable[[], R]) -> R:
        criteria = (key for rule in rules for key in keys(rule))
        return await self.services.run(self._engine.shop_id, work, criteria)

    async def _run_unparsed(self, documents: Iterable[object], work: Callable[[], R]) -> R:
        criteria = (key for document in documents for key in self.saved.criteria_of(document))
        return await self.services.run(self._engine.shop_id, work, criteria)

    async def size(self, rule: Rule) -> SegmentSize:
        """Count a rule together with the others that the request counts at the same time."""
        return await self._batch.load(_Request(rule))

    async def count(self, rule: Rule) -> int:
        return await self._run([rule], lambda: self._engine.count(rule))

    async def members(self, rule: Rule, page: Page) -> Sequence[Person]:
        return await self._run([rule], lambda: self._engine.members(rule, page))

    async def people(self, ids: Sequence[int]) -> dict[int, Person]:
        return await self._run((), lambda: self._engine.people(ids))

    async def explain(self, rule: Rule, ids: Sequence[int]) -> dict[int, MembershipExplanation]:
        return await self._run([rule], lambda: self._engine.explain(rule, ids))

    async def contains(self, rule: Rule, contact_id: int) -> bool:
        return await self._run([rule], lambda: self._engine.contains(rule, contact_id))

    async def matching(self, rules: Mapping[int, Rule], contact_id: int) -> frozenset[int]:
        """Return the keys of the rules that a contact matches, without rules that fail.

        Rules with third-party criteria run apart, since they may be slow; those that take too long
        are left out.
        """
        slow = {number: rule for number, rule in rules.items() if self._is_limited(rule)}
        fast = {number: rule for number, rule in rules.items() if number not in slow}
        found = await self._matching(fast, contact_id)
        with suppress(RuleTimeoutError):
            found |= await self._matching(slow, contact_id)
        return found

    async def _matching(self, rules: Mapping[int, Rule], contact_id: int) -> frozenset[int]:
        return await self._run(rules.values(), lambda: self._engine.matching(rules, contact_id))

    async def sentences(self, rules: Sequence[Rule]) -> list[str]:
        return await self._run(rules, lambda: self._engine.sentences(rules))

    async def contact_counts(self) -> ContactCounts:
        return await self._run((), self._engine.contact_counts)

    async def suggest(
        self, criterion: str, field: str, search: str, first: int, given: Mapping[str, Any]
    ) -> Sequence[Option]:
        def work() -> Sequence[Option]:
            options = self.saved.options
            return self._engine.suggest(criterion, field, search, first, given, options)

        return await self.services.run(self._engine.shop_id, work, [criterion])

    async def labels(
        self, criterion: str, field: str, values: Sequence[str], given: Mapping[str, Any]
    ) -> dict[str, str]:
        def work() -> dict[str, str]:
            return self._engine.labels(criterion, field, values, given, self.saved.names)

        return await self.services.run(self._engine.shop_id, work, [criterion])

    async def fill(self, template: SegmentTemplate) -> dict[str, Any]:
        return await self._run_unparsed([template.rule], lambda: self._engine.fill(template))

    async def count_draft(self, document: object) -> CountedSize:
        """Parse and count a rule that a client sends."""
        return await self._run_unparsed(
            [document], lambda: self._count_draft(self.saved.parse(document))
        )

    async def count_parsed_draft(self, rule: Rule) -> CountedSize:
        return await self._run([rule], lambda: self._count_draft(rule))

    def _count_draft(self, rule: Rule) -> CountedSize:
        """Count a rule; note the reads apart from those of the request that happens to count."""
        reads = ReadLog(self.services.recorder, self._engine.shop_id)
        size = replace(self._engine, reads=reads).size(rule)
        reads.is_one_state()  # found out now, since requests may share the size for a while
        return size, reads

    async def read_page(
        self, export: Export, reads: ReadLog, encode: Callable[[pa.Table], bytes]
    ) -> tuple[bytes, Export]:
        """Return the next page of an export, encoded, and the export after it.

        Every page is read at the instant of this engine; ``reads`` notes the states of the facts.
        """
        rest, engine = copy(export), replace(self._engine, reads=reads)
        page = await self._run([export.rule], lambda: encode(rest.next_page(engine)))
        return page, rest

    async def summaries(self, segments: Sequence[Segment]) -> list[str]:
        """Return the summaries of some saved segments, as they read now."""
        cache = self.services.summaries
        cached = cache.cached(self._engine, segments)
        if cached is not None:
            return cached
        is_third_party = self.services.registry.is_third_party
        limited = [
            any(map(is_third_party, self.saved.criteria_of(segment.rule))) for segment in segments
        ]
        found: dict[int, str] = {}

        async def describe(numbers: list[int]) -> None:
            some = [segments[number] for number in numbers]
            texts = await self._run_unparsed(
                [segment.rule for segment in some],
                lambda: cache.summaries(self.saved, self._engine, some),
            )
            found.update(zip(numbers, texts, strict=True))

        await asyncio.gather(*map(describe, _passes(limited)))
        return [found[number] for number in range(len(segments))]

    def _is_limited(self, rule: Rule) -> bool:
        return any(map(self.services.registry.is_third_party, keys(rule)))

    @cached_property
    def _batch(self) -> DataLoader[_Request, SegmentSize]:
        return DataLoader(self._sizes)

    async def _sizes(self, requests: list[_Request]) -> list[SegmentSize | Exception]:
        """Count rules in two passes: with third-party criteria, which may be slow, and without."""
        limited = [self._is_limited(request.rule) for request in requests]
        found: dict[int, SegmentSize | Exception] = {}

        async def count(numbers: list[int]) -> None:
            rules = [requests[number].rule for number in numbers]
            sizes = await self._run(rules, lambda: self._engine.sizes(rules))
            found.update(zip(numbers, sizes, strict=True))

        await asyncio.gather(*map(count, _passes(limited)))
        return [self._named(found[number]) for number in range(len(requests))]

    def _named(self, found: SegmentSize | Exception) -> SegmentSize | Exception:
        return found.named(self.services.registry) if isinstance(found, CriteriaError) else found


def _passes(limited: Sequence[bool]) -> list[list[int]]:
    """Return the numbers of the items without third-party criteria, and of those with them."""
    passes = [[n for n, each in enumerate(limited) if each is kind] for kind in (False, True)]
    return [numbers for numbers in passes if numbers]
