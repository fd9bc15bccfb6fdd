"""The threat model names existing tests, and lock files contain hashes."""

import ast
import json
import re

import pytest

from tests.docs.pages import ROOT

NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs/security.md").read_text())


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_named_test_exists(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_threat_names_a_test_or_the_audit() -> None:
    lines = (ROOT / "docs/security.md").read_text().split("## What is not covered")[0].splitlines()
    threats = [line for line in lines if line.startswith("| ") and line.count("|") == 4]
    rows = [row for row in threats if not row.startswith(("| threat", "| ---", "| who"))]
    bare = [row for row in rows if "tests/" not in row and "`make audit`" not in row]
    trusted = lines.index("## Threats")
    assert [row for row in bare if lines.index(row) > trusted] == []
    assert len(NAMED) > 40


LOCKS = [path.name for path in ROOT.glob("requirements*.lock")]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_dependency_is_locked_by_its_hash(lock: str) -> None:
    text = (ROOT / lock).read_text()
    wanted = re.split(r"\n(?=\S)", text.strip())
    assert all(re.search(r"==.*\\\n\s+--hash=sha256:[0-9a-f]{64}", each) for each in wanted)
    npm = json.loads((ROOT / "web/package-lock.json").read_text())
    assert all("integrity" in package for name, package in npm["packages"].items() if name)


def test_the_audit_covers_every_lock_file() -> None:
    makefile = (ROOT / "Makefile").read_text()
    audit = makefile.split("\naudit:")[1].split("\n\n")[0]
    assert len(LOCKS) == 4
    assert {*re.findall(r"-r (\S+)", audit)} == {*LOCKS}
