"""A client that gets no answer sends its batch again, under the same key."""

from __future__ import annotations

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

RECORD = """
mutation ($key: String!, $contacts: [ContactInput!]!) {
  contactsUpsert(contacts: $contacts, idempotencyKey: $key) { recorded userErrors { code } }
}
"""
MEMBERS = "{ segmentMembers(rule: {all: []}, first: 1) { totalCount nodes { email } } }"
# A process that dies when the facts are recorded, and before it has noted the key.
DIES_BETWEEN = """
import os, signal
from graphql_app.app import open_services
from graphql_app.audience.facts import CONTACTS, check
from graphql_app.catalog.access import find_shop, stored_id
from graphql_app.catalog.idempotency import once
from graphql_app.settings import Settings

with open_services(Settings()) as services:
    shop_id = stored_id(find_shop(services.catalog, "acme"))
    rows, _ = check(CONTACTS, {"id": ["1"], "email": ["old@x.y"]}, 1)

    def work():
        services.recorder.record(shop_id, CONTACTS, rows)
        os.kill(os.getpid(), signal.SIGKILL)

    with services.recorder.pause(shop_id):
        once(services.catalog, shop_id, "one", "", work)
"""


def test_a_batch_is_recorded_once_whenever_the_server_dies(tmp_path: Path) -> None:
    data = tmp_path / "data"
    process.segments(data, "shop", "create", "acme")
    token = process.token(data, "acme")
    dead = subprocess.run(
        [sys.executable, "-c", DIES_BETWEEN], env=process.environment(data), check=False
    )
    assert dead.returncode == -signal.SIGKILL
    old = [{"id": "1", "email": "old@x.y"}]
    many = [{"id": str(number), "email": "many@x.y"} for number in range(2, 5_001)]

    def record(running: Running, key: str, contacts: list[dict[str, Any]]) -> Any:
        return running.ask(token, RECORD, key=key, contacts=contacts)["contactsUpsert"]

    with process.server(data) as running:
        assert running.ask(token, MEMBERS)["segmentMembers"]["totalCount"] == 1
        assert record(running, "one", old) == {"recorded": 1, "userErrors": []}
        record(running, "two", [{"id": "1", "email": "new@x.y"}])

        def unanswered() -> None:
            with suppress(httpx.TransportError):
                record(running, "many", many)

        sending = threading.Thread(target=unanswered)
        sending.start()
        running.stop(signal.SIGKILL)
        sending.join()
    with process.server(data) as running:
        for _ in range(2):
            assert record(running, "many", many) == {"recorded": 4_999, "userErrors": []}
        assert record(running, "one", old) == {"recorded": 1, "userErrors": []}
        found = running.ask(token, MEMBERS)["segmentMembers"]
        assert found == {"totalCount": 5_000, "nodes": [{"email": "new@x.y"}]}
