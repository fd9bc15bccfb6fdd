"""A client that gets no response retries its batch with the same key."""

import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from tests.e2e import process
from tests.e2e.process import Running
from tests.factories import contact, contacts

RECORD = """
mutation ($key: String!, $contacts: [ContactInput!]!) {
  contactsUpsert(contacts: $contacts, idempotencyKey: $key) { recorded userErrors { code } }
}
"""
MEMBERS = "{ segmentMembers(rule: {all: []}, first: 1) { totalCount nodes { email } } }"
# Print a token of a new shop, and die after recording facts, before their key is stored.
DIES_BETWEEN = """
import os, signal
from graphql_app.startup.services import open_services
from graphql_app.startup.catalog import open_unchecked_catalog
from graphql_app.audience.facts import CONTACTS, check_batch
from graphql_app.catalog.shops import stored_id
from graphql_app.catalog.tokens import create_token
from graphql_app.catalog.idempotency import run_once
from graphql_app.catalog.migrate import migrate
from graphql_app.catalog.tables import Shop
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.segments.default_segments import create_shop
from graphql_app.settings import Settings

with open_unchecked_catalog(Settings()) as catalog:
    migrate(catalog)
with open_services(Settings()) as services:
    shop = Shop(handle="acme", name="Acme", timezone="UTC", currency="USD")
    create_shop(services.catalog, services.registry, shop)
    print(create_token(services.catalog, shop, TokenScope), flush=True)
    shop_id = stored_id(shop)
    rows, _ = check_batch(CONTACTS, {"id": ["1"], "email": ["old@x.y"]}, 1)

    def work():
        services.recorder.record(shop_id, CONTACTS, rows)
        os.kill(os.getpid(), signal.SIGKILL)

    with services.recorder.hold_write_lock(shop_id):
        run_once(services.catalog, shop_id, "one", "", work)
"""


def test_a_batch_is_recorded_once_even_if_the_server_dies(tmp_path: Path, catalog_url: str) -> None:
    data = tmp_path / "data"
    dead = subprocess.run(
        [sys.executable, "-c", DIES_BETWEEN],
        env=process.environment(data, CATALOG_URL=catalog_url),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert dead.returncode == -signal.SIGKILL
    token = dead.stdout.strip()
    old = contacts(1, email="old@x.y")
    many = [contact(number, email="many@x.y") for number in range(2, 5_001)]

    def record(running: Running, key: str, contacts: list[dict[str, Any]]) -> Any:
        return running.client(token).ask(RECORD, key=key, contacts=contacts)["contactsUpsert"]

    with process.server(data, CATALOG_URL=catalog_url) as running:
        assert running.client(token).ask(MEMBERS)["segmentMembers"]["totalCount"] == 1
        assert record(running, "one", old) == {"recorded": 1, "userErrors": []}
        record(running, "two", contacts(1, email="new@x.y"))

        def send() -> None:
            with suppress(httpx.TransportError):
                record(running, "many", many)

        sending = threading.Thread(target=send)
        sending.start()
        running.stop(signal.SIGKILL)
        sending.join()
    with process.server(data, CATALOG_URL=catalog_url) as running:
        for _ in range(2):
            assert record(running, "many", many) == {"recorded": 4_999, "userErrors": []}
        assert record(running, "one", old) == {"recorded": 1, "userErrors": []}
        found = running.client(token).ask(MEMBERS)["segmentMembers"]
        assert found == {"totalCount": 5_000, "nodes": [{"email": "new@x.y"}]}
