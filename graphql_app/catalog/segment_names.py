"""Folding the names of segments again, after the folding has changed."""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from graphql_app.catalog.store import Catalog
from graphql_app.catalog.tables import Segment
from graphql_app.errors import AppError, ErrorCode
from graphql_app.folding import FOLDING_VERSION, name_key

# Between the key of a name and the id of a segment. No key has it, because it is a space.
SEPARATOR = "\n"


def require_current_names(catalog: Catalog) -> None:
    """Raise UNAVAILABLE if a segment's name was folded by another version."""
    stale = select(Segment.id).where(Segment.folding_version != FOLDING_VERSION).limit(1)
    with catalog.read() as session:
        if session.exec(stale).first() is not None:
            raise AppError(
                ErrorCode.UNAVAILABLE,
                f"The catalog {catalog.name} has names of segments that another version of the "
                "application or of Python folded: stop the servers, create a backup, and run "
                "`segments migrate`.",
            )


def refold_names(catalog: Catalog) -> int:
    """Fold the names that another version folded, and return their number.

    Of the names that become equal, one gets the key. The key of each other one is followed by the
    segment's id, so that they all keep working until they are renamed.
    """
    with catalog.write() as session:
        stale = session.exec(
            select(Segment)
            .where(Segment.folding_version != FOLDING_VERSION)
            .order_by(col(Segment.id))
            .with_for_update()
        ).all()
        # A name whose key stays the same keeps it, whatever the others become.
        ranked = sorted(stale, key=lambda segment: segment.name_key != name_key(segment.name))
        taken = _keys_but_those_of(session, stale)
        for segment in stale:
            segment.name_key = f"{SEPARATOR}{segment.id}"
        session.flush()
        for segment in ranked:
            key = name_key(segment.name)
            if (segment.shop_id, key) in taken:
                key += f"{SEPARATOR}{segment.id}"
            taken.add((segment.shop_id, key))
            segment.name_key, segment.folding_version = key, FOLDING_VERSION
    return len(stale)


def _keys_but_those_of(session: Session, segments: Sequence[Segment]) -> set[tuple[int, str]]:
    """Return the keys of all other segments, with their shops."""
    ids = {segment.id for segment in segments}
    every = session.exec(select(Segment.id, Segment.shop_id, Segment.name_key)).all()
    return {(shop_id, key) for id, shop_id, key in every if id not in ids}
