"""The criteria keep what the contract promises."""

from typing import Any

import pytest

from acme_loyalty.accounts import LoyaltyAccount
from acme_loyalty.points import LoyaltyPoints
from acme_loyalty.tier import LoyaltyTier
from graphql_app.criteria import Criterion
from graphql_app.testing import check_criterion


@pytest.mark.parametrize(
    ("criterion", "example"),
    [
        (LoyaltyPoints, {"operator": "AT_LEAST", "count": 500}),
        (LoyaltyTier, {"operator": "ANY_OF", "tiers": ["gold", "silver"]}),
    ],
)
def test_the_criterion_keeps_the_contract(
    criterion: type[Criterion], example: dict[str, Any]
) -> None:
    check_criterion(criterion, examples=[example], tables=[LoyaltyAccount])
