"""Edits of saved segments, with optimistic locking and a history of revisions."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from graphql_app.catalog.shops import stored_id
from graphql_app.catalog.tables import Segment, SegmentRevision, Shop, now
from graphql_app.errors import AppError, ErrorCode, InvalidInputError, Problem
from graphql_app.folding import name_key
from graphql_app.segments.names import MAX_NAME, text_problems
from graphql_app.segments.references import (
    all_users,
    copy_uses,
    record_uses,
    refuse_if_used,
    segment_id,
)
from graphql_app.segments.repository import SavedSegments
from graphql_app.segments.rules import sentences, tree
from graphql_app.segments.rules.tree import Rule, placing
from graphql_app.segments.scope import shop_scope

MAX_SEGMENTS = 2000  # per shop, including archived and default segments


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes to a segment; ``None`` leaves a field unchanged."""

    name: str | None = None
    description: str | None = None
    rule: Mapping[str, Any] | None = None


class SegmentEditor:
    """The editor of one shop's segments.

    One edit runs at a time in a shop, so what a rule refers to cannot disappear meanwhile.
    """

    def __init__(self, saved: SavedSegments) -> None:
        self._catalog = saved.catalog
        self._shop = saved.shop
        self._saved = saved

    def create(self, changes: Changes) -> Segment:
        """Save a new segment with a name and a rule.

        Raises:
            InvalidInputError: The name, description or rule is invalid; paths begin at ``input``.
            AppError: NAME_TAKEN; LIMIT_EXCEEDED if the shop has too many segments.
        """
        segment = Segment(shop_id=stored_id(self._shop), name="", name_key="", rule={}, summary="")
        with self._write() as session:
            self._refuse_if_full(session)
            self._apply(session, segment, changes)
        return segment

    def update(self, segment_id: int, changes: Changes, expected_version: int | None) -> Segment:
        """Change a segment; if ``expected_version`` is given, the segment must still have it.

        Raises:
            NotFoundError: The shop has no such segment.
            InvalidInputError: As ``create``; or a segment that refers to it would become too large.
            AppError: DEFAULT_SEGMENT, VERSION_CONFLICT or NAME_TAKEN.
        """
        with self._write() as session:
            segment = self._changeable(session, segment_id)
            if expected_version is not None and expected_version != segment.version:
                raise AppError(
                    ErrorCode.VERSION_CONFLICT,
                    f"This segment now has version {segment.version}, and you edited version "
                    f"{expected_version}. Load it again and repeat the change.",
                    ("input", "expectedVersion"),
                )
            if changes == Changes():
                return segment
            _start_version(session, segment)
            self._apply(session, segment, changes)
            self._check_users(session, segment)
        return segment

    def delete(self, segment_id: int) -> None:
        """Delete a segment and its history.

        Raises:
            NotFoundError, AppError: As ``update``; or SEGMENT_IN_USE.
        """
        with self._write() as session:
            segment = self._changeable(session, segment_id)
            refuse_if_used(session, segment, "deleted")
            session.delete(segment)

    def duplicate(self, segment_id: int, name: str | None) -> Segment:
        """Save a copy of any segment, by default under a name made from the original's.

        Raises:
            NotFoundError, InvalidInputError, AppError: As ``create``.
        """
        with self._write() as session:
            original = self._saved.require_in(session, segment_id)
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
        """Archive or restore a segment.

        Raises:
            NotFoundError, AppError: As ``delete``.
        """
        with self._write() as session:
            segment = self._changeable(session, segment_id)
            if segment.archived != archived:
                if archived:
                    refuse_if_used(session, segment, "archived")
                _start_version(session, segment)
                segment.archived = archived
        return segment

    def _refuse_if_full(self, session: Session) -> None:
        owned = self._saved.own.subquery()
        if session.exec(select(func.count()).select_from(owned)).one() >= MAX_SEGMENTS:
            raise AppError(
                ErrorCode.LIMIT_EXCEEDED,
                f"A shop has at most {MAX_SEGMENTS} segments; delete one first.",
            )

    def _changeable(self, session: Session, segment_id: int) -> Segment:
        segment = self._saved.require_in(session, segment_id, for_update=True)
        if segment.is_default:
            raise AppError(
                ErrorCode.DEFAULT_SEGMENT,
                "Default segments cannot be edited, archived or deleted. Duplicate this one and "
                "change the copy.",
                ("id",),
            )
        return segment

    @contextmanager
    def _write(self) -> Iterator[Session]:
        """Open a session under the lock on the shop's segments."""
        with self._catalog.write() as session:
            session.exec(select(Shop).where(Shop.id == self._shop.id).with_for_update()).one()
            yield session

    def _apply(self, session: Session, segment: Segment, changes: Changes) -> None:
        """Check changes, apply them and store the segment."""
        problems = list(text_problems(changes.name, changes.description))
        rule: Rule | None = None
        if changes.rule is not None:
            try:
                rule = self._saved.parse_in(session, changes.rule, segment, ("input", "rule"))
            except InvalidInputError as error:
                problems += error.problems
        if problems:
            raise InvalidInputError(problems)
        name = segment.name if changes.name is None else " ".join(changes.name.split())
        if name != segment.name:  # a name that has become equal to another one keeps its key
            segment.name, segment.name_key = name, name_key(name)
            _refuse_taken_name(session, segment)
        if changes.description is not None:
            segment.description = changes.description
        if rule is not None:
            with placing(rule, ("input", "rule")):
                segment.rule = tree.document(rule)
                segment.summary = sentences.sentence(rule, shop_scope(self._shop))
        session.add(segment)
        session.flush()
        if rule is not None:
            record_uses(session, segment, rule)

    def _check_users(self, session: Session, segment: Segment) -> None:
        """Raise LIMIT_EXCEEDED if a segment that refers to this one now exceeds a limit."""
        for user in all_users(session, segment):
            try:
                self._saved.parse_in(session, user.rule, user)
            except InvalidInputError as error:
                if error.code is not ErrorCode.LIMIT_EXCEEDED:
                    continue  # it had this problem before
                message = f'The segment "{user.name}" would exceed a limit: {error}'
                problem = Problem(ErrorCode.LIMIT_EXCEEDED, message, ("input", "rule"))
                raise InvalidInputError([problem]) from error

    def _copy_name(self, session: Session, name: str) -> str:
        keys = select(Segment.name_key).where(Segment.shop_id == self._shop.id)
        taken = set(session.exec(keys).all())
        stem = name[: MAX_NAME - len(" (copy 1000)")]
        copies = (f"{stem} (copy {number})" for number in count(2))
        return next(
            name for name in chain([f"{stem} (copy)"], copies) if name_key(name) not in taken
        )


def _start_version(session: Session, segment: Segment) -> None:
    """Record a segment as a revision, before a change that makes its next version."""
    revision = SegmentRevision(
        segment_id=segment_id(segment),
        version=segment.version,
        name=segment.name,
        description=segment.description,
        rule=segment.rule,
        recorded_at=segment.updated_at,
    )
    session.add(revision)
    segment.version += 1
    segment.updated_at = now()


def _refuse_taken_name(session: Session, segment: Segment) -> None:
    """Raise an ``AppError`` if another segment of the shop has an equal name."""
    same_name = select(Segment.name).where(
        Segment.shop_id == segment.shop_id,
        Segment.name_key == segment.name_key,
        col(Segment.id).is_distinct_from(segment.id),
    )
    with session.no_autoflush:
        existing = session.exec(same_name).first()
    if existing is not None:
        raise AppError(
            ErrorCode.NAME_TAKEN,
            f'A segment named "{existing}" already exists. Choose a name that differs in more than '
            "case, spacing or the form of its letters.",
            ("input", "name"),
        )
