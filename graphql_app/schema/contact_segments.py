"""``Contact.segments``: added to its type here, since contacts and segments refer to each other."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import strawberry
from strawberry.types import get_object_definition
from strawberry.types.field import StrawberryField

from graphql_app.catalog.token_scope import TokenScope
from graphql_app.runtime.context import Context
from graphql_app.schema.contact import Contact
from graphql_app.schema.permissions import RequestInfo, guarded
from graphql_app.schema.segment import Segment
from graphql_app.segments.failures import RuleTimeoutError
from graphql_app.segments.references import segment_id
from graphql_app.segments.rules.tree import Rule, keys
from graphql_app.segments.size import containing_where_known


async def _holding(context: Context, contact: int) -> list[Any]:
    """The saved segments that hold a contact."""
    segments = await context.run(context.saved.whole)
    whole = {segment_id(segment): (segment, rule) for segment, rule in segments}
    theirs = {
        number
        for number, (_, rule) in whole.items()
        if any(map(context.services.registry.is_third_party, keys(rule)))
    }
    found = await _of(context, {n: whole[n][1] for n in whole.keys() - theirs}, contact)
    with suppress(RuleTimeoutError):  # slow criteria count as failed ones do
        found |= await _of(context, {n: whole[n][1] for n in theirs}, contact)
    return [segment for number, (segment, _) in whole.items() if number in found]


async def _of(context: Context, rules: Mapping[int, Rule], contact: int) -> frozenset[int]:
    """Which of some rules a contact matches, without those that cannot be told."""
    return await context.run_with(
        (key for rule in rules.values() for key in keys(rule)),
        containing_where_known,
        context.services.audience,
        context.shop_id,
        rules,
        contact,
        context.scope,
        context.services.index,
    )


async def _segments(root: strawberry.Parent[Contact], info: RequestInfo) -> list[Segment]:
    return [Segment.of(found) for found in await _holding(info.context, root.number)]


def _add_segments() -> None:
    field: StrawberryField = guarded(
        TokenScope.SEGMENTS_READ,
        resolver=_segments,
        description="Every saved segment that this person is in, by name; none that is archived, "
        "has problems, or asks a criterion that fails.",
    )
    field.python_name = "segments"
    field.origin = Contact
    get_object_definition(Contact, strict=True).fields.append(field)


_add_segments()
