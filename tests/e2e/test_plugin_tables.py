"""Install, use, uninstall and reinstall a plugin with its own tables."""

import os
import signal
from pathlib import Path
from typing import Any

from tests.e2e.process import segments, server, token
from tests.factories import contacts

ROOT = Path(__file__).parents[2]
RECORD = """
mutation ($rows: [JSON!]!) {
  factsRecord(table: "acme_reviews", rows: $rows) { recorded userErrors { message } }
}
"""
REVIEWERS = {"reviewsWritten": {"operator": "AT_LEAST", "count": 1}}
CSV = (
    "contact_id,id,product_id,stars,written_at\n"
    "1,1,coral,5,2024-05-01T09:58:12Z\n"
    "2,2,coral,5,2024-05-01T09:58:12Z\n"
)
WRITTEN = "2024-05-01T00:00:00Z"
REVIEW = {"contactId": 1, "id": 3, "productId": "a", "stars": 1, "writtenAt": WRITTEN}


def with_reviews(directory: Path) -> dict[str, Any]:
    """Install the plugin and return the environment of processes that use it."""
    metadata = directory / "acme_reviews-1.2.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-reviews\nVersion: 1.2\n")
    (metadata / "entry_points.txt").write_text(
        "[graphql_app.criteria]\nreviews = tests.plugins.reviews\n"
    )
    return {"PYTHONPATH": os.pathsep.join(map(str, (directory, ROOT)))}


def test_a_plugins_table_survives_uninstalling_the_plugin(tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "export.csv"
    file.write_text(CSV)
    installed = with_reviews(tmp_path / "site")
    segments(data, "shop", "create", "acme", **installed)
    owner = token(data, "acme")
    refused = segments(data, "import", str(file), "--shop", "acme", status=1)
    assert "its columns fit no format" in refused
    imported = segments(data, "import", str(file), "--shop", "acme", **installed)
    assert "acme_reviews: 2 recorded" in imported

    with server(data, **installed) as running:
        found = running.client(owner).ask("{ factTables { name plugin { name version } } }")
        assert found["factTables"][0] == {
            "name": "acme_reviews",
            "plugin": {"name": "acme-reviews", "version": "1.2"},
        }
        running.client(owner).record("contactsUpsert", contacts(1, 2))
        assert running.client(owner).members(REVIEWERS) == 2
        answer = running.client(owner).ask(RECORD, rows=[REVIEW, {**REVIEW, "id": 2}])
        assert answer == {"factsRecord": {"recorded": 2, "userErrors": []}}
        running.stop(signal.SIGKILL)

    with server(data, **installed) as running:
        assert (
            running.client(owner).members(REVIEWERS) == 1
        )  # the first contact has all reviews now
        running.stop(signal.SIGTERM)

    with server(data) as running:
        assert running.client(owner).ask("{ factTables { name } }") == {"factTables": []}
        running.client(owner).forget("1")
        running.client(owner).record("contactsUpsert", contacts(1, 2))
        running.stop(signal.SIGTERM)

    with server(data, **installed) as running:
        assert running.client(owner).members(REVIEWERS) == 0
