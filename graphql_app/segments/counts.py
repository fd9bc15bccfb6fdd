"""How many contacts of each kind a shop has."""

import strawberry
from sqlalchemy import func, select
from sqlmodel import col

from graphql_app.audience.tables import Contact, Order
from graphql_app.segments.fact_reader import FactReader


@strawberry.type(description="How many contacts of each kind a shop has; the kinds overlap.")
class ContactCounts:
    contacts: int = strawberry.field(description="All contacts.")
    subscribers: int = strawberry.field(
        description="Contacts whose latest consent is a subscription."
    )
    customers: int = strawberry.field(
        description="Contacts with an order that was neither cancelled nor refunded in full."
    )
    textable: int = strawberry.field(description="Subscribers with a valid phone number.")


def count_contacts(reader: FactReader) -> ContactCounts:
    customers = select(col(Order.contact_id)).where(col(Order.valid))
    statement = select(
        func.count(),
        func.countIf(col(Contact.subscribed)),
        func.countIf(col(Contact.id).in_(customers)),
        func.countIf(col(Contact.textable)),
    ).select_from(Contact)
    contacts, subscribers, with_orders, textable = reader.rows(statement)[0]
    return ContactCounts(
        contacts=contacts, subscribers=subscribers, customers=with_orders, textable=textable
    )
