"""What a request carries: who asks, and the services that answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, ParamSpec, TypeVar
from weakref import WeakValueDictionary

import strawberry
from anyio import CapacityLimiter, Lock, Semaphore, to_thread
from strawberry.dataloader import DataLoader
from strawberry.extensions import FieldExtension
from strawberry.types import Info
from strawberry.utils.await_maybe import AwaitableOrValue, await_maybe

from graphql_app.audience.ingest import Recorder
from graphql_app.audience.store import Audience
from graphql_app.audience.work import WORK, Work
from graphql_app.catalog.access import TOKEN_PATTERN, Access, Tokens
from graphql_app.catalog.store import Catalog
from graphql_app.catalog.tables import TokenScope
from graphql_app.criteria import Scope
from graphql_app.errors import AppError, ErrorCode, UnauthenticatedError
from graphql_app.plugins import Registry
from graphql_app.schema.live import Flights, NewFacts
from graphql_app.segments.failures import CriteriaError
from graphql_app.segments.index import SizeIndex
from graphql_app.segments.rule import Rule, keys
from graphql_app.segments.saved import SavedSegments
from graphql_app.segments.scope import shop_scope
from graphql_app.segments.size import SegmentSize, sizes

# Seconds between the sizes that a subscription sends, at least.
LIVE = 0.25

# Seconds after which work that is to stop is told again: it may just have begun a statement.
STOP_AGAIN = 0.05

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Services:
    """What the process has one of.

    ``workers`` are the threads in which requests do their work; authentication and health have
    others, so that they answer while all of these are busy. The size index has ``index_bytes`` of
    memory, and keeps nothing without.
    """

    catalog: Catalog
    audience: Audience
    recorder: Recorder
    registry: Registry
    workers: CapacityLimiter
    index_bytes: int = 0
    _lines: WeakValueDictionary[int, Lock] = field(
        default_factory=WeakValueDictionary, init=False, repr=False
    )
    _writers: WeakValueDictionary[int, Semaphore] = field(
        default_factory=WeakValueDictionary, init=False, repr=False
    )

    def writers(self, shop_id: int) -> Semaphore:
        """How many workers may be busy with a shop's facts at once: half of them.

        They wait for each other, and for those of other processes, a minute if need be.
        """
        half = max(1, int(self.workers.total_tokens // 2))
        return self._writers.setdefault(shop_id, Semaphore(half))

    @asynccontextmanager
    async def turn(self, shop_id: int) -> AsyncIterator[None]:
        """One of the workers, for a shop.

        Only the first of each shop's line waits for a worker, so that shops take turns: one that
        asks for much keeps itself waiting, and others for one of its tasks.
        """
        line = self._lines.setdefault(shop_id, Lock())
        async with line:
            await self.workers.acquire()
        try:
            yield
        finally:
            self.workers.release()

    @property
    def waiting(self) -> int:
        """How much work waits for a worker."""
        in_lines = sum(line.statistics().tasks_waiting for line in [*self._lines.values()])
        return in_lines + self.workers.statistics().tasks_waiting

    @cached_property
    def sizes(self) -> Flights[SegmentSize]:
        """Sizes that are being counted."""
        return Flights(kept=0)

    @cached_property
    def live_sizes(self) -> Flights[SegmentSize]:
        """Sizes that are being counted for subscriptions, or were a moment ago."""
        return Flights(kept=LIVE)

    @cached_property
    def new_facts(self) -> NewFacts:
        """Wakes those who wait for facts."""
        return NewFacts(self.recorder.changes)

    @cached_property
    def tokens(self) -> Tokens:
        """Whom tokens give access."""
        return Tokens(self.catalog)

    @cached_property
    def index(self) -> SizeIndex:
        """What sizes are counted from, where they can be."""
        return SizeIndex(self.audience, self.recorder, self.index_bytes)

    @cached_property
    def third_party(self) -> CapacityLimiter:
        """How many workers may be busy with criteria of third parties at once: half of them."""
        return CapacityLimiter(max(1, self.workers.total_tokens // 2))


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


async def in_thread(work: Callable[[], R], turn: AbstractAsyncContextManager[None]) -> R:
    """Do blocking work in one of a number of threads.

    Who is cancelled has it stop, and waits for that: the thread counts while it runs.
    """
    async with turn:
        told = Work()
        thread = asyncio.ensure_future(
            to_thread.run_sync(_as(told, work), limiter=CapacityLimiter(1))
        )
        try:
            await asyncio.wait([thread])
        except asyncio.CancelledError:
            stopping = asyncio.ensure_future(_stop(told, thread))
            while not stopping.done():
                with suppress(asyncio.CancelledError):  # however often it is told
                    await asyncio.wait([stopping])
            raise
        return thread.result()


async def _stop(told: Work, thread: asyncio.Future[R]) -> None:
    """Have work stop, and wait until its thread has."""
    while not thread.done():
        with suppress(AppError):
            await to_thread.run_sync(told.stop, limiter=CapacityLimiter(1))
        await asyncio.wait([thread], timeout=STOP_AGAIN)
    thread.exception()  # else asyncio would log that nobody asked for it


def _as(told: Work, work: Callable[[], R]) -> Callable[[], R]:
    """The work, in a thread where its statements know whose they are."""

    def do() -> R:
        WORK.set(told)
        return work()

    return do


RequestInfo = Info[Context, None]


class RequireScopes(FieldExtension):
    """Refuses a field to a token without all of some scopes, before anything is looked up."""

    def __init__(self, *scopes: TokenScope) -> None:
        self._scopes = scopes

    async def resolve_async(
        self, next_: Callable[..., AwaitableOrValue[Any]], source: Any, info: Info, **kwargs: Any
    ) -> Any:
        """Check, then go on."""
        missing = set(self._scopes) - info.context.access.scopes
        if missing:
            raise AppError(
                ErrorCode.FORBIDDEN,
                f"{info.field_name} needs a token with {' and '.join(sorted(missing))}.",
            )
        return await await_maybe(next_(source, info, **kwargs))


class BeginsToWrite(FieldExtension):
    """Notes that a field changes something."""

    async def resolve_async(
        self, next_: Callable[..., AwaitableOrValue[Any]], source: Any, info: Info, **kwargs: Any
    ) -> Any:
        """Note it, then go on."""
        info.context.begins_to_write(info.field_name)
        return await await_maybe(next_(source, info, **kwargs))


def guarded(*scopes: TokenScope, description: str, **options: Any) -> Any:
    """A field for tokens with some scopes."""
    return strawberry.field(
        description=_with_needs(description, scopes), extensions=[RequireScopes(*scopes)], **options
    )


def guarded_mutation(*scopes: TokenScope, description: str, **options: Any) -> Any:
    """A mutation for tokens with some scopes."""
    extensions = [RequireScopes(*scopes), BeginsToWrite()]
    return strawberry.mutation(
        description=_with_needs(description, scopes), extensions=extensions, **options
    )


def guarded_subscription(*scopes: TokenScope, description: str, **options: Any) -> Any:
    """A subscription for tokens with some scopes."""
    return strawberry.subscription(
        description=_with_needs(description, scopes), extensions=[RequireScopes(*scopes)], **options
    )


def _with_needs(description: str, scopes: Iterable[TokenScope]) -> str:
    return f"{description} Needs {' and '.join(f'`{scope}`' for scope in scopes)}."
