"""The context of a request: the client's access, and the services that answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import ParamSpec, TypeVar

from anyio import to_thread

from graphql_app.catalog.tables import Segment
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.catalog.tokens import TOKEN_PATTERN, Access, bearer_token
from graphql_app.criteria import Scope
from graphql_app.errors import UnauthenticatedError
from graphql_app.runtime.engine import FairEngine
from graphql_app.runtime.services import Services
from graphql_app.segments.editor import SegmentEditor
from graphql_app.segments.engine import ShopEngine
from graphql_app.segments.repository import SavedSegments
from graphql_app.segments.rules.parser import keys_in
from graphql_app.segments.rules.tree import Rule
from graphql_app.segments.scope import shop_scope

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Context:
    """The context of one request of one shop.

    Attributes:
        services: The services of the process.
        access: The shop and the scopes of the client's token.
        authorization: The request's ``Authorization`` header.
    """

    services: Services
    access: Access
    authorization: str = field(default="", repr=False, kw_only=True)
    _begun: list[str] = field(default_factory=list, init=False, repr=False)

    @property
    def writes(self) -> bool:
        """Whether a mutation has begun; then the request runs to its end, client or not."""
        return bool(self._begun)

    def begins_to_write(self, field: str) -> None:
        """Note that a mutation begins."""
        self._begun.append(field)

    @classmethod
    async def admit(cls, services: Services, authorization: str) -> Context:
        """Authenticate a client by its ``Authorization`` header.

        Raises:
            UnauthenticatedError: The header has no valid token.
        """
        token = parse_api_token(authorization)
        access = services.tokens.find_cached(token)
        if access is None:
            access = await to_thread.run_sync(services.tokens.authenticate, token)
        if access is None:
            raise UnauthenticatedError
        return cls(services, access, authorization=authorization)

    async def renewed(self) -> Context:
        """Authenticate the client again, for an instant of its own.

        Raises:
            UnauthenticatedError: The token is no longer valid.
        """
        return await self.admit(self.services, self.authorization)

    @property
    def shop_id(self) -> int:
        """The id of the token's shop."""
        return self.access.shop_id

    @cached_property
    def scope(self) -> Scope:
        """The shop's time zone and currency, at one instant for the whole request."""
        return shop_scope(self.access.shop)

    @property
    def saved(self) -> SavedSegments:
        """The shop's saved segments."""
        return SavedSegments(self.services.catalog, self.services.registry, self.access.shop)

    @property
    def segment_editor(self) -> SegmentEditor:
        """Edits the shop's saved segments."""
        return SegmentEditor(self.saved)

    @cached_property
    def engine(self) -> FairEngine:
        """The shop's engine, at one instant for the whole request."""
        services = self.services
        # Labels are facts, as the titles of products are.
        labels = services.labels if TokenScope.CONTACTS_READ in self.access.scopes else None
        engine = ShopEngine(services.audience, self.shop_id, self.scope, services.index, labels)
        return FairEngine(services, engine)

    async def parse(self, document: object) -> Rule:
        """Parse a rule that may refer to the shop's saved segments.

        Raises:
            InvalidInputError: The rule is invalid.
        """
        return await self.run_with(keys_in(document), self.saved.parse, document)

    async def rule_of(self, segment: Segment) -> Rule:
        """Parse the rule of a saved segment.

        Raises:
            InvalidInputError: The rule has become invalid, for example because a plugin is missing.
        """
        return await self.run_with(keys_in(segment.rule), self.saved.rule, segment)

    async def summaries(self, segments: Sequence[Segment]) -> list[str]:
        """Return the summaries of some saved segments, as they read now."""
        cached = self.services.summaries.cached(self.engine.shop, segments)
        if cached is not None:
            return cached
        found: dict[int, str] = {}
        theirs = [any(map(self._is_third_party, keys_in(segment.rule))) for segment in segments]

        async def describe(limited: bool) -> None:
            numbers = [number for number, is_theirs in enumerate(theirs) if is_theirs is limited]
            some = [segments[number] for number in numbers]
            if not some:
                return
            criteria = (key for segment in some if limited for key in keys_in(segment.rule))
            work = self.services.summaries.summaries
            texts = await self.run_with(criteria, work, self.saved, self.engine.shop, some)
            found.update(zip(numbers, texts, strict=True))

        await asyncio.gather(describe(limited=False), describe(limited=True))
        return [found[number] for number in range(len(segments))]

    def _is_third_party(self, key: str) -> bool:
        return self.services.registry.is_third_party(key)

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run blocking work that runs no criterion's code in a worker thread."""
        return await self.services.run(self.shop_id, partial(work, *args, **kwargs))

    async def run_with(
        self, criteria: Iterable[str], work: Callable[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run blocking work with some criteria, by their keys; see ``Services.run``."""
        return await self.services.run(self.shop_id, partial(work, *args, **kwargs), criteria)


def parse_api_token(authorization: str) -> str:
    """Return the token in an ``Authorization`` header.

    Raises:
        UnauthenticatedError: The header is empty, or its token has not the form of an API token.
    """
    token = bearer_token(authorization)
    if not TOKEN_PATTERN.fullmatch(token):
        raise UnauthenticatedError
    return token
