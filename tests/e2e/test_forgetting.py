"""A forgotten contact is gone from every response at once, and from the disk after merges."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from graphql_app.catalog.tables import Shop
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.catalog.tokens import create_token
from graphql_app.plugins import Registry
from graphql_app.segments.default_segments import create_shop
from graphql_app.settings import Settings
from graphql_app.startup.catalog import open_catalog
from tests.e2e.process import Running, environment, server
from tests.e2e.test_plugin_tables import with_reviews
from tests.factories import event, keyword, order, text
from tests.remains import remains

AT = "2026-01-01T00:00:00Z"
GONE, KEPT = "zqxgonewv", "zqxkeptwv"  # in every text of the person, and of another
PHONES = {GONE: "+12125550177", KEPT: "+12125550188"}
PERSON, OTHER = "7012345678901234567", "8012345678901234567"
PERSONS_RULES: list[dict[str, Any]] = [
    {"city": {"operator": "ANY_OF", "cities": [f"{GONE} city"]}},
    {"tag": {"operator": "ANY_OF", "tags": [f"{GONE} tag"]}},
    {"keyword": {"operator": "ANY_OF", "keywords": [f"{GONE} keyword"]}},
    {"emailDomain": {"operator": "ANY_OF", "domains": [f"{GONE}.example"]}},
    {"spend": {"operator": "EQUALS", "amount": "77.77"}},
]
ALL: dict[str, Any] = {"all": []}
RECORD = """
mutation (
  $contacts: [ContactInput!]!, $orders: [OrderInput!]!, $texts: [TextInput!]!,
  $keywords: [KeywordInput!]!, $events: [EventInput!]!
) {
  contactsUpsert(contacts: $contacts) { userErrors { message } }
  ordersUpsert(orders: $orders) { userErrors { message } }
  textsRecord(texts: $texts) { userErrors { message } }
  keywordsRecord(keywords: $keywords) { userErrors { message } }
  eventsRecord(events: $events) { userErrors { message } }
}
"""
RECORD_REVIEWS = """
mutation ($reviews: [JSON!]!, $reviewers: [JSON!]!) {
  reviews: factsRecord(table: "acme_reviews", rows: $reviews) { userErrors { message } }
  reviewers: factsRecord(table: "acme_reviewers", rows: $reviewers) { userErrors { message } }
}
"""
CREATE = """
mutation ($rule: RuleInput!) {
  segmentCreate(input: {name: "everyone", rule: $rule}) { segment { id } }
}
"""
FORGET = "mutation ($id: ID!) { contactsForget(ids: [$id]) { recorded userErrors { message } } }"
PERSON_FIELDS = """
id sourceId phone email firstName lastName country region city tags subscribedAt createdAt
properties segments { name }
"""
ASK = f"""
query ($rule: RuleInput!, $id: ID!, $ids: [ID!]!, $segment: ID!) {{
  contact(id: $id) {{ {PERSON_FIELDS} }}
  node(id: $id) {{ ... on Contact {{ {PERSON_FIELDS} }} }}
  nodes(ids: $ids) {{ ... on Contact {{ {PERSON_FIELDS} }} }}
  segmentMembers(rule: $rule) {{ totalCount nodes {{ {PERSON_FIELDS} }} }}
  segment(id: $segment) {{
    size {{ members }} contains(contactId: $id) members {{ nodes {{ {PERSON_FIELDS} }} }}
  }}
  segments(first: 5) {{ nodes {{ name size {{ members }} }} }}
  segmentTemplates {{ rule }}
  shop {{ contactCounts {{ contacts }} }}
}}
"""
FIELDS = "{ criteria { key fields { name suggests condition { fields { name suggests } } } } }"
SUGGEST = """
query ($criterion: String!, $field: String!, $search: String!) {
  fieldSuggestions(criterion: $criterion, field: $field, search: $search, first: 100) {
    value label
  }
}
"""
EXPLAIN = """
query ($id: ID!, $rule: RuleInput!) {
  membershipExplanation(contactId: $id, rule: $rule) { isMember }
}
"""

# Run the merges and cleanups that the engine does within minutes, and wait for them.
MERGE = """
import sys, time
from graphql_app.audience.store import Audience

