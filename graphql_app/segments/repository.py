"""Saved segments: what a shop keeps, with versions for optimistic locking."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import chain, count
from typing import Any

from sqlalchemy import func, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.elements import SQLCoreOperations
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from graphql_app.catalog.shops import stored_id
from graphql_app.catalog.store import Catalog, is_storable
from graphql_app.catalog.tables import Segment, SegmentRevision, Shop, now
from graphql_app.criteria import Option, SegmentReference
from graphql_app.errors import AppError, ErrorCode, InvalidInputError, NotFoundError, Problem
from graphql_app.ids import SEGMENT, parse_id
from graphql_app.plugins import Registry
from graphql_app.segments.failures import CriterionFailedError
from graphql_app.segments.references import (
    all_users,
    copy_uses,
    library,
    named,
    record_uses,
    refuse_if_used,
    segment_id,
)
from graphql_app.segments.rules import parser, sentences, tree
from graphql_app.segments.rules.tree import Path, Rule, placing
from graphql_app.segments.scope import shop_scope

MAX_NAME = 255
MAX_DESCRIPTION = 2000
MAX_SEGMENTS = 2000  # of a shop, archived ones and defaults too


class SegmentSortKey(StrEnum):
    """What segments are sorted by."""

    NAME = "NAME"
    CREATED_AT = "CREATED_AT"
    UPDATED_AT = "UPDATED_AT"


@dataclass(frozen=True, slots=True)
class Changes:
    """What to change of a segment; ``None`` leaves it."""

    name: str | None = None
    description: str | None = None
    rule: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A segment's place in a sorted list: the value that it is sorted by, and its id."""

    value: str | datetime
    id: int


