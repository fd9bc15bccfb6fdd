"""A shop's engine for requests: in worker threads, with third-party criteria limited."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from strawberry.dataloader import DataLoader

from graphql_app.criteria import Option
from graphql_app.runtime.services import Services
from graphql_app.segments.counts import ContactCounts, count_contacts
from graphql_app.segments.engine import ShopEngine
from graphql_app.segments.explanation import MembershipExplanation
from graphql_app.segments.failures import CriteriaError, RuleTimeoutError
from graphql_app.segments.members import Page, Person
from graphql_app.segments.rules.tree import Rule, keys
from graphql_app.segments.size import SegmentSize
from graphql_app.segments.suggestions import SegmentNames, SegmentOptions, labels, suggestions

R = TypeVar("R")


@dataclass(frozen=True, eq=False, slots=True)
class _Request:
    """A rule to count; requests for equal rules stay apart."""

    rule: Rule


@dataclass(frozen=True)
class FairEngine:
    """A shop's engine for one request.

    Each method runs the method of ``ShopEngine`` with its name in a worker thread, under the limit
    on third-party criteria, and raises the same errors with the names of the plugins.

    Attributes:
        unlimited: The engine itself, for work that is passed to ``run``.
    """

    services: Services
    unlimited: ShopEngine

    async def run(self, rules: Iterable[Rule], work: Callable[[], R]) -> R:
        criteria = (key for rule in rules for key in keys(rule))
        return await self.services.run(self.unlimited.shop_id, work, criteria)

    async def size(self, rule: Rule) -> SegmentSize:
        return await self.run([rule], lambda: self.unlimited.size(rule))

    async def size_in_batch(self, rule: Rule) -> SegmentSize:
        """Count a rule together with the others that the request counts at the same time."""
        return await self._batch.load(_Request(rule))

    async def count(self, rule: Rule) -> int:
        return await self.run([rule], lambda: self.unlimited.count(rule))

    async def members(self, rule: Rule, page: Page) -> Sequence[Person]:
        return await self.run([rule], lambda: self.unlimited.members(rule, page))

    async def people(self, ids: Sequence[int]) -> dict[int, Person]:
        return await self.run((), lambda: self.unlimited.people(ids))

    async def explain(self, rule: Rule, ids: Sequence[int]) -> dict[int, MembershipExplanation]:
        return await self.run([rule], lambda: self.unlimited.explain(rule, ids))

    async def contains(self, rule: Rule, contact_id: int) -> bool:
        return bool(await self.run([rule], lambda: self.unlimited.contains({0: rule}, contact_id)))

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
        return await self.run(
            rules.values(), lambda: self.unlimited.contains_unless_failing(rules, contact_id)
        )

    async def sentence(self, rule: Rule) -> str:
        [sentence] = await self.run([rule], lambda: self.unlimited.sentences([rule]))
        return sentence

    async def contact_counts(self) -> ContactCounts:
        return await self.run((), lambda: count_contacts(self.unlimited))

    async def suggest(
        self,
        criterion: str,
        field: str,
        search: str,
        first: int,
        given: Mapping[str, Any],
        segments: SegmentOptions,
    ) -> Sequence[Option]:
        registry = self.services.registry

        def work() -> Sequence[Option]:
            return suggestions(
                self.unlimited,
                registry,
                criterion,
                field,
                search,
                first,
                given=given,
                segments=segments,
            )

        return await self.services.run(self.unlimited.shop_id, work, [criterion])

    async def labels(
        self,
        criterion: str,
        field: str,
        values: Sequence[str],
        given: Mapping[str, Any],
        segments: SegmentNames,
    ) -> dict[str, str]:
        registry = self.services.registry

        def work() -> dict[str, str]:
            return labels(
                self.unlimited, registry, criterion, field, values, given=given, segments=segments
            )

        return await self.services.run(self.unlimited.shop_id, work, [criterion])

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
            sizes = await self.run(rules, lambda: self.unlimited.sizes(rules))
            found.update(zip(numbers, sizes, strict=True))

        passes = [[n for n, each in enumerate(limited) if each is kind] for kind in (False, True)]
        await asyncio.gather(*(count(numbers) for numbers in passes if numbers))
        return [self._named(found[number]) for number in range(len(requests))]

    def _named(self, found: SegmentSize | Exception) -> SegmentSize | Exception:
        return found.named(self.services.registry) if isinstance(found, CriteriaError) else found