audience = Audience(sys.argv[1])
tables = audience.query_unfiltered(
    "SELECT name, data_paths[1] AS path FROM system.tables WHERE database = 'default'"
)
for table in tables["name"].to_pylist():
    audience.command(
        f"ALTER TABLE {table} MODIFY SETTING cleanup_delay_period = 0, "
        "cleanup_delay_period_random_add = 0, cleanup_thread_preferred_points_per_iteration = 0"
    )
    # Attached again, a table uses the settings at once, and not after 30 to 40 seconds.
    audience.command(f"DETACH TABLE {table}")
    audience.command(f"ATTACH TABLE {table}")
    audience.command(f"OPTIMIZE TABLE {table} FINAL")
busy = (
    "SELECT 1 FROM system.parts WHERE NOT active AND database = 'default' "
    "UNION ALL SELECT 1 FROM system.mutations WHERE NOT is_done"
)
while audience.query_unfiltered(busy).num_rows:
    time.sleep(0.1)
print(*(row["path"] for row in tables.to_pylist() if row["name"] == "products"))
audience.close()
"""


def _person(id: str, mark: str, number: int) -> dict[str, Any]:
    """Return facts about a person: every text has the mark, and versions differ by number."""
    own, products = f"{number}{id[0]}", [f"{mark} product"] * (3 - number)
    return {
        "contacts": [
            {
                "id": id,
                "phone": PHONES[mark],
                "email": f"a{number}@{mark}.example",
                "firstName": f"{mark} first {number}",
                "lastName": f"{mark} last",
                "country": "US",
                "region": f"{mark} region",
                "city": f"{mark} city",
                "tags": [f"{mark} tag", "vip"],
                "subscribedAt": AT,
                "properties": {f"{mark} name": f"{mark} value", "n": number},
            }
        ],
        "orders": [order(f"1{id[0]}", id, *products, total="77.77" if mark == GONE else "1")],
        "texts": [text(own, id)],
        "keywords": [keyword(id, f"{mark} keyword")],
        "events": [event(own, id, f"{mark} event", **{f"{mark} key": f"{mark} said"})],
    }


def _record(running: Running, owner: str, id: str, mark: str) -> None:
    """Record a person's facts. Some wait for the person, some come with a merged contact."""
    client, old = running.client(owner), f"{mark} old id"
    said = {"text": f"{mark} waited"}
    about = {"name": f"{mark} waiting", "occurredAt": AT, "properties": said}
    used = {"keyword": f"{mark} waiting", "receivedAt": AT}
    client.record("keywordsRecord", [{**used, "email": f"a0@{mark}.example"}])
    client.record("eventsRecord", [{**about, "id": f"{mark} waiting id", "phone": PHONES[mark]}])
    client.record(
        "contactsUpsert", [{"id": old, "firstName": f"{mark} old", "city": f"{mark} old"}]
    )
    client.record("eventsRecord", [{**about, "id": f"{mark} old event", "contactId": old}])
    client.record("keywordsRecord", [{**used, "contactId": old}])
    reviewer = {"contactId": old, "points": 1, "rank": f"{mark} old rank"}
    answer = client.ask(RECORD_REVIEWS, reviews=[], reviewers=[reviewer])
    assert all(not each["userErrors"] for each in answer.values())
    for number in range(3):  # each version replaces the last and leaves a row behind
        answer = running.client(owner).ask(RECORD, **_person(id, mark, number))
        review = {
            "contactId": id,
            "id": f"1{id[0]}",
            "productId": f"{mark} product",
            "title": f"{mark} title",
            "labels": [f"{mark} label"],
            "stars": number,
            "writtenAt": AT,
        }
        reviewer = {"contactId": id, "points": 1, "rank": f"{mark} rank"}
        more = running.client(owner).ask(RECORD_REVIEWS, reviews=[review], reviewers=[reviewer])
        assert all(not each["userErrors"] for each in (*answer.values(), *more.values()))
    client.merge(old, into=id)


