"""The shop of the client's token."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import strawberry
from strawberry import field

from graphql_app.catalog.shops import stored_id
from graphql_app.catalog.tables import Shop as StoredShop
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.catalog.weekday import Weekday
from graphql_app.schema.descriptions import described_enum
from graphql_app.schema.ids import global_id
from graphql_app.schema.node import Node
from graphql_app.schema.permissions import RequestInfo, guarded
from graphql_app.segments.counts import ContactCounts
from graphql_app.timezones import EPOCH, offsets_of

KIND = "Shop"
END = datetime(2200, 1, 1, tzinfo=UTC)  # facts have times before this

described_enum(
    Weekday,
    {weekday: f"{weekday.capitalize()}." for weekday in Weekday},
    description="A day of the week.",
)


async def _counts(info: RequestInfo) -> ContactCounts:
    return await info.context.engine.contact_counts()


@strawberry.type(description="How far a shop's clocks are ahead of UTC, until the next offset.")
class UtcOffset:
    since: datetime = field(description="The instant from which the offset applies.")
    seconds: int = field(description="The offset in seconds; negative to the west of Greenwich.")


def _utc_offsets(root: strawberry.Parent[Shop]) -> list[UtcOffset]:
    return _build_offsets(ZoneInfo(root.timezone))


@cache
def _build_offsets(zone: ZoneInfo) -> list[UtcOffset]:
    known = offsets_of(zone)
    found: list[UtcOffset] = []
    for start, seconds in zip(known.starts, known.offsets, strict=True):
        since = EPOCH + timedelta(seconds=start)
        if since <= EPOCH:  # only the last offset before 1970 counts
            found = [UtcOffset(since=EPOCH, seconds=seconds)]
        elif since < END:
            found.append(UtcOffset(since=since, seconds=seconds))
    return found


@strawberry.type(description="A tenant: its name, time zone, currency and contacts.")
class Shop(Node):
    handle: str = field(description="The shop's short name in commands.")
    name: str = field(description="Its name.")
    description: str = field(description="A description of the shop.")
    timezone: str = field(description="Its IANA time zone, in which calendar days begin.")
    currency: str = field(description="The ISO 4217 currency of all its amounts.")
    country: str | None = field(
        description="Its ISO 3166-1 alpha-2 country, to which phone numbers belong that do not "
        "name theirs."
    )
    first_weekday: Weekday = field(
        description='The first day of its weeks, for time windows such as "this week".'
    )
    utc_offsets: list[UtcOffset] = field(
        resolver=_utc_offsets,
        description="The offsets of its time zone from 1970 to 2199, in order. Use them to display "
        "times, because your platform's time zone rules may differ from the server's.",
    )

    contact_counts: ContactCounts = guarded(
        TokenScope.CONTACTS_READ,
        resolver=_counts,
        description="Its current number of contacts of each kind.",
    )

    @classmethod
    def of(cls, shop: StoredShop) -> Shop:
        return cls(
            id=global_id(KIND, stored_id(shop)),
            handle=shop.handle,
            name=shop.name,
            description=shop.description,
            timezone=shop.timezone,
            currency=shop.currency,
            country=shop.country,
            first_weekday=Weekday(shop.first_weekday),
        )


async def _shop(info: RequestInfo) -> Shop:
    return Shop.of(info.context.access.shop)


@strawberry.type
class ShopQuery:
    shop: Shop = field(resolver=_shop, description="The shop that the token belongs to.")
