"""Default segments, which plugins give every shop."""

from typing import Any

from sqlmodel import Session, col, select

from graphql_app.catalog.shops import add_shop, stored_id
from graphql_app.catalog.store import Catalog
from graphql_app.catalog.tables import Segment, Shop, now
from graphql_app.folding import name_key
from graphql_app.plugins import Registry
from graphql_app.segments.failures import CriterionFailedError
from graphql_app.segments.rules import parser, sentences, tree
from graphql_app.segments.scope import shop_scope


def create_shop(catalog: Catalog, registry: Registry, shop: Shop) -> Shop:
    """Store a new shop with its default segments; raise ``InvalidInputError`` if it is invalid."""
    with catalog.write() as session:
        add_shop(session, shop)
        _give_defaults(session, registry, shop)
    return shop


def update_defaults(catalog: Catalog, registry: Registry) -> None:
    """Give every shop the default segments of the installed plugins.

    If several processes start at once, the first one does this and the others change nothing.
    """
    with catalog.write() as session:
        for shop in session.exec(select(Shop).order_by(col(Shop.id)).with_for_update()).all():
            _give_defaults(session, registry, shop)


def _give_defaults(session: Session, registry: Registry, shop: Shop) -> None:
    """Add the default segments that a shop lacks, and update the others."""
    owned = session.exec(select(Segment).where(Segment.shop_id == shop.id)).all()
    by_key = {segment.default_key: segment for segment in owned if segment.is_default}
    for default in registry.default_segments:
        rule = parser.parse(default.rule, registry)
        try:
            summary = sentences.sentence(rule, shop_scope(shop))
        except CriterionFailedError:
            continue  # it is logged; the other segments are still given
        segment = by_key.get(default.key)
        others = {other.name_key for other in owned if other is not segment}
        name = _free_name(default.name, others)
        content: dict[str, Any] = {
            "name": name,
            "name_key": name_key(name),
            "description": default.description,
            "rule": tree.document(rule),
            "summary": summary,
        }
        if segment is None:
            segment = Segment(shop_id=stored_id(shop), default_key=default.key, **content)
        elif all(getattr(segment, field) == value for field, value in content.items()):
            continue
        else:
            segment.sqlmodel_update(content)
            segment.version += 1
            segment.updated_at = now()
        session.add(segment)


def _free_name(name: str, taken: set[str]) -> str:
    while name_key(name) in taken:
        name += " (default)"
    return name