class SavedSegments:
    """The segments of one shop."""

    def __init__(self, catalog: Catalog, registry: Registry, shop: Shop) -> None:
        self._catalog = catalog
        self._registry = registry
        self._shop = shop

    def get(self, segment_id: int) -> Segment | None:
        """A segment of the shop."""
        with self._catalog.read() as session:
            return session.exec(self._own().where(Segment.id == segment_id)).first()

    def find(self, text: str) -> Segment:
        """The segment with a global id or a name.

        Raises:
            NotFoundError: The shop has none such.
        """
        with suppress(AppError):  # it is no id
            number = parse_id(SEGMENT, text)
            found = None if number is None else self.get(number)
            if found is not None:
                return found
        with self._catalog.read() as session:
            found = session.exec(self._own().where(Segment.name_key == name_key(text))).first()
        if found is None:
            raise NotFoundError(f"segment: {text!r}")
        return found

    def rule(self, segment: Segment) -> Rule:
        """What a segment says.

        Raises:
            InvalidInputError: Its rule does not hold any more, e.g. a criterion's plugin is gone.
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
                    if not self.refers(segment.rule):
                        rule = parser.parse(segment.rule, self._registry, ("rule",))
                    else:
                        session = session or stack.enter_context(self._catalog.read())
                        rule = self._parse(session, segment.rule, segment)
                found.append(rule)
        return found

    def parse(self, document: object, of: Segment | None = None) -> Rule:
        """Read a rule that may refer to the shop's segments; see ``parser.parse``.

        Raises:
            InvalidInputError: It does not hold; paths begin at ``rule``.
        """
        if not self.refers(document):
            return parser.parse(document, self._registry, ("rule",))
        with self._catalog.read() as session:
            return self._parse(session, document, of)

    def refers(self, document: object) -> bool:
        """Whether a rule may refer to segments, so that reading it asks the catalog."""
        kinds = self._registry.criteria
        return any(
            key in kinds and issubclass(kinds[key], SegmentReference)
            for key in parser.keys_in(document)
        )

    def options(self, search: str, limit: int) -> list[Option]:
        """Segments whose name holds a text, by name; none that is archived."""
        found = self.page(limit=limit, search=search, key=SegmentSortKey.NAME)
        return [Option(named(segment).id, segment.name) for segment in found]

    def names(self, ids: Sequence[str]) -> dict[str, str]:
        """The names of segments by their ids, as rules have them; archived ones too."""
        with self._catalog.read() as session:
            find = library(session, stored_id(self._shop))
            found = [find(id) for id in ids]
        return {each.id: each.name for each in found if each is not None}

    def page(
        self,
        *,
        limit: int,
        after: Place | None = None,
        before: Place | None = None,
        backward: bool = False,
        search: str = "",
        key: SegmentSortKey = SegmentSortKey.UPDATED_AT,
        reverse: bool = False,
        archived: bool = False,
    ) -> list[Segment]:
        """Segments in order; the last ones of the range when ``backward``, still in order."""
        order: SQLCoreOperations[Any] = {
            SegmentSortKey.NAME: col(Segment.name_key),
            SegmentSortKey.CREATED_AT: col(Segment.created_at),
            SegmentSortKey.UPDATED_AT: col(Segment.updated_at),
        }[key]
        place = tuple_(order, col(Segment.id))
        found = self._listed(search, archived)
        for bound, later in ((after, not reverse), (before, reverse)):
            if bound is not None:
                limits = tuple_(bound.value, bound.id)
                found = found.where(place > limits if later else place < limits)
        descending = reverse != backward
        directed = [c.desc() if descending else c.asc() for c in (order, col(Segment.id))]
        with self._catalog.read() as session:
            segments = list(session.exec(found.order_by(*directed).limit(limit)).all())
        return segments[::-1] if backward else segments

    def count(self, search: str = "", archived: bool = False) -> int:
        """How many segments a search finds."""
        found = self._listed(search, archived).subquery()
        with self._catalog.read() as session:
            return session.exec(select(func.count()).select_from(found)).one()

    def whole(self) -> list[tuple[Segment, Rule]]:
        """All segments without problems that are not archived, each with its rule, by name."""
        found = []
        with self._catalog.read() as session:
            listed = self._listed("", archived=False).order_by(col(Segment.name_key))
            for segment in session.exec(listed).all():
                with suppress(InvalidInputError):  # its problems are the segment's to tell
                    found.append((segment, self._parse(session, segment.rule, segment)))
        return found

    def create(self, changes: Changes) -> Segment:
        """Save a new segment; it needs a name and a rule.

        Raises:
            InvalidInputError: The name, description or rule is wrong; paths begin at the input.
            AppError: NAME_TAKEN; LIMIT_EXCEEDED when the shop has as many as it may have.
        """
        segment = Segment(shop_id=stored_id(self._shop), name="", name_key="", rule={}, summary="")
        with self._write() as session:
            self._refuse_if_full(session)
            self._apply(session, segment, changes)
        return segment

    def update(self, segment_id: int, changes: Changes, expected_version: int | None) -> Segment:
        """Change a segment.

        Raises:
            NotFoundError: The shop has no such segment.
            InvalidInputError: As for ``create``; or a segment that uses it would be too large.
            AppError: DEFAULT_SEGMENT, VERSION_CONFLICT or NAME_TAKEN.
        """
        with self._write() as session:
            segment = self._changeable(session, segment_id)
            if expected_version is not None and expected_version != segment.version:
                raise AppError(
                    ErrorCode.VERSION_CONFLICT,
                    f"Somebody else saved version {segment.version} of this segment meanwhile; "
                    f"you expected version {expected_version}. Load it again.",
                    ("input", "expectedVersion"),
                )
            if changes == Changes():
                return segment
            revision = _revision(segment)
            self._apply(session, segment, changes)
            segment.version += 1
            segment.updated_at = now()
            session.add(revision)
            _flush(session, segment)
            self._update_users(session, segment)
        return segment

    def delete(self, segment_id: int) -> None:
        """Delete a segment and its history.

        Raises:
            NotFoundError, AppError: As for ``update``; or SEGMENT_IN_USE.
        """
        with self._write() as session:
            segment = self._changeable(session, segment_id)
            refuse_if_used(session, segment, "deleted")
            session.delete(segment)

    def duplicate(self, segment_id: int, name: str | None) -> Segment:
        """Save a copy of any segment; without a name it is called a copy of the original.

        Raises:
            NotFoundError, InvalidInputError, AppError: As for ``create``.
        """
        with self._write() as session:
            original = session.exec(self._own().where(Segment.id == segment_id)).first()
            if original is None:
                raise NotFoundError("segment", ("id",))
            self._refuse_if_full(session)
            copy = Segment(
                shop_id=original.shop_id,
                name="",
                name_key="",
                description=original.description,
                rule=original.rule,
                summary=original.summary,
            )
            if name is None:
                name = self._copy_name(session, original.name)
            self._apply(session, copy, Changes(name=name))
            copy_uses(session, original, copy)
        return copy

    def archive(self, segment_id: int, archived: bool) -> Segment:
        """Put a segment away, or take it back; nothing happens if it is there already.

        Raises:
            NotFoundError, AppError: As for ``delete``.
        """
        with self._write() as session:
            segment = self._changeable(session, segment_id)
            if segment.archived != archived:
                if archived:
                    refuse_if_used(session, segment, "archived")
                session.add(_revision(segment))
                segment.archived = archived
                segment.version += 1
                segment.updated_at = now()
        return segment

    def _refuse_if_full(self, session: Session) -> None:
        owned = self._own().subquery()
        if session.exec(select(func.count()).select_from(owned)).one() >= MAX_SEGMENTS:
            raise AppError(
                ErrorCode.LIMIT_EXCEEDED,
                f"A shop has at most {MAX_SEGMENTS} segments; delete some that are not needed.",
            )

    def _own(self) -> SelectOfScalar[Segment]:
        return select(Segment).where(Segment.shop_id == self._shop.id)

    def _listed(self, search: str, archived: bool) -> SelectOfScalar[Segment]:
        found = self._own().where(Segment.archived == archived)
        wanted = name_key(search)
        return found.where(col(Segment.name_key).contains(wanted, autoescape=True))

    def _changeable(self, session: Session, segment_id: int) -> Segment:
        segment = session.exec(
            self._own().where(Segment.id == segment_id).with_for_update()
        ).first()
        if segment is None:
            raise NotFoundError("segment", ("id",))
        if segment.is_default:
            raise AppError(
                ErrorCode.DEFAULT_SEGMENT,
                "This is a default segment: every shop has it, and it cannot be edited, archived "
                "or deleted. Duplicate it and change the copy.",
                ("id",),
            )
        return segment

    @contextmanager
    def _write(self) -> Iterator[Session]:
        """A session that writes alone in the shop, so that what rules refer to stays."""
        with self._catalog.write() as session:
            session.exec(select(Shop).where(Shop.id == self._shop.id).with_for_update()).one()
            yield session

    def _parse(
        self, session: Session, document: object, of: Segment | None, path: Path = ("rule",)
    ) -> Rule:
        inside = None if of is None or of.id is None else named(of)
        segments = library(session, stored_id(self._shop))
        return parser.parse(document, self._registry, path, segments, inside)

    def _apply(self, session: Session, segment: Segment, changes: Changes) -> None:
        """Check changes, make them and store the segment."""
        problems = list(_text_problems(changes))
        rule: Rule | None = None
        if changes.rule is not None:
            try:
                rule = self._parse(session, changes.rule, segment, ("input", "rule"))
            except InvalidInputError as error:
                problems += error.problems
        if problems:
            raise InvalidInputError(problems)
        if changes.name is not None:
            segment.name = " ".join(changes.name.split())
            segment.name_key = name_key(changes.name)
        if changes.description is not None:
            segment.description = changes.description
        if rule is not None:
            with placing(rule, ("input", "rule")):
                segment.rule = tree.document(rule)
                segment.summary = sentences.sentence(rule, shop_scope(self._shop))
        session.add(segment)
        _flush(session, segment)
        if rule is not None:
            record_uses(session, segment, rule)

    def _update_users(self, session: Session, segment: Segment) -> None:
        """See that the segments which use this one hold, and have its name in their summaries.

        Raises:
            InvalidInputError: One would be larger than a rule may be.
        """
        for user in all_users(session, segment):
            try:
                rule = self._parse(session, user.rule, user)
            except InvalidInputError as error:
                if error.code is not ErrorCode.LIMIT_EXCEEDED:
                    continue  # a problem that it had before
                message = f'The segment "{user.name}" uses this one and would be too large: {error}'
                problem = Problem(ErrorCode.LIMIT_EXCEEDED, message, ("input", "rule"))
                raise InvalidInputError([problem]) from error
            with suppress(CriterionFailedError):  # then it keeps the words that it has
                user.summary = sentences.sentence(rule, shop_scope(self._shop))

    def _copy_name(self, session: Session, name: str) -> str:
        keys = select(Segment.name_key).where(Segment.shop_id == self._shop.id)
        taken = set(session.exec(keys).all())
        stem = name[: MAX_NAME - len(" (copy 1000)")]
        copies = (f"{stem} (copy {number})" for number in count(2))
        return next(
            name for name in chain([f"{stem} (copy)"], copies) if name_key(name) not in taken
        )


def name_key(name: str) -> str:
    """What two names have in common when they are the same to people."""
    return unicodedata.normalize("NFC", " ".join(name.split())).casefold()


def _text_problems(changes: Changes) -> Iterator[Problem]:
    if changes.name is not None and not 1 <= len(" ".join(changes.name.split())) <= MAX_NAME:
        yield _problem("name", f"A name has 1 to {MAX_NAME} characters.")
    if changes.description is not None and len(changes.description) > MAX_DESCRIPTION:
        yield _problem("description", f"A description has at most {MAX_DESCRIPTION} characters.")
    for field, text in (("name", changes.name), ("description", changes.description)):
        if text is not None and not is_storable(text):
            yield _problem(field, "This contains NUL or a lone surrogate.")


def _problem(field: str, message: str) -> Problem:
    return Problem(ErrorCode.INVALID, message, ("input", field))


def _revision(segment: Segment) -> SegmentRevision:
    return SegmentRevision(
        segment_id=segment_id(segment),
        version=segment.version,
        name=segment.name,
        description=segment.description,
        rule=segment.rule,
        recorded_at=segment.updated_at,
    )


def _flush(session: Session, segment: Segment) -> None:
    name = segment.name
    try:
        session.flush()
    except IntegrityError as error:
        raise AppError(
            ErrorCode.NAME_TAKEN,
            f"There is a segment named {name!r} already. Names that differ only in upper and lower "
            "case count as the same.",
            ("input", "name"),
        ) from error
