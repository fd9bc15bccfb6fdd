"""How many contacts of each kind a shop has."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlmodel import col

from graphql_app.audience.store import Audience
from graphql_app.audience.tables import Contact, Order


@dataclass(frozen=True, slots=True)
class ContactCounts:
    """Counts of contacts: all, subscribed, with a valid order, and those that can be texted."""

    contacts: int
    subscribers: int
    customers: int
    textable: int


def contact_counts(audience: Audience, shop_id: int) -> ContactCounts:
    """Count a shop's contacts."""
    customers = select(col(Order.contact_id)).where(col(Order.valid))
    statement = select(
        func.count(),
        func.countIf(col(Contact.subscribed)),
        func.countIf(col(Contact.id).in_(customers)),
        func.countIf(col(Contact.textable)),
    ).select_from(Contact)
    return ContactCounts(*audience.fetch_rows(statement, shop_id)[0])
