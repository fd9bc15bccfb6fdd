"""The life of a plugin's table: creation, restarts, and times without its plugin."""

import time

import pytest
from sqlalchemy import func, select
from sqlmodel import Field, col

from graphql_app.audience.clickhouse_errors import AudienceUnavailableError
from graphql_app.audience.store import Audience
from graphql_app.audience.tables import AudienceTable, StoreTable, UInt64, fact_engine
from graphql_app.plugins import Registry
from graphql_app.segments.engine import ShopEngine
from graphql_app.segments.scope import shop_scope
from graphql_app.segments.sql_guard import ForbiddenFragmentError, checked
from tests.factories import contacts
from tests.plugin_tables.conftest import Started
from tests.plugin_tables.test_recording import REVIEW, earned, points, record, reviews, wrote
from tests.plugins.reviews import Review, Reviewer, ReviewsWritten
from tests.support import Client, Server

ANOTHER_KEY = (
    "CREATE OR REPLACE TABLE acme_reviewers (shop_id UInt64, contact_id UInt64, id UInt64, "
    "version UInt64, deleted Bool, points Int64, rank Nullable(String)) "
    "ENGINE = ReplacingMergeTree(version) ORDER BY (shop_id, contact_id, id)"
)

# These tests alter tables by hand, in ways that only work on one server.
BY_HAND = pytest.mark.parametrize("store", ["embedded", "http"], indirect=True)


def _columns(audience: Audience) -> dict[str, str]:
    found = audience.query_unfiltered(
        "SELECT name, type FROM system.columns WHERE table = 'acme_reviewers' "
        f"AND database = '{audience.database}' ORDER BY position"
    )
    return {row["name"]: row["type"] for row in found.to_pylist()}


def test_only_tables_of_registered_plugins_are_created(plugged: Server, server: Server) -> None:
    assert _columns(plugged.services.audience) == {
        "shop_id": "UInt64",
        "version": "UInt64",
        "deleted": "Bool",
        "contact_id": "UInt64",
        "points": "Int64",
        "rank": "Nullable(String)",
    }
    assert _columns(server.services.audience) == {}  # imported, but not registered


def test_rows_survive_a_restart(
    server: Server, start: Started, registry_with_reviews: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = server.shop().shop
    with start(registry_with_reviews) as first:
        shop = first.client(owner)
        shop.record("contactsUpsert", contacts("1"))
        record(shop, "acme_reviews", REVIEW)
        record(shop, "acme_reviewers", {"contactId": "1", "points": 30})
    an_hour_ago = time.time_ns() - 3_600_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: an_hour_ago)
    with start(registry_with_reviews) as second:
        shop = second.client(owner)
        assert shop.members_each([wrote(1), earned(30)]) == [1, 1]
        record(shop, "acme_reviewers", {"contactId": "1", "points": 2})  # the last write wins
        assert shop.members_each([earned(30), earned(2)]) == [0, 1]


@BY_HAND
def test_a_new_field_is_added(
    server: Server, start: Started, registry_with_reviews: Registry
) -> None:
    owner = server.shop().shop
    with start(registry_with_reviews) as before:
        before.client(owner).record("contactsUpsert", contacts("1", "2"))
        record(before.client(owner), "acme_reviews", REVIEW)
        record(before.client(owner), "acme_reviewers", {"contactId": "1", "points": 30})
        before.services.audience.command("ALTER TABLE acme_reviewers DROP COLUMN points")
        before.services.audience.command("ALTER TABLE acme_reviews DROP COLUMN title")
    with start(registry_with_reviews) as after:
        shop = after.client(owner)
        assert shop.members_each([wrote(1), earned(1), earned(0)]) == [1, 0, 2]
        record(shop, "acme_reviewers", {"contactId": "1", "points": 5})
        record(shop, "acme_reviews", {**REVIEW, "title": "New"})
        assert points(shop, 5) == 1


@BY_HAND
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "ALTER TABLE acme_reviewers MODIFY COLUMN points String",
            "with the column points of type String instead of Int64: restore the old declaration",
        ),
        (
            ANOTHER_KEY,
            "with the key contact_id, id, shop_id instead of contact_id, shop_id: restore",
        ),
    ],
)
def test_a_table_with_another_declaration_is_refused(
    start: Started, registry_with_reviews: Registry, change: str, message: str
) -> None:
    with start(registry_with_reviews) as before:
        before.services.audience.command(change)
    with pytest.raises(AudienceUnavailableError, match=message), start(registry_with_reviews):
        pass


def _record_two_reviewers(shop: Client) -> None:
    shop.record("contactsUpsert", contacts("1", "2"))
    for number in ("1", "2"):
        record(shop, "acme_reviews", {**REVIEW, "id": number, "contactId": number})
        record(shop, "acme_reviewers", {"contactId": number, "points": 30})


def test_forgetting_a_contact_erases_only_its_rows(shop: Client) -> None:
    _record_two_reviewers(shop)
    shop.forget("1")
    shop.record("contactsUpsert", contacts("1"))
    assert shop.members_each([wrote(1), wrote(0), earned(30)]) == [1, 1, 1]
    record(shop, "acme_reviewers", {"contactId": "1", "points": 30})
    assert points(shop, 30) == 2


