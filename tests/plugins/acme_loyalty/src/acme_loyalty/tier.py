"""Loyalty tiers."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlmodel import col

from acme_loyalty.accounts import LoyaltyAccount
from graphql_app.audience.tables import Contact, Statement
from graphql_app.criteria import (
    ChoiceOperator,
    Criterion,
    Group,
    OneOrMore,
    Scope,
    Text,
    form_field,
    suggest_frequent,
)


class LoyaltyTier(Criterion):
    """The tier a contact has reached in the loyalty program."""

    key = "loyaltyTier"
    label = "Loyalty tier"
    group = Group.OTHER

    operator: ChoiceOperator
    tiers: OneOrMore[Text] | None = form_field(
        "Tiers",
        used_with=(ChoiceOperator.ANY_OF, ChoiceOperator.NONE_OF),
        placeholder="gold",
        suggests=True,
    )

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        """Match contacts in one of the tiers or, without tiers, in any tier."""
        tier = col(LoyaltyAccount.tier)
        has = tier.is_not(None) if self.tiers is None else tier.in_(self.tiers)
        return col(Contact.id).in_(select(col(LoyaltyAccount.contact_id)).where(has))

    @classmethod
    def suggest(cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]) -> Statement:
        """Suggest the tiers of the shop, largest first."""
        return suggest_frequent(col(LoyaltyAccount.tier), search)
