"""Why a contact is, or is not, among those whom a rule matches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import strawberry
from strawberry.dataloader import DataLoader

from graphql_app.catalog.token_scope import TokenScope
from graphql_app.errors import NotFoundError
from graphql_app.ids import CONTACT, number_of
from graphql_app.runtime.context import Context
from graphql_app.schema.descriptions import argument
from graphql_app.schema.permissions import RequestInfo, guarded
from graphql_app.schema.rule import RuleInputs
from graphql_app.schema.scalars import Instant
from graphql_app.schema.size import parsed
from graphql_app.segments.explanation import Explanation, explain
from graphql_app.segments.rules.tree import Rule, keys


@strawberry.type(description="What one node of a rule, taken by itself, says of a contact.")
class MembershipPart:
    """See the description."""

    path: list[str] = strawberry.field(
        description="Where the node is, from `rule` down; list items by number."
    )
    summary: str = strawberry.field(description="The node as a sentence: what it needs.")
    matches: bool = strawberry.field(description="Whether the contact matches it.")
    measured: str | None = strawberry.field(
        description='What there is: the value that was compared, for people, such as "£37.20"; '
        "null where nothing is measured or the contact has no such value."
    )


@strawberry.type(description="Why a contact matches a rule, or does not, at one instant.")
class MembershipExplanation:
    """See the description."""

    is_member: bool = strawberry.field(description="Whether the contact matches the rule.")
    parts: list[MembershipPart] = strawberry.field(
        description="Every node of the rule, the whole rule first, in the order of "
        "`SegmentSize.parts`."
    )
    as_of: Instant = strawberry.field(description="The instant at which this was so.")

    @classmethod
    def of(cls, explanation: Explanation) -> MembershipExplanation:
        """An explanation as GraphQL shows it."""
        return cls(
            is_member=explanation.is_member,
            parts=[
                MembershipPart(
                    path=[*map(str, part.path)],
                    summary=part.summary,
                    matches=part.matches,
                    measured=part.measured,
                )
                for part in explanation.parts
            ],
            as_of=Instant(explanation.as_of),
        )


Explainer = DataLoader[int, MembershipExplanation | None]


def explainer(context: Context, rule: Rule) -> Explainer:
    """Explains contacts; those that are asked for at once, such as a page, in one statement."""

    async def load(contacts: Sequence[int]) -> list[MembershipExplanation | None]:
        found = await context.run_with(
            keys(rule),
            explain,
            context.services.audience,
            context.shop_id,
            rule,
            context.scope,
            contacts,
        )
        return [MembershipExplanation.of(found[id]) if id in found else None for id in contacts]

    return DataLoader(load)


def explanation_query(inputs: RuleInputs) -> type:
    """The query of explanations."""

    async def resolve_explanation(
        info: RequestInfo,
        rule: Any,
        contact_id: Annotated[
            strawberry.ID, strawberry.argument(description="The contact's id, as this API gave it.")
        ],
    ) -> MembershipExplanation:
        found = await parsed(info.context, rule)
        number = number_of(CONTACT, contact_id, ("contactId",))
        told = None if number is None else await explainer(info.context, found).load(number)
        if told is None:
            raise NotFoundError("contact", ("contactId",))
        return told

    resolve_explanation.__annotations__["rule"] = argument(inputs.rule, "What to explain.")

    @strawberry.type
    class ExplanationQuery:
        membership_explanation: MembershipExplanation = guarded(
            TokenScope.SEGMENTS_READ,
            TokenScope.CONTACTS_READ,
            resolver=resolve_explanation,
            description="Why a contact is, or is not, among those whom a rule matches now; an "
            "error when there is no such contact.",
        )

    return ExplanationQuery
