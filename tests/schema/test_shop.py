"""The shop of a token."""

from datetime import UTC, datetime, timedelta

import pytest

from graphql_app.catalog.tables import Shop
from graphql_app.catalog.weekday import Weekday
from graphql_app.segments.default_segments import create_shop
from tests.client import SIZE
from tests.factories import contacts, text
from tests.support import Server

DAY = timedelta(days=1)


@pytest.mark.parametrize("country", ["US", None])
def test_a_shop_may_have_a_country(server: Server, country: str | None) -> None:
    assert server.shop(country=country).ask("{ shop { country } }") == {
        "shop": {"country": country}
    }


def test_this_week_begins_on_the_first_weekday_of_the_shop(server: Server) -> None:
    this_week = {"calendar": {"which": "THIS", "unit": "WEEK"}}
    rule = {"textsReceived": {"operator": "EQUALS", "count": 1, "within": this_week}}
    now = datetime.now(UTC)
    for ahead, members in ((0, 0), (1, 1)):  # weeks that begin today, or begin tomorrow
        weekday = [*Weekday][(now + ahead * DAY).weekday()]
        shop = Shop(
            handle=f"weekly-{weekday.lower()}", name="Weekly", timezone="UTC", currency="USD",
            first_weekday=weekday,
        )  # fmt: skip
        services = server.services
        client = server.client(create_shop(services.catalog, services.registry, shop))
        client.record("contactsUpsert", contacts(1))
        client.record("textsRecord", [text(1, 1, (now - DAY).isoformat())])
        assert client.ask("{ shop { firstWeekday } }")["shop"] == {"firstWeekday": weekday.value}
        assert client.ask(SIZE, rule=rule)["segmentSize"]["members"] == members