def test_a_contact_forgotten_without_the_plugin_stays_forgotten(
    server: Server, start: Started, registry: Registry, registry_with_reviews: Registry
) -> None:
    owner, other = server.shop().shop, server.shop().shop
    with start(registry_with_reviews) as plugged:
        for shop in map(plugged.client, (owner, other)):
            _record_two_reviewers(shop)
    with start(registry) as bare:
        assert bare.client(owner).ask("{ factTables { name } }") == {"factTables": []}
        bare.client(owner).forget("1")
        bare.client(owner).record("contactsUpsert", contacts("1"))
    with start(registry_with_reviews) as plugged:
        shop = plugged.client(owner)
        assert shop.members_each([wrote(1), wrote(0), earned(30)]) == [1, 1, 1]
        assert reviews(plugged.client(other), 1) == points(plugged.client(other), 30) == 2
        assert plugged.services.audience.query_unfiltered(
            f"SELECT count() AS n FROM acme_reviews WHERE shop_id = {shop.shop_id}"
        )["n"].to_pylist() == [1]


def test_rows_of_a_merged_contact_follow_even_without_the_plugin(
    server: Server, start: Started, registry: Registry, registry_with_reviews: Registry
) -> None:
    owner, other = server.shop().shop, server.shop().shop
    with start(registry_with_reviews) as plugged:
        for shop in map(plugged.client, (owner, other)):
            _record_two_reviewers(shop)
            record(shop, "acme_reviewers", {"contactId": "2", "points": 50})
    with start(registry) as bare:
        bare.client(owner).merge("1", into="2")
    with start(registry_with_reviews) as plugged:
        shop = plugged.client(owner)
        # Both had a row with the same key, so that of contact 2 stays.
        assert shop.members_each([wrote(2), wrote(1), earned(30), earned(50)]) == [1, 0, 1, 1]
        shop = plugged.client(other)
        assert shop.members_each([wrote(2), wrote(1), earned(30), earned(50)]) == [0, 2, 2, 1]


def test_an_operators_own_views_and_tables_do_not_prevent_erasure(
    server: Server, start: Started, registry_with_reviews: Registry
) -> None:
    with start(registry_with_reviews) as plugged:
        audience, shop = plugged.services.audience, plugged.client(server.shop().shop)
        audience.command("CREATE VIEW latest_reviews AS SELECT * FROM acme_reviews FINAL")
        audience.command(
            "CREATE TABLE copies (shop_id UInt64, contact_id UInt64, version UInt64, "
            "deleted Bool) ENGINE = MergeTree ORDER BY contact_id"
        )
        shop.record("contactsUpsert", contacts("1"))
        record(shop, "acme_reviews", REVIEW)
        shop.forget("1")
        shop.record("contactsUpsert", contacts("1"))
        assert reviews(shop, 1) == 0


def test_a_left_out_table_is_filtered_by_shop(
    server: Server, start: Started, registry: Registry, registry_with_reviews: Registry
) -> None:
    owner, thief = server.shop().shop, server.shop().shop
    with start(registry_with_reviews) as plugged:
        for shop in map(plugged.client, (owner, thief)):
            shop.record("contactsUpsert", contacts("1", "2"))
        record(plugged.client(owner), "acme_reviews", REVIEW, {**REVIEW, "id": 2, "contactId": 2})
        record(plugged.client(owner), "acme_reviewers", {"contactId": "1", "points": 1})
    with start(registry) as bare:
        audience = bare.services.audience
        rule = ReviewsWritten(operator="AT_LEAST", count=1)
        sizes = [
            ShopEngine(audience, shop.shop_id, shop_scope(shop.shop)).size(rule).members
            for shop in map(bare.client, (owner, thief))
        ]
        assert sizes == [2, 0]
        for table in (Review, Reviewer):
            ids = select(col(table.contact_id))
            assert audience.fetch_rows(ids, bare.client(thief).shop_id) == []


class Parts(AudienceTable, table=True):
    """A system table declared as a table of facts."""

    __tablename__ = "parts"
    __table_args__ = (fact_engine("contact_id"), {"schema": "system"})

    contact_id: int = Field(primary_key=True, sa_type=UInt64)


class Payload(StoreTable, table=True):
    """A table in the store without a shop column."""

    __tablename__ = "acme_payloads"
    __table_args__ = (fact_engine("contact_id"),)

    contact_id: int = Field(primary_key=True, sa_type=UInt64)


def test_other_tables_cannot_be_read(plugged: Server, shop: Client) -> None:
    message = r"reads system\.parts, which is not a table of facts"
    with pytest.raises(ForbiddenFragmentError, match=message):
        checked(select(col(Parts.contact_id)), "malicious")
    audience = plugged.services.audience
    audience.command(
        "CREATE TABLE acme_payloads (contact_id UInt64) ENGINE = MergeTree ORDER BY contact_id"
    )
    audience.command("INSERT INTO acme_payloads VALUES (1)")
    with pytest.raises(AudienceUnavailableError):  # the filter needs shop_id
        audience.fetch_rows(select(col(Payload.contact_id)), shop.shop_id)


def test_a_statement_for_some_contacts_sees_only_their_rows(plugged: Server, shop: Client) -> None:
    shop.record("contactsUpsert", contacts("1", "2"))
    record(shop, "acme_reviews", *({**REVIEW, "id": n, "contactId": n % 2 + 1} for n in range(5)))
    statement = select(func.count()).select_from(Review)
    audience = plugged.services.audience
    found = {
        restricted: audience.fetch_rows(statement, shop.shop_id, restricted)[0][0]
        for restricted in ((1,), (2,), (1, 2), (7,), ())
    }
    assert found == {(1,): 3, (2,): 2, (1, 2): 5, (7,): 0, (): 0}
