"""What plugins give a shop to start with: default segments, and templates filled in for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session, select

from graphql_app.audience.store import Audience
from graphql_app.catalog.access import new_shop, stored_id
from graphql_app.catalog.store import Catalog
from graphql_app.catalog.tables import Segment, Shop, now
from graphql_app.criteria import DefaultSegment, Scope, SegmentTemplate, Suggested
from graphql_app.plugins import Registry
from graphql_app.segments import rule as rules
from graphql_app.segments.scope import shop_scope
from graphql_app.segments.suggestions import suggestions


def create_shop(catalog: Catalog, registry: Registry, shop: Shop) -> Shop:
    """Store a new shop together with its default segments.

    Raises:
        InvalidInputError: Something about the shop is wrong.
    """
    with catalog.write() as session:
        new_shop(session, shop)
        _give_defaults(session, registry, shop)
    return shop


def update_defaults(catalog: Catalog, registry: Registry) -> None:
    """Give every shop the default segments of the plugins that are installed now."""
    with catalog.write() as session:
        for shop in session.exec(select(Shop)).all():
            _give_defaults(session, registry, shop)


def _give_defaults(session: Session, registry: Registry, shop: Shop) -> None:
    owned = session.exec(select(Segment).where(Segment.shop_id == shop.id)).all()
    by_key = {segment.default_key: segment for segment in owned if segment.is_default}
    names = {segment.name_key for segment in owned}
    scope = shop_scope(shop)
    for default in registry.default_segments:
        rule = rules.parse(default.rule, registry.criteria)
        document, summary = rules.document(rule), rules.sentence(rule, scope)
        segment = by_key.get(default.key)
        if segment is None:
            name = _free_name(default, names)
            segment = Segment(
                shop_id=stored_id(shop),
                name=name,
                name_key=name.casefold(),
                description=default.description,
                rule=document,
                summary=summary,
                default_key=default.key,
            )
        elif segment.rule == document:
            continue
        else:
            segment.rule, segment.summary = document, summary
            segment.version += 1
            segment.updated_at = now()
        session.add(segment)


def _free_name(default: DefaultSegment, taken: set[str]) -> str:
    name = default.name
    while name.casefold() in taken:
        name += " (default)"
    return name


def filled(
    template: SegmentTemplate, registry: Registry, audience: Audience, shop_id: int, scope: Scope
) -> dict[str, Any]:
    """A template's rule with the shop's own values, in canonical form."""

    def fill(node: Any, place: tuple[str, ...]) -> Any:
        match node:
            case Suggested(position, otherwise):
                criterion, field = place[-2:]
                found = suggestions(
                    registry, audience, shop_id, criterion, field, "", position + 1, scope
                )
                return found[position].value if len(found) > position else otherwise
            case Mapping():
                return {name: fill(inner, (*place, name)) for name, inner in node.items()}
            case str():
                return node
            case Sequence():
                return [fill(inner, place) for inner in node]
            case _:
                return node

    return rules.document(rules.parse(fill(template.rule, ()), registry.criteria))
