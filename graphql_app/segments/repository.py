"""The repository of a shop's saved segments: finding, listing and parsing them."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func, or_, tuple_
from sqlalchemy.sql.elements import SQLCoreOperations
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from graphql_app.catalog.segment_names import SEPARATOR
from graphql_app.catalog.shops import stored_id
from graphql_app.catalog.store import Catalog
from graphql_app.catalog.tables import Segment, Shop
from graphql_app.criteria import Option, SegmentReference
from graphql_app.errors import AppError, InvalidInputError, NotFoundError
from graphql_app.folding import name_key
from graphql_app.ids import SEGMENT, parse_id
from graphql_app.plugins import Registry
from graphql_app.segments.failures import CriterionFailedError
from graphql_app.segments.references import library, named
from graphql_app.segments.rules import parser
from graphql_app.segments.rules.tree import Path, Rule


class SegmentSortKey(StrEnum):
    NAME = "NAME"
    CREATED_AT = "CREATED_AT"
    UPDATED_AT = "UPDATED_AT"


@dataclass(frozen=True, slots=True)
class CursorPosition:
    """A segment's position in a sorted list: its sort value and id."""

    value: str | datetime
    id: int


SEGMENT_HINT = "The query `segments` lists the segments of the shop."


def segment_number(id: str) -> int:
    """Return the number in a global id; raise ``NotFoundError`` if no segment can have the id."""
    number = parse_id(SEGMENT, id)
    if number is None:
        raise NotFoundError("segment", SEGMENT_HINT, ("id",))
    return number


