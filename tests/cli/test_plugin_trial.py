"""Commands try the installed plugins in a temporary store."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e import process

TRY = """
import logging
from graphql_app.cli.plugin_trial import try_plugins

for failure in try_plugins().failures:
    print(failure)
logging.getLogger("later").error("A later error.")
"""

# A criterion whose SQL names a function that the store does not have.
FAULTY = """
from sqlalchemy import func

from graphql_app.criteria import Criterion, Group, StateOperator, hookimpl


class Faulty(Criterion):
    \"\"\"Fails in the store.\"\"\"

    key = "faulty"
    label = "Faulty"
    group = Group.OTHER

    operator: StateOperator

    def matches(self, scope):
        return func.no_such_function() == 1


@hookimpl
def register_criteria():
    return [Faulty]
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return a directory of packages with acme-faulty."""
    info = tmp_path / "site/acme_faulty-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-faulty\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[graphql_app.criteria]\nacme_faulty = acme_faulty\n")
    (info.parent / "acme_faulty.py").write_text(FAULTY)
    return info.parent


def test_the_log_is_off_only_during_the_trial(site: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TRY],
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert "acme-faulty 1.0 has a criterion, 'faulty', whose SQL fails" in done.stdout
    assert done.stderr == "A later error.\n"


def test_checking_a_plugin_logs_nothing_beside_its_report(site: Path, tmp_path: Path) -> None:
    check = ("plugins", "check", "acme-faulty")
    output = process.segments(tmp_path / "data", *check, status=1, PYTHONPATH=str(site))
    assert "The engine rejects its SQL" in output
    assert "the audience store failed" not in output
