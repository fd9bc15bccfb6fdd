"""Loyalty points."""

from sqlalchemy import select
from sqlmodel import col

from acme_loyalty.accounts import LoyaltyAccount
from graphql_app.audience.tables import Statement
from graphql_app.criteria import CountCriterion, Group, Scope


class LoyaltyPoints(CountCriterion):
    """How many points a contact has in the loyalty program; 0 without an account."""

    key = "loyaltyPoints"
    label = "Loyalty points"
    group = Group.OTHER

    def measure(self, scope: Scope) -> Statement:
        """Return the points of each contact with an account."""
        return select(col(LoyaltyAccount.contact_id), col(LoyaltyAccount.points))
