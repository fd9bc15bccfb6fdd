"""Criteria for Acme's loyalty program: points and tiers."""

from collections.abc import Sequence

from acme_loyalty.accounts import LoyaltyAccount
from acme_loyalty.points import LoyaltyPoints
from acme_loyalty.tier import LoyaltyTier
from graphql_app.audience.tables import AudienceTable
from graphql_app.criteria import Criterion, SegmentTemplate, Suggested, hookimpl

CONTRACT_VERSION = 1


@hookimpl
def register_criteria() -> Sequence[type[Criterion]]:
    """Register the criteria."""
    return [LoyaltyPoints, LoyaltyTier]


@hookimpl
def register_audience_tables() -> Sequence[type[AudienceTable]]:
    """Register the table that the criteria read."""
    return [LoyaltyAccount]


@hookimpl
def register_segment_templates() -> Sequence[SegmentTemplate]:
    """Register a template for the shop's largest tier with points to spend."""
    return [
        SegmentTemplate(
            key="acme-reward-ready",
            name="Reward Ready",
            description="Members of your largest tier with enough points for a reward.",
            rule={
                "all": [
                    {"loyaltyTier": {"operator": "ANY_OF", "tiers": [Suggested(0, "gold")]}},
                    {"loyaltyPoints": {"operator": "AT_LEAST", "count": 500}},
                ]
            },
        )
    ]