def _answers(running: Running, owner: str, segment: str, person: str) -> str:
    """Return every response about all contacts and one person, without product names."""
    client = running.client(owner)
    variables = {"rule": ALL, "id": person, "ids": [person], "segment": segment}
    found = [client.ask(ASK, **variables)]
    for criterion in client.ask(FIELDS)["criteria"]:
        fields = {f["name"]: f for f in criterion["fields"]}
        for field in criterion["fields"]:
            of_condition = (field["condition"] or {"fields": []})["fields"]
            fields |= {f"{field['name']}.{inner['name']}": inner for inner in of_condition}
        for name, field in fields.items():
            if field["suggests"]:
                variables = {"criterion": criterion["key"], "field": name}
                found += [client.ask(SUGGEST, **variables, search=text) for text in ("", "zqx")]
    exported = client.get(f"/segments/{segment}/members.csv")
    assert exported.status_code == 200
    # Product names belong to the shop, so they are kept.
    return (json.dumps(found) + exported.text).replace(f"{GONE} product", "")


def _sizes(running: Running, owner: str) -> list[int]:
    """Return the size of each rule that only the person matches."""
    return [running.client(owner).members(rule) for rule in PERSONS_RULES]


def test_a_forgotten_person_is_in_no_response_and_not_on_disk(
    tmp_path: Path, registry: Registry
) -> None:
    data, with_plugin = tmp_path / "data", with_reviews(tmp_path / "site")
    with open_catalog(Settings(data_dir=data, _env_file=None)) as catalog:
        acme = Shop(handle="acme", name="Acme", timezone="UTC", currency="USD")
        owner = create_token(catalog, create_shop(catalog, registry, acme), TokenScope)
    with server(data, **with_plugin, LOG_LEVEL="debug") as running:
        for id, mark in ((PERSON, GONE), (OTHER, KEPT)):
            _record(running, owner, id, mark)
        _, logged = running.stop(signal.SIGKILL)
    # Without the plugin, its tables still exist.
    with server(data, LOG_LEVEL="debug") as running:
        segment = running.client(owner).ask(CREATE, rule=ALL)["segmentCreate"]["segment"]["id"]
        everyone = running.client(owner).ask(
            "{ segmentMembers(rule: {all: []}) { nodes { id sourceId } } }"
        )
        ids = {node["sourceId"]: node["id"] for node in everyone["segmentMembers"]["nodes"]}
        # Show all of the data, so that every cache has it.
        before = _answers(running, owner, segment, ids[PERSON])
        assert before.count(GONE) > 20 < before.count(KEPT)
        assert _sizes(running, owner) == [1] * len(PERSONS_RULES)
        assert running.client(owner).ask(EXPLAIN, id=ids[PERSON], rule=PERSONS_RULES[0])
        assert len(remains(data, GONE)) > 10
        assert len(remains(data, PHONES[GONE])) > 1  # as it was recorded, and in E.164

        answer = running.client(owner).ask(FORGET, id=PERSON)
        assert answer == {"contactsForget": {"recorded": 1, "userErrors": []}}
        after = _answers(running, owner, segment, ids[PERSON])
        assert GONE not in after
        assert PHONES[GONE] not in after
        assert after.count(KEPT) >= before.count(KEPT)
        assert _sizes(running, owner) == [0] * len(PERSONS_RULES)
        errors = running.client(owner).errors(EXPLAIN, id=ids[PERSON], rule=PERSONS_RULES[0])
        assert [error["extensions"]["code"] for error in errors] == ["NOT_FOUND"]
        _, more = running.stop(signal.SIGKILL)
    assert not {word for word in (GONE, KEPT) if word in logged + more}

    url = f"clickhousedb://?interface=chdb&path={data / 'audience'}"
    merged = subprocess.run(
        [sys.executable, "-c", MERGE, url],
        env=environment(data),
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
        check=True,
    )
    products = str(Path(merged.stdout.strip()).relative_to(data))
    left = [file for file in remains(data, GONE) if not file.startswith(products)]
    assert left == []
    assert remains(data, PHONES[GONE]) == []
    assert len(remains(data, KEPT)) > 6  # the search does find text on disk
    with server(data, **with_plugin) as running:
        assert GONE not in _answers(running, owner, segment, ids[PERSON])
        assert _sizes(running, owner) == [0] * len(PERSONS_RULES)
        written = {"reviewsWritten": {"operator": "AT_LEAST", "count": 1}}
        assert running.client(owner).members(written) == 1
