"""What a request carries: who asks, and the services that answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property, partial

from anyio import to_thread
from strawberry.dataloader import DataLoader

from graphql_app.catalog.tokens import TOKEN_PATTERN, Access
from graphql_app.criteria import Scope
from graphql_app.errors import UnauthenticatedError
from graphql_app.runtime.services import Services
from graphql_app.runtime.threads import P, R, in_thread
from graphql_app.segments.failures import CriteriaError
from graphql_app.segments.repository import SavedSegments
from graphql_app.segments.rules.tree import Rule, keys
from graphql_app.segments.scope import shop_scope
from graphql_app.segments.size import SegmentSize, sizes


@dataclass(frozen=True, eq=False, slots=True)
class Asked:
    """A rule whose size is asked for, beside others'."""

    rule: Rule


@dataclass(frozen=True)
class Context:
    """One request of one shop.

    Attributes:
        writes: Whether it has begun to change something, and so goes on to its end.
    """

    services: Services
    access: Access
    authorization: str = field(default="", repr=False, kw_only=True)
    _begun: list[str] = field(default_factory=list, init=False, repr=False)

    @property
    def writes(self) -> bool:
        """See the class."""
        return bool(self._begun)

    def begins_to_write(self, field: str) -> None:
        """Note that a mutation begins."""
        self._begun.append(field)

    @classmethod
    async def admit(cls, services: Services, authorization: str) -> Context:
        """The context of whoever sends this as the header ``Authorization``.

        Raises:
            UnauthenticatedError: There is no valid token in it.
        """
        token = bearer_token(authorization)
        access = services.tokens.known(token)
        if access is None:
            access = await to_thread.run_sync(services.tokens.access, token)
        if access is None:
            raise UnauthenticatedError
        return cls(services, access, authorization=authorization)

    async def renewed(self) -> Context:
        """The context of the same token, now.

        Raises:
            UnauthenticatedError: It is no longer valid.
        """
        return await self.admit(self.services, self.authorization)

    @property
    def shop_id(self) -> int:
        """The shop that asks."""
        return self.access.shop_id

    @cached_property
    def scope(self) -> Scope:
        """The shop's zone and currency, at one instant for the whole request."""
        return shop_scope(self.access.shop)

    @property
    def saved(self) -> SavedSegments:
        """The shop's saved segments."""
        return SavedSegments(self.services.catalog, self.services.registry, self.access.shop)

    @cached_property
    def counter(self) -> DataLoader[Asked, SegmentSize]:
        """Counts rules, together those that a request asks for at once, such as a page of segments.

        Those with criteria of third parties are apart, for they may be slow.
        """
        return DataLoader(self._count)

    async def _count(self, asked: list[Asked]) -> list[SegmentSize | Exception]:
        theirs = [any(map(self.services.registry.is_third_party, keys(a.rule))) for a in asked]
        groups = [[n for n, their in enumerate(theirs) if their is of] for of in (False, True)]
        found: dict[int, SegmentSize | Exception] = {}

        async def count(numbers: list[int]) -> None:
            rules = [asked[number].rule for number in numbers]
            every = [key for rule in rules for key in keys(rule)]
            services = self.services
            counted = await self.run_with(
                every, sizes, services.audience, self.shop_id, rules, self.scope, services.index
            )
            found.update(zip(numbers, counted, strict=True))

        await asyncio.gather(*(count(numbers) for numbers in groups if numbers))
        return [self._named(found[number]) for number in range(len(asked))]

    def _named(self, found: SegmentSize | Exception) -> SegmentSize | Exception:
        return found.named(self.services.registry) if isinstance(found, CriteriaError) else found

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do blocking work in a thread; errors of criteria get the names of their plugins."""
        try:
            return await in_thread(partial(work, *args, **kwargs), self.services.turn(self.shop_id))
        except CriteriaError as error:
            raise error.named(self.services.registry) from error

    async def run_with(
        self, criteria: Iterable[str], work: Callable[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """As ``run``, for work with the criteria of some keys.

        Where some are of third parties, it waits its turn among such work, which has not all the
        threads: slow plugins keep each other waiting, and nobody else.
        """
        if not any(map(self.services.registry.is_third_party, criteria)):
            return await self.run(work, *args, **kwargs)
        async with self.services.third_party:
            return await self.run(work, *args, **kwargs)


def bearer_token(authorization: str) -> str:
    """The token in a header ``Authorization``.

    Raises:
        UnauthenticatedError: There is none, or nothing that could be one.
    """
    kind, _, token = authorization.partition(" ")
    token = token.strip()
    if kind.lower() != "bearer" or not TOKEN_PATTERN.fullmatch(token):
        raise UnauthenticatedError
    return token
