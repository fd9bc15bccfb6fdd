"""What plugins give a shop to start with: default segments, and templates filled in for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlmodel import Session, col, select

from graphql_app.audience.store import Audience
from graphql_app.catalog.access import new_shop, stored_id
from graphql_app.catalog.store import Catalog
from graphql_app.catalog.tables import Segment, Shop, now
from graphql_app.criteria import DefaultSegment, Scope, SegmentTemplate, Suggested
from graphql_app.errors import InvalidInputError
from graphql_app.plugins import Failure, Registry, without
from graphql_app.segments.failures import CriteriaError, CriterionFailedError
from graphql_app.segments.repository import name_key
from graphql_app.segments.rules import parser as rules
from graphql_app.segments.scope import shop_scope
from graphql_app.segments.suggestions import suggestions

Place = tuple[str, ...]


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
    """Give every shop the default segments of the plugins that are installed now.

    Of processes that start at once, one does it and the others find it done.
    """
    with catalog.write() as session:
        for shop in session.exec(select(Shop).order_by(col(Shop.id)).with_for_update()).all():
            _give_defaults(session, registry, shop)


def check_starters(registry: Registry, strict: bool = True) -> Registry:
    """The registry without the plugins whose default segments or templates do not hold.

    Raises:
        PluginError: There are any, and the host is strict.
    """
    failures = [
        Failure(plugin, f"has a rule that does not hold, of {starter.name!r}", str(error))
        for plugin, contribution in registry.contributions.items()
        for starter in contribution.starters
        if (error := _wrong_with(starter, registry)) is not None
    ]
    if not failures:
        return registry
    # Without them, rules of others may not hold any more.
    return check_starters(without(registry, failures, strict), strict)


def _wrong_with(
    starter: DefaultSegment | SegmentTemplate, registry: Registry
) -> InvalidInputError | None:
    try:
        rules.parse(_fill(starter.rule, lambda _, value: value.otherwise), registry)
    except InvalidInputError as error:
        return error
    return None


def _give_defaults(session: Session, registry: Registry, shop: Shop) -> None:
    """Add the default segments that a shop lacks, and bring the others up to date."""
    owned = session.exec(select(Segment).where(Segment.shop_id == shop.id)).all()
    by_key = {segment.default_key: segment for segment in owned if segment.is_default}
    for default in registry.default_segments:
        rule = rules.parse(default.rule, registry)
        try:
            summary = rules.sentence(rule, shop_scope(shop))
        except CriterionFailedError:
            continue  # the log has it; the other segments are given all the same
        segment = by_key.get(default.key)
        others = {other.name_key for other in owned if other is not segment}
        name = _free_name(default.name, others)
        content: dict[str, Any] = {
            "name": name,
            "name_key": name_key(name),
            "description": default.description,
            "rule": rules.document(rule),
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


def filled(
    template: SegmentTemplate, registry: Registry, audience: Audience, shop_id: int, scope: Scope
) -> dict[str, Any]:
    """A template's rule with the shop's own values, in canonical form."""

    def suggested(place: Place, value: Suggested) -> str:
        criterion, field = place[-2:]
        first = value.position + 1
        try:
            found = suggestions(registry, audience, shop_id, criterion, field, "", first, scope)
        except CriteriaError:
            return value.otherwise
        return found[value.position].value if len(found) == first else value.otherwise

    return rules.document(rules.parse(_fill(template.rule, suggested), registry))


def _fill(node: Any, fill: Callable[[Place, Suggested], str], place: Place = ()) -> Any:
    """A template's rule with every suggested value, at its place of keys, filled in."""
    match node:
        case Suggested():
            return fill(place, node)
        case Mapping():
            return {name: _fill(inner, fill, (*place, name)) for name, inner in node.items()}
        case list():
            return [_fill(inner, fill, place) for inner in node]
        case _:
            return node
