"""Sizes: how many contacts match a rule and each of its nodes."""

from collections.abc import Sequence
from dataclasses import field
from datetime import datetime

import strawberry
from sqlalchemy import and_, func, select

from graphql_app.audience.tables import Statement
from graphql_app.criteria import Scope
from graphql_app.segments.index import Evaluation
from graphql_app.segments.predicate import columns
from graphql_app.segments.rules.tree import Part


@strawberry.type(description="How many contacts match one node of a rule by itself.")
class RulePartSize:
    path: list[str] = strawberry.field(
        description="Path of the node from `rule` down; list items by number."
    )
    summary: str = strawberry.field(description="The node as a sentence.")
    members: int = strawberry.field(description="How many contacts match the node.")


@strawberry.type(description="How many contacts a rule matches, at one instant.")
class SegmentSize:
    members: int = strawberry.field(description="Contacts who match.")
    textable: int = strawberry.field(
        description="Members who can be texted today: subscribed, with a valid phone number."
    )
    contacts: int = strawberry.field(description="All contacts of the shop.")
    share: float = strawberry.field(
        description="Members as a share of all contacts, 0 to 1; 0 without contacts."
    )
    parts: list[RulePartSize] = strawberry.field(
        description="The size of every node of the rule, the whole rule first."
    )
    as_of: datetime = strawberry.field(description="The instant of the count.")
    # Whether only new facts can change the size, as opposed to time alone.
    steady: strawberry.Private[bool] = field(default=False, compare=False)
    # Whether the size index answered.
    from_memory: strawberry.Private[bool] = field(default=False, compare=False)


def size_statement(nodes: Sequence[Part], scope: Scope) -> Statement:
    """Count all contacts, textable members and the members of each node, in one row.

    The first node is the whole rule.
    """
    rule = nodes[0].rule
    contacts = columns([rule], scope)
    return select(
        func.count(),
        func.countIf(and_(contacts.of(rule), contacts.textable)),
        *(func.countIf(contacts.of(node.rule)) for node in nodes),
    ).select_from(contacts.source)


def size_from_counts(
    nodes: Sequence[Part], summaries: Sequence[str], counts: Sequence[int], scope: Scope
) -> SegmentSize:
    """Make a size of the row that ``size_statement`` returns."""
    contacts, textable, *members = counts
    return SegmentSize(
        members=members[0],
        textable=textable,
        contacts=contacts,
        share=members[0] / contacts if contacts else 0.0,
        parts=[
            RulePartSize(path=[*map(str, node.path)], summary=summary, members=count)
            for node, summary, count in zip(nodes, summaries, members, strict=True)
        ],
        as_of=scope.now,
    )


def size_from_index(
    nodes: Sequence[Part], summaries: Sequence[str], evaluation: Evaluation, scope: Scope
) -> SegmentSize:
    matching = list(evaluation.each([node.rule for node in nodes]))
    members = [evaluation.count(each) for each in matching]
    textable = evaluation.count_textable(matching[0])
    counts = [evaluation.contact_index.contacts, textable, *members]
    size = size_from_counts(nodes, summaries, counts, scope)
    size.steady, size.from_memory = evaluation.steady, True
    return size
