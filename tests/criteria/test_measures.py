"""A measure, compared: contacts without a value have the absent one, or match nothing."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from graphql_app.audience.tables import Contact, Expression
from graphql_app.criteria import CountCriterion, NumberOperator, Scope
from graphql_app.runtime.services import Services
from graphql_app.segments.predicate import predicate
from tests.factories import contact, contacts
from tests.support import Client

SCOPE = Scope(ZoneInfo("UTC"), "USD", datetime(2026, 1, 1, tzinfo=UTC))


class PhoneLength(CountCriterion):
    """How long a contact's phone number is."""

    key = "phoneLength"
    label = "Length of the phone number"

    def measure(self, scope: Scope) -> Expression:
        return func.length(col(Contact.phone))


@pytest.mark.parametrize(
    ("operator", "count", "members"),
    [
        (NumberOperator.LESS_THAN, 3, 2),
        (NumberOperator.EQUALS, 0, 1),
        (NumberOperator.NOT_EQUALS, 0, 2),
        (NumberOperator.AT_LEAST, 2, 2),
        (NumberOperator.GREATER_THAN, 4, 0),
    ],
)
def test_a_column_that_is_missing_counts_as_the_absent_value(
    services: Services, shop: Client, operator: NumberOperator, count: int, members: int
) -> None:
    shop.record("contactsUpsert", [contact(1), contact(2, phone="12")])
    shop.record("contactsUpsert", contacts(3, phone="1234"))
    criterion = PhoneLength(operator=operator, count=count)
    statement = select(func.count()).select_from(Contact).where(predicate(criterion, SCOPE))
    assert services.audience.fetch_rows(statement, shop.shop_id)[0][0] == members
