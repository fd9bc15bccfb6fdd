"""Recording, replacing and moving rows of plugins' tables."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from graphql_app.criteria import Scope
from graphql_app.segments.engine import ShopEngine
from graphql_app.segments.index import SizeIndex
from graphql_app.segments.rules.parser import parse
from tests.factories import contacts
from tests.plugins.reviews import Review
from tests.schema.operations import refused, send_escaped
from tests.support import Client, Server

RECORD = """
mutation ($table: String!, $rows: [JSON!]!) {
  factsRecord(table: $table, rows: $rows) { recorded userErrors { code message path } }
}
"""
RECORD_AHEAD = RECORD.replace("recorded", "recorded warnings { code message path }")
TABLES = """
{
  factTables {
    name description plugin { name version } key fields { name kind required description }
  }
}
"""
AT = "2024-05-01T09:58:12Z"
REVIEW: Mapping[str, Any] = {
    "id": "1", "contactId": "1", "productId": "coral", "stars": 5, "writtenAt": AT
}  # fmt: skip


def record(shop: Client, table: str, *rows: Mapping[str, Any]) -> None:
    answer = shop.ask(RECORD, table=table, rows=rows)["factsRecord"]
    assert answer == {"recorded": len(rows), "userErrors": []}


def wrote(count: int) -> Mapping[str, Any]:
    """Return a rule that matches contacts who wrote ``count`` reviews."""
    return {"reviewsWritten": {"operator": "EQUALS", "count": count}}


def earned(least: int) -> Mapping[str, Any]:
    """Return a rule that matches contacts with at least ``least`` points."""
    return {"reviewerPoints": {"operator": "AT_LEAST", "count": least}}


def reviews(shop: Client, count: int) -> int:
    """Return how many contacts wrote ``count`` reviews."""
    return shop.members(wrote(count))


def points(shop: Client, least: int) -> int:
    """Return how many contacts have at least ``least`` points."""
    return shop.members(earned(least))


def test_the_metadata_describes_tables_and_fields(shop: Client) -> None:
    found = {table["name"]: table for table in shop.ask(TABLES)["factTables"]}
    assert {*found} == {"acme_reviews", "acme_reviewers"}
    assert found["acme_reviewers"] == {
        "name": "acme_reviewers",
        "description": "A contact's standing as a reviewer.",
        "plugin": {"name": "an unknown distribution", "version": ""},
        "key": ["contactId"],
        "fields": [
            _field("contactId", "ID", True, "Whose standing."),
            _field("points", "NUMBER", True, "Points for reviews."),
            _field("rank", "TEXT", False, "The rank that they make."),
        ],
    }
    reviewed = found["acme_reviews"]
    assert (reviewed["description"], reviewed["key"]) == ("A review that a contact wrote.", ["id"])
    kinds = {field["name"]: (field["kind"], field["required"]) for field in reviewed["fields"]}
    assert kinds == {
        "contactId": ("ID", True),
        "id": ("ID", True),
        "productId": ("TEXT", True),
        "stars": ("NUMBER", True),
        "title": ("TEXT", False),
        "paid": ("AMOUNT", False),
        "published": ("BOOLEAN", False),
        "labels": ("TEXTS", False),
        "writtenAt": ("TIME", True),
    }


def _field(name: str, kind: str, required: bool, description: str) -> dict[str, Any]:
    return {"name": name, "kind": kind, "required": required, "description": description}


def test_without_plugins_tables(server: Server) -> None:
    shop = server.shop()
    assert shop.ask(TABLES) == {"factTables": []}
    payload = shop.ask(RECORD, table="acme_reviews", rows=[])["factsRecord"]
    [error] = payload["userErrors"]
    assert error["message"] == 'Unknown table "acme_reviews"; no plugin adds a table.'


def test_a_row_replaces_the_whole_row_with_its_key(shop: Client) -> None:
    shop.record("contactsUpsert", contacts("1", "2"))
    for _ in range(2):
        record(shop, "acme_reviews", REVIEW, {**REVIEW, "id": "2"})
        record(shop, "acme_reviewers", {"contactId": "1", "points": 30, "rank": "gold"})
        assert shop.members_each([wrote(2), wrote(0), earned(30)]) == [1, 1, 1]
    record(shop, "acme_reviews", {**REVIEW, "published": False})
    record(shop, "acme_reviewers", {"contactId": "1", "points": 9})
    assert shop.members_each([wrote(2), wrote(1), earned(30), earned(9)]) == [0, 1, 0, 1]


def test_the_last_row_with_a_key_wins(shop: Client) -> None:
    shop.record("contactsUpsert", contacts("1"))
    record(shop, "acme_reviewers", *({"contactId": "1", "points": n} for n in (1, 50, 7)))
    record(shop, "acme_reviews", REVIEW, {**REVIEW, "published": False})
    assert shop.members_each([earned(7), earned(8), wrote(0)]) == [1, 0, 1]


def test_a_row_with_an_id_can_move_to_another_contact(shop: Client) -> None:
    shop.record("contactsUpsert", contacts("1", "2"))
    for owner in ("1", "2", "1"):
        record(shop, "acme_reviews", {**REVIEW, "contactId": owner})
        assert shop.members_each([wrote(1), wrote(0)]) == [1, 1]
    full = {"title": "T", "paid": "9.5", "labels": ["a"], "published": True}
    record(shop, "acme_reviews", {**REVIEW, **full, "contactId": "2"})
    assert reviews(shop, 1) == 1


def test_rows_count_once_their_contact_is_recorded(shop: Client) -> None:
    record(shop, "acme_reviews", REVIEW)
    assert reviews(shop, 1) == 0
    shop.record("contactsUpsert", contacts("1"))
    assert reviews(shop, 1) == 1


def test_a_row_in_the_future_counts_when_its_time_comes(plugged: Server, shop: Client) -> None:
    shop.record("contactsUpsert", contacts("1"))
    ahead = {**REVIEW, "id": "2", "writtenAt": "2150-01-01T00:00:00Z"}
    payload = shop.ask(RECORD_AHEAD, table="acme_reviews", rows=[REVIEW, ahead])["factsRecord"]
    [warning] = payload["warnings"]
    assert (payload["recorded"], payload["userErrors"]) == (2, [])
    assert warning["code"] == "IN_THE_FUTURE"
    assert warning["message"].startswith("writtenAt is in the future: 2150-01-01")
    assert warning["path"] == ["rows", "1", "writtenAt"]
    assert shop.members_each([wrote(1), wrote(2)]) == [1, 0]

    services, comes = plugged.services, datetime(2150, 1, 1, tzinfo=UTC)
    rules = [parse(wrote(count), services.registry) for count in (1, 2)]

    def members(now: datetime, index: SizeIndex | None) -> list[int]:
        scope, upcoming = Scope(ZoneInfo("UTC"), "USD", now), services.index.upcoming
        engine = ShopEngine(services.audience, shop.shop_id, scope, index, upcoming=upcoming)
        return [engine.size(rule).members for rule in rules]

    for index in (services.index, None):
        assert members(comes - timedelta(milliseconds=1), index) == [1, 0]
        assert members(comes, index) == [0, 1]


def test_values_are_stored_exactly(plugged: Server, shop: Client) -> None:
    hostile = "'); DROP TABLE acme_reviews; -- \\ \x00 😀"
    row = {
        **REVIEW, "id": 2**64 - 1, "contactId": 2**53 + 1, "stars": -3, "title": hostile,
        "paid": "99999999999999.9999", "labels": [" a ", "a", "b"],
        "writtenAt": "2024-05-01T09:58:12.5+02:00",
    }  # fmt: skip
    record(shop, "acme_reviews", row, REVIEW)
    stored = plugged.services.audience.query_unfiltered(
        "SELECT toString(id) AS id, toString(contact_id) AS contact, stars, title, "
        "toString(paid) AS paid, published, labels, toString(written_at) AS at "
        f"FROM {Review.__tablename__} WHERE shop_id = {shop.shop_id} ORDER BY stars"
    ).to_pylist()
    assert [*stored[0].values()] == [
        str(2**64 - 1), str(2**53 + 1), -3, hostile, "99999999999999.9999", True, ["a", "b"],
        "2024-05-01 07:58:12.500",
    ]  # fmt: skip
    assert [*stored[1].values()][2:7] == [5, None, None, True, []]


BAD: Sequence[tuple[Any, list[str], str]] = (
    ({**REVIEW, "stars": "many"}, ["stars"], "must be a whole number"),
    ({**REVIEW, "stars": 1.5}, ["stars"], "must be a whole number"),
    ({**REVIEW, "stars": None}, ["stars"], "stars is required."),
    ({name: REVIEW[name] for name in REVIEW if name != "stars"}, ["stars"], "stars is required."),
    ({**REVIEW, "contactId": 1.5}, ["contactId"], "must be text or a whole number"),
    ({**REVIEW, "contactId": True}, ["contactId"], "must be text or a whole number"),
    ({**REVIEW, "productId": " "}, ["productId"], "is required"),
    ({**REVIEW, "productId": ["coral"]}, ["productId"], "must be text"),
    ({**REVIEW, "title": "x" * 256}, ["title"], "at most 255 characters"),
    ({**REVIEW, "title": "\ud800"}, ["title"], "valid Unicode"),
    ({**REVIEW, "paid": 1.5}, ["paid"], "must be an amount"),
    ({**REVIEW, "paid": "-1"}, ["paid"], "not negative"),
    ({**REVIEW, "published": "perhaps"}, ["published"], "published must be true or false."),
    ({**REVIEW, "published": 1}, ["published"], "must be true or false"),
    ({**REVIEW, "labels": ["a", 1]}, ["labels", "1"], "labels[1] must be text"),
    ({**REVIEW, "writtenAt": "2024-05-01"}, ["writtenAt"], "with an offset from -12:00 to +14"),
    ({**REVIEW, "writtenAt": "2024-05-01T09:58:12+14:60"}, ["writtenAt"], "must be an ISO 8601"),
    ({**REVIEW, "star": 5}, ["star"], 'Unknown field "star"; the fields are contactId, id, produc'),
    ({**REVIEW, "written_at": AT}, ["written_at"], 'Unknown field "written_at"'),
    ({**REVIEW, "shopId": 1}, ["shopId"], 'Unknown field "shopId"'),
    ({**REVIEW, "version": 2**64 - 1}, ["version"], 'Unknown field "version"'),
    ({**REVIEW, "deleted": False}, ["deleted"], 'Unknown field "deleted"'),
    ({**REVIEW, "\ud800": 1}, ["\ud800"], "Unknown field"),
    ([REVIEW], [], "A row must be an object with the fields of the table: contactId, id"),
    ("row", [], "A row must be an object"),
    (5, [], "A row must be an object"),
)


def test_one_bad_row_refuses_the_batch(shop: Client) -> None:
    shop.record("contactsUpsert", contacts("1"))
    rows = [{**REVIEW, "id": number} for number in range(3)]
    for bad, path, message in BAD:
        variables = {"table": "acme_reviews", "rows": [*rows, bad, *rows]}
        answer = send_escaped(shop, RECORD, variables)["data"]
        assert refused(answer) == [("INVALID", ["rows", "3", *path])], bad
        assert message in answer["factsRecord"]["userErrors"][0]["message"], bad
    assert reviews(shop, 0) == 1


def test_errors_are_in_the_order_of_the_rows(shop: Client) -> None:
    rows = [{**REVIEW, "stars": "x"}, 7, {"id": 1, "other": 2, "published": True}, REVIEW]
    found = refused(shop.ask(RECORD, table="acme_reviews", rows=rows))
    assert [".".join(path) for _, path in found] == [
        "rows.0.stars", "rows.1", "rows.2.other", "rows.2.contactId", "rows.2.productId",
        "rows.2.stars", "rows.2.writtenAt",
    ]  # fmt: skip


def test_the_maximum_is_10_000_rows(shop: Client) -> None:
    rows = [{"contactId": n, "points": n} for n in range(10_001)]
    [error] = shop.errors(RECORD, table="acme_reviewers", rows=rows)
    assert error["extensions"] == {"code": "LIMIT_EXCEEDED", "path": ["rows"]}
    record(shop, "acme_reviewers", *rows[:10_000])
    shop.record("contactsUpsert", contacts("9999"))
    assert points(shop, 9999) == 1
    record(shop, "acme_reviewers")


def test_other_tables_are_refused(shop: Client) -> None:
    for table, message in (
        ("contacts", "Record contacts with contactsUpsert."),
        ("order_lines", "Record order_lines with ordersUpsert."),
        ("events", "Record events with eventsRecord."),
        ("journal", 'Unknown table "journal"; use one of acme_reviews, acme_reviewers.'),
        ("acme_review", 'Unknown table "acme_review"; use one of acme_reviews, acme_rev'),
        ("", 'Unknown table ""; use one of '),
        ("acme_reviews; DROP TABLE contacts", "Unknown table"),
    ):
        answer = shop.ask(RECORD, table=table, rows=[REVIEW])
        assert refused(answer) == [("INVALID", ["table"])], table
        assert answer["factsRecord"]["userErrors"][0]["message"].startswith(message), table


def test_rows_can_be_literals_in_the_query(shop: Client) -> None:
    shop.record("contactsUpsert", contacts("1"))
    query = """
    mutation {
      factsRecord(table: "acme_reviewers", rows: [{contactId: 1, points: 5, rank: null}]) {
        recorded
      }
    }
    """
    assert shop.ask(query) == {"factsRecord": {"recorded": 1}}
    assert points(shop, 5) == 1


def test_shops_with_the_same_ids_stay_apart(server: Server, plugged: Server) -> None:
    shop, other = (plugged.client(server.shop().shop) for _ in range(2))
    for owner in (shop, other):
        owner.record("contactsUpsert", contacts("1"))
    record(shop, "acme_reviews", REVIEW)
    record(shop, "acme_reviewers", {"contactId": "1", "points": 30})
    assert shop.members_each([wrote(1), earned(1)]) == [1, 1]
    assert other.members_each([wrote(1), earned(1)]) == [0, 0]
    record(other, "acme_reviewers", {"contactId": "1", "points": 2})
    assert (points(shop, 30), points(other, 2), points(other, 3)) == (1, 1, 0)
    other.forget("1")
    other.record("contactsUpsert", contacts("1"))
    assert (points(shop, 30), points(other, 1), reviews(shop, 1)) == (1, 0, 1)
