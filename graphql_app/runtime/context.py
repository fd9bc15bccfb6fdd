"""The context of a request: the client's access, and the services that answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import ParamSpec, TypeVar

from anyio import to_thread

from graphql_app.audience.facts import FactType
from graphql_app.audience.read_log import ReadLog
from graphql_app.catalog.tables import Segment
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.catalog.tokens import TOKEN_PATTERN, Access, bearer_token
from graphql_app.criteria import Scope
from graphql_app.errors import UnauthenticatedError
from graphql_app.plugins import Registry
from graphql_app.runtime.engine import FairEngine
from graphql_app.runtime.fact_recording import FactRecorder
from graphql_app.runtime.services import Services
from graphql_app.runtime.shop_engine import shop_engine
from graphql_app.segments.editor import SegmentEditor
from graphql_app.segments.repository import SavedSegments
from graphql_app.segments.rules.tree import Rule
from graphql_app.segments.scope import shop_scope

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Context:
    services: Services
    access: Access
    authorization: str = field(default="", repr=False, kw_only=True)
    _begun: list[str] = field(default_factory=list, repr=False, kw_only=True)

    @property
    def writes(self) -> bool:
        """Whether a mutation has begun. The request then ends even if its client disconnects."""
        return bool(self._begun)

    def begins_to_write(self, field: str) -> None:
        self._begun.append(field)

    @classmethod
    async def admit(cls, services: Services, authorization: str) -> Context:
        """Authenticate a client; raise ``UnauthenticatedError`` without a valid token."""
        token = parse_api_token(authorization)
        access = services.tokens.find_cached(token)
        if access is None:
            access = await to_thread.run_sync(services.tokens.authenticate, token)
        if access is None:
            raise UnauthenticatedError
        return cls(services, access, authorization=authorization)

    async def reauthenticated(self) -> Context:
        """Authenticate the client again, as ``admit`` does; return a context at a new instant."""
        return await self.admit(self.services, self.authorization)

    def copy_at_new_instant(self) -> Context:
        """Return a context with which the same operation reads again."""
        return replace(self)

    @property
    def shop_id(self) -> int:
        return self.access.shop_id

    @cached_property
    def reads(self) -> ReadLog:
        """The states of the shop's facts that the request has read so far."""
        return ReadLog(self.services.recorder, self.shop_id)

    async def has_read_one_state(self) -> bool:
        if self.reads.needs_poll:
            return await self.run_without_rules(self.reads.is_one_state)
        return self.reads.is_one_state()

    @cached_property
    def scope(self) -> Scope:
        """The shop's time zone and currency, at one instant for the whole request."""
        return shop_scope(self.access.shop)

    @property
    def registry(self) -> Registry:
        return self.services.registry

    @property
    def fact_types(self) -> Mapping[str, FactType]:
        """The types of facts that can be recorded, by name."""
        return self.services.audience.facts

    def fact_recorder(self) -> FactRecorder:
        """Return a recorder for one call."""
        return FactRecorder(self.services, self.access.shop, self.scope.now)

    @property
    def saved(self) -> SavedSegments:
        return SavedSegments(self.services.catalog, self.registry, self.access.shop)

    @property
    def segment_editor(self) -> SegmentEditor:
        return SegmentEditor(self.saved)

    @cached_property
    def engine(self) -> FairEngine:
        """The shop's engine, at one instant for the whole request."""
        # Labels are facts, as the titles of products are.
        may_read_labels = TokenScope.CONTACTS_READ in self.access.scopes
        engine = shop_engine(
            self.services, self.shop_id, self.scope, with_labels=may_read_labels, reads=self.reads
        )
        return FairEngine(self.services, self.saved, engine)

    async def parse(self, document: object) -> Rule:
        """Parse a rule; see ``SavedSegments.parse``."""
        return await self.run_with_rules([document], self.saved.parse, document)

    async def rule_of(self, segment: Segment) -> Rule:
        """Parse the rule of a saved segment; see ``SavedSegments.rule``."""
        return await self.run_with_rules([segment.rule], self.saved.rule, segment)

    async def run_with_rules(
        self, documents: Iterable[object], work: Callable[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run blocking work on some rules; see ``Services.run``."""
        criteria = (key for document in documents for key in self.saved.criteria_of(document))
        return await self.services.run(self.shop_id, partial(work, *args, **kwargs), criteria)

    async def run_with_saved_rules(
        self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run blocking work on any of the shop's rules; see ``Services.run``."""
        criteria = self.registry.criteria
        return await self.services.run(self.shop_id, partial(work, *args, **kwargs), criteria)

    async def run_without_rules(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run blocking work that runs no criterion's code in a worker thread."""
        return await self.services.run(self.shop_id, partial(work, *args, **kwargs), ())


def parse_api_token(authorization: str) -> str:
    """Return the token in a header; raise ``UnauthenticatedError`` if its form is wrong."""
    token = bearer_token(authorization)
    if not TOKEN_PATTERN.fullmatch(token):
        raise UnauthenticatedError
    return token
