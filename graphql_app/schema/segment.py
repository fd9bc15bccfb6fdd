"""Saved segments: the type, its lists and its queries.

This module is long because one noun has many fields and arguments, each with its
description in the schema.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import strawberry
from strawberry import field

from graphql_app.catalog.store import is_storable
from graphql_app.catalog.tables import Segment as StoredSegment
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.errors import InvalidInputError
from graphql_app.ids import (
    CONTACT,
    MAX_SEGMENT,
    SEGMENT,
    CursorOrderError,
    encode,
    parse_cursor,
    parse_id,
)
from graphql_app.runtime.context import Context
from graphql_app.schema.descriptions import argument, described_enum
from graphql_app.schema.errors import RuleProblem
from graphql_app.schema.ids import Id, global_id
from graphql_app.schema.members import ContactConnection, members_page
from graphql_app.schema.node import Node
from graphql_app.schema.pagination import (
    After,
    Before,
    First,
    Last,
    MemberSort,
    PageInfo,
    Reverse,
    page_size,
    searched,
)
from graphql_app.schema.permissions import RequestInfo, guarded
from graphql_app.schema.rule import RuleInputs
from graphql_app.schema.scalars import JSON
from graphql_app.segments.members import MemberSortKey
from graphql_app.segments.references import segment_id
from graphql_app.segments.repository import CursorPosition, SegmentSortKey
from graphql_app.segments.size import SegmentSize

SortKey = described_enum(
    SegmentSortKey,
    {
        SegmentSortKey.NAME: "The name, ignoring case.",
        SegmentSortKey.CREATED_AT: "When the segment was created.",
        SegmentSortKey.UPDATED_AT: "When the segment was last changed.",
    },
    description="The sort order of segments.",
)


async def _size(root: Segment, info: RequestInfo) -> SegmentSize:
    context = info.context
    return await context.engine.size(await context.rule_of(root.stored))


async def _members(
    root: Segment,
    info: RequestInfo,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
    sort_key: MemberSort = MemberSortKey.ID,
    reverse: Reverse = False,
) -> ContactConnection:
    rule = await info.context.rule_of(root.stored)
    page_arguments = (first, after, last, before)
    return await members_page(info.context, rule, *page_arguments, sort_key, reverse)


async def _contains(
    root: Segment,
    info: RequestInfo,
    contact_id: Annotated[
        strawberry.ID, strawberry.argument(description="The contact's global id.")
    ],
) -> bool:
    context = info.context
    rule = await context.rule_of(root.stored)
    number = parse_id(CONTACT, contact_id, ("contactId",))
    return number is not None and await context.engine.contains(rule, number)


async def _problems(root: Segment, info: RequestInfo) -> list[RuleProblem]:
    try:
        await info.context.rule_of(root.stored)
    except InvalidInputError as error:
        return [*map(RuleProblem.of, error.problems)]
    return []


@strawberry.type(description="A saved rule with a name.")
class Segment(Node):
    name: str = field(description="Unique in the shop, regardless of case and repeated spaces.")
    description: str = field(description="A description for people who use the segment.")
    rule: JSON = field(description="The rule, as a RuleInput.")
    summary: str = field(
        description="The rule as a sentence. Values have their labels beside them, such as the "
        "titles of products, if the token has `contacts:read`."
    )
    is_default: bool = field(
        description="Whether every shop has it, and nobody can edit, archive or delete it."
    )
    archived: bool = field(description="Whether the segment is archived.")
    version: int = field(description="A number that grows by one with every change.")
    created_at: datetime = field(description="When it was created.")
    updated_at: datetime = field(description="When it was last changed.")
    size: SegmentSize | None = guarded(
        TokenScope.CONTACTS_READ,
        resolver=_size,
        description="The current size; null, with an error, if the segment has problems.",
    )
    members: ContactConnection | None = guarded(
        TokenScope.CONTACTS_READ,
        resolver=_members,
        description="The contacts in the segment now; null, with an error, if it has problems.",
    )
    contains: bool | None = guarded(
        TokenScope.CONTACTS_READ,
        resolver=_contains,
        description="Whether a contact is in the segment now; false also if the shop has no such "
        "contact; null, with an error, if the segment has problems.",
    )
    problems: list[RuleProblem] = field(
        resolver=_problems,
        description="The problems of the rule; empty if it is valid.",
    )
    stored: strawberry.Private[StoredSegment]

    @classmethod
    async def of(cls, context: Context, stored: StoredSegment) -> Segment:
        [segment] = await cls.list_of(context, [stored])
        return segment

    @classmethod
    async def list_of(cls, context: Context, stored: Sequence[StoredSegment]) -> list[Segment]:
        """Return saved segments with their summaries, described together."""
        summaries = await context.engine.summaries(stored)
        return [
            cls(
                id=global_id(SEGMENT, segment_id(segment)),
                name=segment.name,
                description=segment.description,
                rule=JSON(segment.rule),
                summary=summary,
                is_default=segment.is_default,
                archived=segment.archived,
                version=segment.version,
                created_at=segment.created_at,
                updated_at=segment.updated_at,
                stored=segment,
            )
            for segment, summary in zip(stored, summaries, strict=True)
        ]


@strawberry.type(description="A segment in a list.")
class SegmentEdge:
    cursor: str = field(description="The segment's position in the list.")
    node: Segment = field(description="The segment.")


async def _total(root: SegmentConnection, info: RequestInfo) -> int:
    return await info.context.run_without_rules(
        info.context.saved.count, root.search, root.only_archived
    )


@strawberry.type(description="A page of segments.")
class SegmentConnection:
    nodes: list[Segment] = field(description="The segments of the page.")
    edges: list[SegmentEdge] = field(description="The segments of the page with their cursors.")
    page_info: PageInfo = field(description="The position of the page in the list.")
    total_count: int = field(resolver=_total, description="The number of segments on all pages.")
    search: strawberry.Private[str]
    only_archived: strawberry.Private[bool]


def _sort_value(segment: StoredSegment, key: SegmentSortKey) -> str:
    if key is SegmentSortKey.NAME:
        return segment.name_key
    time = segment.created_at if key is SegmentSortKey.CREATED_AT else segment.updated_at
    return time.isoformat()


def _position(cursor: str | None, key: SegmentSortKey, argument: str) -> CursorPosition | None:
    if cursor is None:
        return None
    match parse_cursor(cursor, (argument,)):
        case [str(sorted_by), str(value), int(number)] if (
            sorted_by == key and number <= MAX_SEGMENT and is_storable(value)
        ):
            try:
                instant = value if key is SegmentSortKey.NAME else datetime.fromisoformat(value)
                return CursorPosition(instant, number)
            except ValueError:
                pass
    raise CursorOrderError((argument,))


async def find_segment(
    context: Context, id: str, path: tuple[str, ...] = ("id",)
) -> Segment | None:
    number = parse_id(SEGMENT, id, path)
    found = None if number is None else await context.run_without_rules(context.saved.get, number)
    return None if found is None else await Segment.of(context, found)


async def _segment(info: RequestInfo, id: Id) -> Segment | None:
    return await find_segment(info.context, id)


async def _segments(
    info: RequestInfo,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
    search: Annotated[str, strawberry.argument(description="Part of the name.")] = "",
    sort_key: Annotated[
        SegmentSortKey, strawberry.argument(description="The sort order.")
    ] = SegmentSortKey.UPDATED_AT,
    reverse: Reverse = False,
    archived: Annotated[
        bool, strawberry.argument(description="Return archived segments instead of the others.")
    ] = False,
) -> SegmentConnection:
    size = page_size(first, last)
    start, end = _position(after, sort_key, "after"), _position(before, sort_key, "before")
    found = await info.context.run_without_rules(
        info.context.saved.page,
        limit=size.limit + 1,
        after=start,
        before=end,
        backward=size.backward,
        search=searched(search),
        key=sort_key,
        reverse=reverse,
        archived=archived,
    )
    page = size.page_of(found)
    edges = [
        SegmentEdge(
            cursor=encode(sort_key.value, _sort_value(stored, sort_key), segment_id(stored)),
            node=node,
        )
        for stored, node in zip(page, await Segment.list_of(info.context, page), strict=True)
    ]
    return SegmentConnection(
        nodes=[edge.node for edge in edges],
        edges=edges,
        page_info=size.page_info(len(found), [edge.cursor for edge in edges], start, end),
        search=search,
        only_archived=archived,
    )


def segment_query(inputs: RuleInputs) -> type:
    async def resolve_members(
        info: RequestInfo,
        rule: Any,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        sort_key: MemberSort = MemberSortKey.ID,
        reverse: Reverse = False,
    ) -> ContactConnection:
        found = await info.context.parse(rule)
        page_arguments = (first, after, last, before)
        return await members_page(info.context, found, *page_arguments, sort_key, reverse)

    resolve_members.__annotations__["rule"] = argument(
        inputs.rule, "The rule whose members to list."
    )

    @strawberry.type
    class SegmentQuery:
        segment: Segment | None = guarded(
            TokenScope.SEGMENTS_READ,
            resolver=_segment,
            description="A segment by its global id; null if the shop has no such segment.",
        )
        segments: SegmentConnection = guarded(
            TokenScope.SEGMENTS_READ, resolver=_segments, description="The shop's segments."
        )
        segment_members: ContactConnection = guarded(
            TokenScope.SEGMENTS_READ,
            TokenScope.CONTACTS_READ,
            resolver=resolve_members,
            description="The contacts who match any rule now, saved or not.",
        )

    return SegmentQuery
