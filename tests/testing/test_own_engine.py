"""``check_criterion`` with temporary stores."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

OWN = """
import tempfile
from pathlib import Path

from graphql_app.criteria import Group
from graphql_app.testing import CriterionCheckError, check_criterion
from tests.plugins.reviews import Review, Reviewer, ReviewsWritten

class Reviews(ReviewsWritten):
    "How many reviews a contact wrote."

    group = Group.OTHER

check_criterion(Reviews, tables=[Review, Reviewer])
check_criterion(Reviews, tables=[Review])
try:
    check_criterion(Reviews)
except CriterionCheckError as error:
    print(error)
print(len(list(Path(tempfile.gettempdir()).glob("segments-check-*"))), "directory")
"""

TAKEN = """
import sys
from pathlib import Path

from graphql_app.startup.services import open_services
from graphql_app.plugin_discovery import discover
from graphql_app.settings import Settings
from graphql_app.testing import check_criterion

registry = discover()
kind = registry.criteria["contactType"]
with open_services(Settings(data_dir=Path(sys.argv[1])), registry) as services:
    check_criterion(kind, services=services)
    check_criterion(kind)
"""


def _python(code: str, temporary: Path, *args: str) -> subprocess.CompletedProcess[str]:
    temporary.mkdir()
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *args],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_process_opens_one_store_and_deletes_it_at_exit(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    done = _python(OWN, temporary)
    assert done.returncode == 0, done.stderr
    assert "It reads the table acme_reviews, which check_criterion does not know." in done.stdout
    assert "Pass the table's class: check_criterion(..., tables=[...])." in done.stdout
    assert "1 directory" in done.stdout
    assert list(temporary.iterdir()) == []


def test_a_second_embedded_store_is_an_error_with_a_fix(tmp_path: Path) -> None:
    done = _python(TAKEN, tmp_path / "temporary", str(tmp_path / "data"))
    assert done.returncode == 1
    assert "check_criterion(..., services=...)" in done.stderr
