"""Acme's loyalty programme in Segments: points and tiers."""

from collections.abc import Sequence

from acme_loyalty.accounts import LoyaltyAccount
from acme_loyalty.points import LoyaltyPoints
from acme_loyalty.tier import LoyaltyTier
from graphql_app.audience.tables import AudienceTable
from graphql_app.criteria import Criterion, SegmentTemplate, Suggested, hookimpl

CONTRACT_VERSION = 1


@hookimpl
def register_criteria() -> Sequence[type[Criterion]]:
    """What contacts can be picked by."""
    return [LoyaltyPoints, LoyaltyTier]


@hookimpl
def register_audience_tables() -> Sequence[type[AudienceTable]]:
    """The table that it is read from."""
    return [LoyaltyAccount]


@hookimpl
def register_segment_templates() -> Sequence[SegmentTemplate]:
    """The shop's most common tier, with points to spend."""
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
