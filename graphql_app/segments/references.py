"""References between saved segments."""

from collections.abc import Iterator
from contextlib import suppress

from sqlalchemy import delete
from sqlmodel import Session, col, select

from graphql_app.catalog.tables import Segment, SegmentUse
from graphql_app.errors import AppError, ErrorCode
from graphql_app.ids import SEGMENT, encode, parse_id
from graphql_app.segments.rules.tree import Library, Named, Rule, references

MAX_NAMED = 5


def segment_id(segment: Segment) -> int:
    if segment.id is None:
        raise ValueError("the segment has not been stored")
    return segment.id


def named(segment: Segment) -> Named:
    return Named(encode(SEGMENT, segment_id(segment)), segment.name, segment.rule, segment.archived)


def library(session: Session, shop_id: int) -> Library:
    """Return a function that finds a shop's segments while the session is open."""

    def find(id: str) -> Named | None:
        number = _number(id)
        if number is None:
            return None
        own = select(Segment).where(Segment.shop_id == shop_id, Segment.id == number)
        segment = session.exec(own).first()
        return None if segment is None else named(segment)

    return find


def _number(id: str) -> int | None:
    """Return the number in a segment's global id; ``None`` for any other value."""
    with suppress(AppError):
        return parse_id(SEGMENT, id)
    return None


def record_uses(session: Session, segment: Segment, rule: Rule) -> None:
    """Record which segments the rule of a stored segment refers to."""
    found = (_number(reference.criterion.segment) for reference in references(rule))
    used = {number for number in found if number is not None}
    session.exec(delete(SegmentUse).where(col(SegmentUse.segment_id) == segment.id))
    session.add_all(SegmentUse(segment_id=segment_id(segment), used_id=number) for number in used)


def copy_uses(session: Session, original: Segment, copy: Segment) -> None:
    """Record that a stored copy refers to the same segments as its original."""
    used = select(SegmentUse.used_id).where(SegmentUse.segment_id == original.id)
    session.add_all(
        SegmentUse(segment_id=segment_id(copy), used_id=number)
        for number in session.exec(used).all()
    )


def users(session: Session, segment: Segment) -> list[Segment]:
    """Return the segments that refer to a segment directly, by name."""
    found = (
        select(Segment)
        .join(SegmentUse, col(SegmentUse.segment_id) == Segment.id)
        .where(SegmentUse.used_id == segment.id)
        .order_by(col(Segment.name_key))
    )
    return list(session.exec(found).all())


def all_users(session: Session, segment: Segment) -> Iterator[Segment]:
    """Yield the segments that refer to a segment directly or indirectly, each once."""
    waiting, seen = [segment], {segment.id}
    while waiting:
        for user in users(session, waiting.pop()):
            if user.id not in seen:
                seen.add(user.id)
                waiting.append(user)
                yield user


def refuse_if_used(session: Session, segment: Segment, verb: str) -> None:
    """Raise SEGMENT_IN_USE if others refer to a segment; the message names them."""
    names = [f'"{user.name}"' for user in users(session, segment)]
    if not names:
        return
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    raise AppError(
        ErrorCode.SEGMENT_IN_USE,
        f"This segment cannot be {verb}: {', '.join(names[:MAX_NAMED])}{more} "
        f"{'uses' if len(names) == 1 else 'use'} it. Change what uses it first.",
        ("id",),
    )
