"""The scope of a shop: its time zone, currency and weeks, at one instant."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from graphql_app.catalog.tables import Shop
from graphql_app.catalog.weekday import Weekday
from graphql_app.criteria import Scope


def shop_scope(shop: Shop, now: datetime | None = None) -> Scope:
    """Return a shop's scope. The instant is truncated to milliseconds, the precision of facts."""
    instant = (now or datetime.now(UTC)).astimezone(UTC)
    instant = instant.replace(microsecond=instant.microsecond // 1000 * 1000)
    first_weekday = Weekday(shop.first_weekday).number
    return Scope(
        ZoneInfo(shop.timezone), shop.currency, instant, first_weekday, country=shop.country
    )
