"""Pages of a rule's members."""

from __future__ import annotations

import strawberry
from strawberry import field

from graphql_app.ids import CursorOrderError, encode, parse_cursor
from graphql_app.runtime.context import Context
from graphql_app.schema.contact import Contact
from graphql_app.schema.descriptions import described_enum
from graphql_app.schema.explanation import Explainer, explainer
from graphql_app.schema.pagination import PageInfo, page_size
from graphql_app.schema.permissions import RequestInfo
from graphql_app.segments.explanation import MembershipExplanation
from graphql_app.segments.members import MemberSortKey, Page, Position
from graphql_app.segments.rules.tree import Rule

SortKey = described_enum(
    MemberSortKey,
    {
        MemberSortKey.ID: "The id in the source system: whole numbers by value, then other ids in "
        "a fixed order.",
        MemberSortKey.CREATED_AT: "When the contact was created.",
        MemberSortKey.SUBSCRIBED_AT: "When the contact last subscribed.",
    },
    description="The sort order of contacts. Contacts without the date sort as the oldest.",
)


async def _explanation(root: ContactEdge) -> MembershipExplanation | None:
    return await root.explainer.load(root.node.number)


@strawberry.type(description="A contact in a list.")
class ContactEdge:
    cursor: str = field(description="The contact's position in the list.")
    node: Contact = field(description="The contact.")
    explanation: MembershipExplanation | None = field(
        resolver=_explanation,
        description="Why the contact matches the rule of the list; null, with an error, if the "
        "explanation failed.",
    )
    explainer: strawberry.Private[Explainer]


async def _total(root: ContactConnection, info: RequestInfo) -> int:
    return await info.context.engine.count(root.rule)


@strawberry.type(description="A page of contacts.")
class ContactConnection:
    nodes: list[Contact] = field(description="The contacts of the page.")
    edges: list[ContactEdge] = field(description="The contacts of the page with their cursors.")
    page_info: PageInfo = field(description="The position of the page in the list.")
    total_count: int = field(resolver=_total, description="The number of contacts on all pages.")
    rule: strawberry.Private[Rule]


async def members_page(
    context: Context,
    rule: Rule,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
    key: MemberSortKey,
    reverse: bool,
) -> ContactConnection:
    """Return a page of the contacts who match a rule."""
    size = page_size(first, last)
    start, end = _position(after, key, "after"), _position(before, key, "before")
    page = Page(size.limit + 1, start, end, size.backward, key, reverse)
    found = await context.engine.members(rule, page)
    explaining = explainer(context, rule)
    edges = [
        ContactEdge(
            cursor=encode(key.value, person.sort_value(key), person.id),
            node=Contact.of(person),
            explainer=explaining,
        )
        for person in size.page_of(found)
    ]
    return ContactConnection(
        nodes=[edge.node for edge in edges],
        edges=edges,
        page_info=size.page_info(len(found), [edge.cursor for edge in edges], start, end),
        rule=rule,
    )


def _position(cursor: str | None, key: MemberSortKey, argument: str) -> Position | None:
    if cursor is None:
        return None
    match parse_cursor(cursor, (argument,)):
        case [str(sorted_by), int(value), int(number)] if (
            sorted_by == key and 0 <= number < 2**64 and -(2**63) <= value < 2**64
        ):
            return Position(value, number)
    raise CursorOrderError((argument,))
