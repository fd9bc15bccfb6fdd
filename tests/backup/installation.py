"""Installations to back up and restore, and everything that a client sees of one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from graphql_app.audience.recorder import Recorder
from graphql_app.audience.table_reader import count_rows, list_fact_tables
from graphql_app.audience.table_setup import create_tables
from graphql_app.backup import Manifest, create_backup, restore_backup
from graphql_app.backup.archive import MANIFEST, SUMS
from graphql_app.catalog.migrate import migrate
from graphql_app.catalog.write_lock import SharedWriteLocks
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings
from graphql_app.testing.sample_shops import MadeShop
from tests.client import open_http
from tests.factories import contacts, event, keyword, order, text
from tests.parity.examples import HOSTILE
from tests.plugin_tables.test_recording import REVIEW, record
from tests.schema.operations import ARCHIVE, DELETE, EVERYONE, LIST, UPDATE, create
from tests.support import Client, Server, serving

AT = "2026-01-01T00:00:00.123Z"
ORDERED = {"ordersPlaced": {"operator": "AT_LEAST", "count": 1}}
MEMBERS = """
query ($rule: RuleInput!) {
  segmentMembers(rule: $rule, first: 100) {
    nodes {
      id sourceId phone email firstName lastName country region city tags subscribed textable
      subscribedAt unsubscribedAt createdAt properties segments { name }
    }
  }
}
"""
SEEN = """
{
  shop { id handle name description timezone currency contactCounts { contacts } }
  segments(first: 20, sortKey: NAME) {
    nodes {
      id name description rule summary isDefault archived version createdAt updatedAt
      size { members textable contacts } members(first: 50) { nodes { id } }
    }
  }
  segmentTemplates { key rule }
}
"""


@dataclass
class Installation:
    """Stores of their own in the process's ClickHouse."""

    services: Services
    settings: Settings
    shared: bool = False

    @contextmanager
    def serving(self) -> Iterator[Server]:
        """Serve the installation with a new recorder, as after a start."""
        services = self.services
        migrate(services.catalog)
        create_tables(services.audience)
        locks = SharedWriteLocks(services.catalog) if self.shared else None
        recorder = Recorder(services.audience, locks)
        recorder.recover()
        self.services = replace(services, recorder=recorder)
        with serving(self.services, self.settings) as address, open_http() as http:
            yield Server(address, self.services, http)

    def back_up(self, path: Path) -> Manifest:
        services = self.services
        return create_backup(path, services.catalog, services.audience, services.recorder)

    def restore(self, path: Path) -> Manifest:
        return restore_backup(path, self.services.catalog, self.services.audience)

    def with_audience_of(self, other: Installation) -> Installation:
        """Return an installation with this catalog and another's audience."""
        services = replace(self.services, audience=other.services.audience)
        return Installation(services, self.settings, self.shared)

    def rows(self) -> int:
        audience = self.services.audience
        create_tables(audience)
        return sum(count_rows(audience, table.name) for table in list_fact_tables(audience))

    def facts(self) -> Mapping[str, Any]:
        """Return the current rows of each table, of all shops."""
        audience = self.services.audience
        found = {}
        for table in list_fact_tables(audience):
            key = ", ".join(f"`{name}`" for name in ("shop_id", *table.key))
            rows = audience.query_unfiltered(
                f"SELECT * EXCEPT deleted FROM {table.name} FINAL WHERE NOT deleted ORDER BY {key}"
            )
            found[table.name] = [sorted(row.items()) for row in rows.to_pylist()]
        return found


def create_shops(server: Server) -> tuple[Client, Client]:
    """Create two shops with data of every kind."""
    shop = server.shop(timezone="America/New_York", currency="EUR")
    shop.record(
        "contactsUpsert",
        [
            {
                "id": str(number),
                "phone": "+12125550101" if number % 3 else None,
                "firstName": name,
                "email": f"{number}@example.org",
                "city": name,
                "country": "US" if number % 2 else "CA",
                "tags": [name, "vip"],
                "subscribedAt": AT,
                "properties": {name or "?": name, "n": number},
            }
            for number, name in enumerate(HOSTILE, 1)
        ]
        + contacts(2**64 - 1),
    )
    lines = [{"productId": name, "title": name, "price": "0.0001"} for name in HOSTILE]
    orders = [
        order(n, total="99999999999999.9999", lines=[line]) for n, line in enumerate(lines, 1)
    ]
    shop.record("ordersUpsert", orders)
    # The order moves to another contact and leaves a hidden row behind.
    shop.record("ordersUpsert", [order(1, 2, total="5")])
    shop.record("textsRecord", [text(1, clickedAt=AT)])
    shop.record("keywordsRecord", [keyword(1, each) for each in HOSTILE])
    shop.record("eventsRecord", [event(n, 1, name, p=name) for n, name in enumerate(HOSTILE)])
    if "acme_reviews" in server.services.audience.facts:
        record(shop, "acme_reviews", REVIEW, {**REVIEW, "id": 2, "title": "é'\\", "labels": ["a"]})
        record(shop, "acme_reviewers", {"contactId": "1", "points": 30})
    shop.forget("3")
    inner = create(shop, "inner 'é\\ 😀", {"not": ORDERED}, description="\n\t%s")
    create(shop, "outer", {"all": [{"inSegment": {"operator": "IS", "segment": inner["id"]}}]})
    shop.ask(UPDATE, id=inner["id"], input={"name": "Inner"})
    shop.ask(ARCHIVE, id=create(shop, "archived")["id"])
    shop.ask(DELETE, id=create(shop, "gone")["id"])
    other = server.shop()
    services = server.services
    MadeShop(services.audience, services.recorder, other.shop_id, "backup").record()
    for criterion in ("reviewsWritten", "textsReceived"):
        if criterion in server.services.registry.criteria:
            create(other, criterion, {criterion: {"operator": "AT_LEAST", "count": 1}})
    return shop, other


def view_shop(shop: Client) -> Any:
    """Return everything that a client sees of its shop."""
    size = shop.size({"any": [ORDERED, {"keyword": {"operator": "ANY_OF", "keywords": ["join"]}}]})
    counted, archived = shop.ask(SEEN), shop.ask(LIST, archived=True)
    members = shop.ask(MEMBERS, rule=EVERYONE)  # last, with what the counts left in memory
    return counted, archived, members, size["parts"]


def rewrite(path: Path, **changes: object) -> None:
    """Change fields of the manifest and update its checksum, as another version would."""
    manifest = path / MANIFEST
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **changes}))
    lines = (path / SUMS).read_text().splitlines()
    kept = [line for line in lines if not line.endswith(MANIFEST)]
    kept.append(f"{hashlib.sha256(manifest.read_bytes()).hexdigest()}  {MANIFEST}")
    (path / SUMS).write_text("\n".join(kept) + "\n")