class SavedSegments:
    def __init__(self, catalog: Catalog, registry: Registry, shop: Shop) -> None:
        self.catalog = catalog
        self._registry = registry
        self.shop = shop

    def get(self, segment_id: int) -> Segment | None:
        with self.catalog.read() as session:
            return session.exec(self.own.where(Segment.id == segment_id)).first()

    def require(self, segment_id: int) -> Segment:
        """Return the shop's segment with a number; raise ``NotFoundError`` without one."""
        with self.catalog.read() as session:
            return self.require_in(session, segment_id)

    def require_in(self, session: Session, segment_id: int, for_update: bool = False) -> Segment:
        found = self.own.where(Segment.id == segment_id)
        segment = session.exec(found.with_for_update() if for_update else found).first()
        if segment is None:
            raise NotFoundError("segment", SEGMENT_HINT, ("id",))
        return segment

    def find(self, text: str) -> Segment:
        """Return the segment with a global id or a name; raise ``NotFoundError`` without one."""
        with suppress(AppError):  # the text is a name
            number = parse_id(SEGMENT, text)
            found = None if number is None else self.get(number)
            if found is not None:
                return found
        key = name_key(text)
        kept = col(Segment.name_key).startswith(key + SEPARATOR, autoescape=True)
        with self.catalog.read() as session:
            equal = session.exec(self.own.where(or_(col(Segment.name_key) == key, kept))).all()
        if not equal:
            raise NotFoundError(f"segment: {text!r}", SEGMENT_HINT)
        return min(equal, key=lambda segment: (segment.name != text, segment.name_key))

    def rule(self, segment: Segment) -> Rule:
        """Parse a segment's rule.

        Raises:
            InvalidInputError: The rule has become invalid, for example because a plugin is missing.
        """
        return self.parse(segment.rule, of=segment)

    def rules(self, segments: Sequence[Segment]) -> list[Rule | None]:
        """Parse the rules of some segments; ``None`` for a rule that has a problem."""
        found: list[Rule | None] = []
        with ExitStack() as stack:
            session: Session | None = None
            for segment in segments:
                rule = None
                with suppress(InvalidInputError, CriterionFailedError):
                    if self.refers(segment.rule):
                        session = session or stack.enter_context(self.catalog.read())
                        rule = self.parse_in(session, segment.rule, segment)
                    else:
                        rule = parser.parse(segment.rule, self._registry, ("rule",))
                found.append(rule)
        return found

    def parse(self, document: object, of: Segment | None = None) -> Rule:
        """Parse a rule that may refer to the shop's segments; see ``parser.parse``.

        Raises:
            InvalidInputError: The rule is invalid; paths begin at ``rule``.
        """
        if not self.refers(document):
            return parser.parse(document, self._registry, ("rule",))
        with self.catalog.read() as session:
            return self.parse_in(session, document, of)

    def refers(self, document: object) -> bool:
        """Return whether a rule may refer to segments, so that parsing it reads the catalog."""
        kinds = self._registry.criteria
        return any(
            key in kinds and issubclass(kinds[key], SegmentReference)
            for key in parser.keys_in(document)
        )

    def criteria_of(self, document: object) -> Iterable[str]:
        """Return the keys of the criteria that a rule may have: all, if it refers to segments."""
        refers = self.refers(document)
        return self._registry.criteria if refers else parser.keys_in(document)

    def options(self, search: str, limit: int) -> list[Option]:
        """Return the segments whose names contain the search, without archived ones."""
        found = self.page(limit=limit, search=search, key=SegmentSortKey.NAME)
        return [Option(named(segment).id, segment.name) for segment in found]

    def names(self, ids: Sequence[str]) -> dict[str, str]:
        """Return the names of segments by global id, including archived ones."""
        with self.catalog.read() as session:
            find = library(session, stored_id(self.shop))
            found = [find(id) for id in ids]
        return {each.id: each.name for each in found if each is not None}

    def page(
        self,
        *,
        limit: int,
        after: CursorPosition | None = None,
        before: CursorPosition | None = None,
        backward: bool = False,
        search: str = "",
        key: SegmentSortKey = SegmentSortKey.UPDATED_AT,
        reverse: bool = False,
        archived: bool = False,
    ) -> list[Segment]:
        """Return segments in order; with ``backward``, the last ones of the range."""
        order: SQLCoreOperations[Any] = {
            SegmentSortKey.NAME: col(Segment.name_key),
            SegmentSortKey.CREATED_AT: col(Segment.created_at),
            SegmentSortKey.UPDATED_AT: col(Segment.updated_at),
        }[key]
        position = tuple_(order, col(Segment.id))
        found = self._listed(search, archived)
        for bound, later in ((after, not reverse), (before, reverse)):
            if bound is not None:
                limits = tuple_(bound.value, bound.id)
                found = found.where(position > limits if later else position < limits)
        descending = reverse != backward
        directed = [c.desc() if descending else c.asc() for c in (order, col(Segment.id))]
        with self.catalog.read() as session:
            segments = list(session.exec(found.order_by(*directed).limit(limit)).all())
        return segments[::-1] if backward else segments

    def count(self, search: str = "", archived: bool = False) -> int:
        found = self._listed(search, archived).subquery()
        with self.catalog.read() as session:
            return session.exec(select(func.count()).select_from(found)).one()

    def whole(self) -> list[tuple[Segment, Rule]]:
        """Return all valid segments that are not archived, each with its rule, by name."""
        found = []
        with self.catalog.read() as session:
            listed = self._listed("", archived=False).order_by(col(Segment.name_key))
            for segment in session.exec(listed).all():
                with suppress(InvalidInputError):  # ``Segment.problems`` reports it
                    found.append((segment, self.parse_in(session, segment.rule, segment)))
        return found

    @property
    def own(self) -> SelectOfScalar[Segment]:
        """The statement that selects the shop's segments."""
        return select(Segment).where(Segment.shop_id == self.shop.id)

    def _listed(self, search: str, archived: bool) -> SelectOfScalar[Segment]:
        matches = col(Segment.name_key).contains(name_key(search), autoescape=True)
        return self.own.where(Segment.archived == archived, matches)

    def parse_in(
        self, session: Session, document: object, of: Segment | None, path: Path = ("rule",)
    ) -> Rule:
        """Parse a rule with the segments that an open session sees; see ``parse``."""
        inside = None if of is None or of.id is None else named(of)
        segments = library(session, stored_id(self.shop))
        return parser.parse(document, self._registry, path, segments, inside)
