"""Data directories of earlier versions can be migrated, and then answer as they did.

See ``tests/data/compatibility/README.md``. Everything is compared but sentences, which may change.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import tarfile
from collections.abc import Container, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from graphql_app.catalog.migrate import list_revisions
from tests.compatibility.write import DIRECTORY, RETRIED, REWARD_READY, Session, serving
from tests.e2e.process import run_commands, segments
from tests.factories import contacts, order
from tests.installed import fresh_environment

POINTS = {"loyaltyPoints": {"operator": "AT_LEAST", "count": 500}}
LATEST = list_revisions()[-1]
PHONES = "{ segmentMembers(rule: {all: []}) { nodes { phone phoneE164 } } }"
BOUGHT = {"productPurchased": {"operator": "ANY_OF", "products": ["soap"]}}


@pytest.fixture(scope="module", params=["0.1.0"])
def version(request: pytest.FixtureRequest) -> Path:
    """Return the directory with what a version wrote."""
    return DIRECTORY / str(request.param)


@pytest.fixture(scope="module")
def program(version: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the current code with the plugin's wheel of that version; return the command."""
    [wheel] = version.glob("acme_loyalty-*.whl")
    return fresh_environment(tmp_path_factory.mktemp("fresh"), wheel) / "segments"


@dataclass(frozen=True)
class Migrated:
    """A data directory that was migrated, and what the commands reported."""

    data: Path
    refused: str
    migrated: str
    again: str
    tokens: str

    def copy(self, directory: Path) -> Path:
        return Path(shutil.copytree(self.data, directory / "data", symlinks=True))


@pytest.fixture(scope="module")
def migrated(version: Path, program: Path, tmp_path_factory: pytest.TempPathFactory) -> Migrated:
    """Try to serve the data directory, migrate it twice, and list the tokens of a shop."""
    directory = tmp_path_factory.mktemp("migrated")
    with tarfile.open(version / "data.tar.xz") as archive:
        archive.extractall(directory, filter="data")
    data = directory / "data"
    refused = segments(data, "serve", program=program, status=1)
    listing = ("token", "list", "--shop", "north")
    output = run_commands(data, program, ["migrate"], ["migrate"], listing)
    [_, again] = re.finditer(r"^The catalog .*$", output, re.MULTILINE)
    return Migrated(data, refused, output[: again.start()], again.group(), output[again.end() :])


def schemas(data: Path) -> dict[str, Any]:
    """Return the definitions of all tables, and the catalog's revision."""
    found: dict[str, Any] = {
        str(file.relative_to(data)): file.read_text()
        for file in data.glob("audience/store/*/*/*.sql")
    }
    with closing(sqlite3.connect(data / "catalog.sqlite3")) as catalog:
        found["catalog"] = catalog.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
        found["revision"] = catalog.execute("SELECT version_num FROM alembic_version").fetchall()
    return found


@contextmanager
def opened(version: Path, program: Path, data: Path) -> Iterator[Session]:
    """Serve the directory to the clients of that version."""
    client = json.loads((version / "client.json").read_text())
    with serving(data, program, client["tokens"], client["documents"]) as session:
        yield session


def differences(client: Session, version: Path, without: Container[str] = ()) -> Iterator[str]:
    """Yield the answers that differ from that version's, ``without`` some operations."""
    lines = (version / "answers.ndjson").read_text().splitlines()
    assert lines
    for token, operation, variables, expected in map(json.loads, lines):
        if operation in without:
            continue
        if (found := client.ask(token, operation, variables)) != expected:
            yield f"{token}: {operation} {variables}\n  expected {expected}\n  found    {found}"


def test_it_has_to_be_migrated_before_a_server_starts(migrated: Migrated) -> None:
    assert "run `segments migrate`" in migrated.refused
    reported = migrated.migrated
    assert "rows of facts now have the columns of this version" in reported
    of_case = reported.partition("- Upper and lower case do not matter anymore")[2]
    assert of_case.index("- north: Nested (tag") < of_case.index("- south: Nested (tag")
    of_plugins = reported.partition("These criteria of plugins may read who can be texted")[2]
    assert "loyaltyPoints)" in of_plugins.partition("\n- ")[0]
    assert reported.index("These shops have no country") < reported.index("- north\n- south\n")
    again = migrated.again
    assert again.strip() == f"The catalog {again.split()[2]} already has the schema {LATEST}."


def test_its_tokens_are_listed_by_shop(version: Path, migrated: Migrated) -> None:
    for name in json.loads((version / "client.json").read_text())["tokens"]:
        assert (name in migrated.tokens) == name.startswith("north")


def test_it_answers_as_before_once_it_is_migrated(
    version: Path, program: Path, migrated: Migrated, tmp_path: Path
) -> None:
    data = migrated.copy(tmp_path)
    before = schemas(data)
    with opened(version, program, data) as client:
        assert [*differences(client, version)] == []
        people = client.running.client(client.tokens["north"]).ask(PHONES)["segmentMembers"]
        numbers = {node["phone"]: node["phoneE164"] for node in people["nodes"]}
        assert numbers.pop("2125550105") == "+12125550105"  # of a contact in the US
        assert all(phone == number for phone, number in numbers.items())
    assert schemas(data) == before


def test_it_takes_new_facts_and_segments(
    version: Path, program: Path, migrated: Migrated, tmp_path: Path
) -> None:
    data = migrated.copy(tmp_path)
    key_is_of_today(data)
    with opened(version, program, data) as client:
        # The batch was recorded under the same key, and the title has changed since.
        assert client.do("north", "Products", **RETRIED)["recorded"] == 1
        other = client.ask("north", "Products", {**RETRIED, "products": []})["data"]
        [error] = other["productsUpsert"]["userErrors"]
        assert error == {"code": "IDEMPOTENCY_KEY_REUSED", "path": ["idempotencyKey"]}

        client.do("north", "Record", contacts=contacts(100))
        line = {"productId": "soap", "quantity": 1}
        new = order(100, at="2025-01-01T00:00:00Z", total="1", lines=[line])
        client.do("north", "Orders", orders=[new])
        account = {"contactId": "100", "points": 600, "tier": "gold"}
        client.do("north", "Facts", table="acme_loyalty_accounts", rows=[account])
        made = {
            client.create("north", name="New", rule={"all": [BOUGHT, POINTS]}): {"100"},
            client.create("north", name="Ready", **REWARD_READY): {"1", "4", "100"},
        }
        assert members(client, made) == made
    with opened(version, program, data) as client:
        assert members(client, made) == made
        client.do("north", "Forget", ids=["100"])
        for segment in made:
            client.do("north", "Delete", id=segment)
        assert [*differences(client, version, without=("Size", "Members"))] == []


def key_is_of_today(data: Path) -> None:
    """Set the time of the idempotency keys, which are kept for a day, to now."""
    with closing(sqlite3.connect(data / "catalog.sqlite3")) as catalog, catalog:
        now = datetime.now(UTC).replace(tzinfo=None).isoformat(" ")
        assert catalog.execute("UPDATE idempotency_key SET created_at = ?", (now,)).rowcount == 1


def members(client: Session, segments: Iterable[str]) -> dict[str, set[str]]:
    """Return the members of segments, by their ids in the source system."""
    contact = client.nodes("north", "Contacts")[0]["id"]
    found = {}
    for segment in segments:
        answer = client.ask("north", "Segment", {"id": segment, "contact": contact})["data"]
        nodes = answer["segment"]["members"]["nodes"]
        found[segment] = {node["sourceId"] for node in nodes}
    return found
