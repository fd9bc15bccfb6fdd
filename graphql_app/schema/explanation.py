"""Explanations: why a contact matches a rule, or does not."""

from collections.abc import Sequence
from typing import Annotated, Any

import strawberry
from strawberry.dataloader import DataLoader

from graphql_app.catalog.token_scope import TokenScope
from graphql_app.errors import NotFoundError
from graphql_app.ids import CONTACT, parse_id
from graphql_app.runtime.context import Context
from graphql_app.schema.descriptions import argument
from graphql_app.schema.permissions import RequestInfo, guarded
from graphql_app.schema.rule import RuleInputs
from graphql_app.segments.explanation import MembershipExplanation
from graphql_app.segments.rules.tree import Rule

Explainer = DataLoader[int, MembershipExplanation | None]


def explainer(context: Context, rule: Rule) -> Explainer:
    """Return a loader that explains the contacts of a page in one statement."""

    async def load(contacts: Sequence[int]) -> list[MembershipExplanation | None]:
        found = await context.engine.explain(rule, contacts)
        return [found.get(id) for id in contacts]

    return DataLoader(load)


def explanation_query(inputs: RuleInputs) -> type:
    async def resolve_explanation(
        info: RequestInfo,
        rule: Any,
        contact_id: Annotated[
            strawberry.ID, strawberry.argument(description="The contact's global id.")
        ],
    ) -> MembershipExplanation:
        parsed = await info.context.parse(rule)
        number = parse_id(CONTACT, contact_id, ("contactId",))
        explanations = {} if number is None else await info.context.engine.explain(parsed, [number])
        if number not in explanations:
            raise NotFoundError(
                "contact", "The query `segmentMembers` lists contacts.", ("contactId",)
            )
        return explanations[number]

    resolve_explanation.__annotations__["rule"] = argument(inputs.rule, "The rule to explain.")

    @strawberry.type
    class ExplanationQuery:
        membership_explanation: MembershipExplanation = guarded(
            TokenScope.SEGMENTS_READ,
            TokenScope.CONTACTS_READ,
            resolver=resolve_explanation,
            description="Why a contact matches a rule now, or does not. Fails with `NOT_FOUND` if "
            "the shop has no such contact.",
        )

    return ExplanationQuery
