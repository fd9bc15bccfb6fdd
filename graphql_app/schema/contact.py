"""Contacts."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry import field

from graphql_app.audience.whole_numbers import restore_whole_numbers
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.ids import CONTACT, parse_id
from graphql_app.json_text import JsonText
from graphql_app.runtime.context import Context
from graphql_app.schema.ids import Id, global_id
from graphql_app.schema.node import Node
from graphql_app.schema.permissions import RequestInfo, guarded
from graphql_app.schema.scalars import JSON
from graphql_app.segments.members import Person


def _properties(root: Contact) -> JSON:
    return JSON(JsonText(restore_whole_numbers(root.stored_properties)))


@strawberry.type(description="A person the shop knows: a subscriber, a customer, both, or neither.")
class Contact(Node):
    source_id: strawberry.ID = field(description="The id in the source system.")
    phone: str | None = field(description="Phone number, as it was recorded.")
    phone_e164: str | None = field(
        description="The phone number in E.164 format, to which texts are sent; null if it is not "
        "valid."
    )
    email: str | None = field(description="E-mail address.")
    first_name: str | None = field(description="First name.")
    last_name: str | None = field(description="Last name.")
    country: str | None = field(description="ISO 3166-1 alpha-2 country code.")
    region: str | None = field(description="State or province.")
    city: str | None = field(description="City.")
    tags: list[str] = field(description="Tags that the shop gave the contact.")
    subscribed_at: datetime | None = field(description="When the contact last subscribed.")
    unsubscribed_at: datetime | None = field(description="When the contact last unsubscribed.")
    created_at: datetime | None = field(description="When the contact was created.")
    properties: JSON = field(resolver=_properties, description="Custom properties.")
    subscribed: bool = field(description="Whether the contact is subscribed now.")
    textable: bool = field(
        description="Whether the contact can be texted: subscribed, with a valid phone number."
    )
    number: strawberry.Private[int]
    stored_properties: strawberry.Private[str]

    @classmethod
    def of(cls, person: Person) -> Contact:
        return cls(
            id=global_id(CONTACT, person.id),
            source_id=strawberry.ID(person.source_id or str(person.id)),
            phone=person.phone,
            phone_e164=person.phone_e164,
            email=person.email,
            first_name=person.first_name,
            last_name=person.last_name,
            country=person.country,
            region=person.region,
            city=person.city,
            tags=list(person.tags),
            subscribed_at=person.subscribed_at,
            unsubscribed_at=person.unsubscribed_at,
            created_at=person.created_at,
            subscribed=person.subscribed,
            textable=person.textable,
            number=person.id,
            stored_properties=person.properties,
        )


async def find_contact(context: Context, number: int) -> Contact | None:
    """Return the contact with a number."""
    found = await context.engine.people([number])
    return Contact.of(found[number]) if number in found else None


async def _contact(info: RequestInfo, id: Id) -> Contact | None:
    number = parse_id(CONTACT, id)
    return None if number is None else await find_contact(info.context, number)


@strawberry.type
class ContactQuery:
    contact: Contact | None = guarded(
        TokenScope.CONTACTS_READ,
        resolver=_contact,
        description="A contact by its global id; null if the shop has no such contact.",
    )
