"""What a contact is to the shop."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, select
from sqlmodel import col

from graphql_app.audience.tables import Contact, Order
from graphql_app.criteria import (
    Choice,
    Criterion,
    Group,
    Scope,
    StateOperator,
    form_field,
    hookimpl,
)


class ContactKind(Choice):
    """What a contact can be to a shop."""

    SUBSCRIBER = "SUBSCRIBER", "a subscriber"
    CUSTOMER = "CUSTOMER", "a customer"
    BOTH = "BOTH", "both subscriber and customer"
    TEXTABLE = "TEXTABLE", "textable"


class ContactType(Criterion):
    """Whether a contact is subscribed, has an order that stands, both, or can be texted."""

    key = "contactType"
    label = "Contact"
    group = Group.PROFILE

    operator: StateOperator
    type: ContactKind = form_field("Type")

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        """Contacts of the type."""
        customer = col(Contact.id).in_(select(col(Order.contact_id)).where(col(Order.valid)))
        match self.type:
            case ContactKind.SUBSCRIBER:
                return col(Contact.subscribed).is_(True)
            case ContactKind.CUSTOMER:
                return customer
            case ContactKind.BOTH:
                return and_(col(Contact.subscribed), customer)
            case ContactKind.TEXTABLE:
                return col(Contact.textable).is_(True)


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    """Register the criterion."""
    return [ContactType]
