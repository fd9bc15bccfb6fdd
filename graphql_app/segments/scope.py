"""The scope of a shop: its zone and currency, at one instant."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from graphql_app.catalog.tables import Shop
from graphql_app.criteria import Scope


def shop_scope(shop: Shop, now: datetime | None = None) -> Scope:
    """The scope in which a shop's rules are evaluated, to the millisecond that facts have."""
    instant = (now or datetime.now(UTC)).astimezone(UTC)
    instant = instant.replace(microsecond=instant.microsecond // 1000 * 1000)
    return Scope(ZoneInfo(shop.timezone), shop.currency, instant)
