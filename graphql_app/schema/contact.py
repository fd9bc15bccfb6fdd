"""Contacts, and lists of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from graphql_app.catalog.tables import TokenScope
from graphql_app.ids import CONTACT, number_of
from graphql_app.runtime.context import Context
from graphql_app.schema.ids import Id, global_id
from graphql_app.schema.node import Node
from graphql_app.schema.permissions import RequestInfo, guarded
from graphql_app.schema.scalars import JSON, Instant
from graphql_app.segments import members as listing
from graphql_app.segments.failures import RuleTimeoutError
from graphql_app.segments.members import Person
from graphql_app.segments.references import segment_id
from graphql_app.segments.rules.tree import Rule, keys
from graphql_app.segments.size import containing_where_known

if TYPE_CHECKING:
    from graphql_app.schema.segment import Segment


@strawberry.type(description="A subscriber, a customer, or both.")
class Contact(Node):
    """See the description."""

    source_id: strawberry.ID = strawberry.field(
        description="The contact's id in the source system."
    )
    phone: str | None = strawberry.field(description="Phone number.")
    email: str | None = strawberry.field(description="E-mail address.")
    first_name: str | None = strawberry.field(description="Given name.")
    last_name: str | None = strawberry.field(description="Family name.")
    country: str | None = strawberry.field(description="Country, ISO 3166-1 alpha-2.")
    region: str | None = strawberry.field(description="State or province.")
    city: str | None = strawberry.field(description="City.")
    tags: list[str] = strawberry.field(description="The shop's own labels.")
    subscribed_at: Instant | None = strawberry.field(description="The latest subscription.")
    unsubscribed_at: Instant | None = strawberry.field(description="The latest unsubscription.")
    created_at: Instant | None = strawberry.field(description="When the contact was created.")
    properties: JSON = strawberry.field(description="The shop's own properties.")
    subscribed: bool = strawberry.field(description="Whether the latest consent is a subscription.")
    textable: bool = strawberry.field(description="Whether they can be texted: and have a phone.")
    number: strawberry.Private[int]

    async def _segments(
        self, info: RequestInfo
    ) -> list[Annotated[Segment, strawberry.lazy("graphql_app.schema.segment")]]:
        from graphql_app.schema.segment import Segment  # noqa: PLC0415 - they refer to each other

        return [Segment.of(found) for found in await _holding(info.context, self.number)]

    segments: list[Annotated[Segment, strawberry.lazy("graphql_app.schema.segment")]] = guarded(
        TokenScope.SEGMENTS_READ,
        resolver=_segments,
        description="Every saved segment that this person is in, by name; none that is archived, "
        "has problems, or asks a criterion that fails.",
    )

    @classmethod
    def of(cls, person: Person) -> Contact:
        """A contact as GraphQL shows it."""
        return cls(
            id=global_id(CONTACT, person.id),
            source_id=strawberry.ID(str(person.id)),
            phone=person.phone,
            email=person.email,
            first_name=person.first_name,
            last_name=person.last_name,
            country=person.country,
            region=person.region,
            city=person.city,
            tags=list(person.tags),
            subscribed_at=_instant(person.subscribed_at),
            unsubscribed_at=_instant(person.unsubscribed_at),
            created_at=_instant(person.created_at),
            properties=JSON(json.loads(person.properties)),
            subscribed=person.subscribed,
            textable=person.textable,
            number=person.id,
        )


def _instant(value: Any) -> Instant | None:
    return None if value is None else Instant(value)


async def _holding(context: Context, contact: int) -> list[Any]:
    """The saved segments that hold a contact."""
    segments = await context.run(context.saved.whole)
    whole = {segment_id(segment): (segment, rule) for segment, rule in segments}
    theirs = {
        number
        for number, (_, rule) in whole.items()
        if any(map(context.services.registry.is_third_party, keys(rule)))
    }
    found = await _of(context, {n: whole[n][1] for n in whole.keys() - theirs}, contact)
    with suppress(RuleTimeoutError):  # slow criteria count as failed ones do
        found |= await _of(context, {n: whole[n][1] for n in theirs}, contact)
    return [segment for number, (segment, _) in whole.items() if number in found]


async def _of(context: Context, rules: Mapping[int, Rule], contact: int) -> frozenset[int]:
    """Which of some rules a contact matches, without those that cannot be told."""
    return await context.run_with(
        (key for rule in rules.values() for key in keys(rule)),
        containing_where_known,
        context.services.audience,
        context.shop_id,
        rules,
        contact,
        context.scope,
        context.services.index,
    )


async def find_contact(context: Context, number: int) -> Contact | None:
    """The contact with an id of the source system."""
    found = await context.run(listing.people, context.services.audience, context.shop_id, [number])
    return Contact.of(found[number]) if number in found else None


async def _contact(info: RequestInfo, id: Id) -> Contact | None:
    number = number_of(CONTACT, id)
    return None if number is None else await find_contact(info.context, number)


@strawberry.type
class ContactQuery:
    """The queries of contacts."""

    contact: Contact | None = guarded(
        TokenScope.CONTACTS_READ,
        resolver=_contact,
        description="A contact by its id; null when the shop has none such.",
    )
