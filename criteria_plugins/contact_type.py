"""The type of contact: subscriber, customer, or able to be texted."""

from sqlalchemy import ColumnElement, and_, select
from sqlmodel import col

from graphql_app.audience.tables import Contact, Order
from graphql_app.criteria import (
    Choice,
    Criterion,
    Group,
    Phrase,
    Scope,
    StateOperator,
    form_field,
    hookimpl,
)


class ContactKind(Choice):
    """A type of contact."""

    SUBSCRIBER = "SUBSCRIBER", "Subscriber"
    CUSTOMER = "CUSTOMER", "Customer"
    BOTH = "BOTH", "Subscriber and customer"
    TEXTABLE = "TEXTABLE", "Can be texted"


WORDS = {
    ContactKind.SUBSCRIBER: ("is a subscriber", "is not a subscriber"),
    ContactKind.CUSTOMER: ("is a customer", "is not a customer"),
    ContactKind.BOTH: (
        "is both a subscriber and a customer",
        "is not both a subscriber and a customer",
    ),
    ContactKind.TEXTABLE: ("can be texted", "cannot be texted"),
}


class ContactType(Criterion):
    """Whether a contact is a subscriber, a customer or both, or can be texted.

    A customer has an order that is neither cancelled nor fully refunded. A contact can be texted
    who is subscribed and has a valid phone number.
    """

    key = "contactType"
    label = "Contact type"
    group = Group.PROFILE

    operator: StateOperator
    type: ContactKind = form_field("Type")

    def matches(self, scope: Scope) -> ColumnElement[bool]:
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

    def describe_phrase(self, scope: Scope) -> Phrase:
        does, does_not = WORDS[self.type]
        return Phrase(does=does, does_not=does_not, without=("type",))


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [ContactType]
