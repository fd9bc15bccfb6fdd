"""The plugin guide works as written, starting from an empty folder."""

import json
import os
import re
import runpy
import secrets
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from graphql_app.criteria.hooks import ENTRY_POINT_GROUP
from graphql_app.demo import load
from graphql_app.plugin_discovery import register
from graphql_app.plugins import HOST, Plugin
from graphql_app.settings import Settings
from tests.docs.pages import ROOT, Block, blocks, prose
from tests.installed import fresh_environment, run
from tests.support import Client, Server, serving

GUIDE = ROOT / "docs/plugins.md"
ACME = ROOT / "tests/plugins/acme_loyalty/src/acme_loyalty"
STEPS = [block for block in blocks(GUIDE) if block.info.startswith(("file=", "step"))]
MODULES = [block for block in STEPS if block.info.endswith("/__init__.py")]
QUOTED = [block for block in blocks(GUIDE) if block.info.startswith("acme=")]
ALLOWED = ("graphql_app.criteria", "graphql_app.audience.tables", "graphql_app.testing")


def test_the_tutorial_leads_from_an_empty_folder_to_a_wheel(tmp_path: Path) -> None:
    bin_dir = fresh_environment(tmp_path, with_pip=True)
    settings = {
        **os.environ,
        "PATH": f"{bin_dir}:{os.environ['PATH']}",
        "VIRTUAL_ENV": str(bin_dir.parent),
        "DATA_DIR": str(tmp_path / "data"),
        "NO_COLOR": "1",
        "COLUMNS": "200",
        # All dependencies are installed already.
        "PIP_NO_DEPS": "1",
        # In spite of its name, 0 turns build isolation off.
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    folder = tmp_path / "empty"
    folder.mkdir()
    output = ""
    for block in STEPS:
        if block.info.startswith("file="):
            path = folder / block.info.removeprefix("file=")
            assert path.exists(), f"{block}: the skeleton has no such file"
            path.write_text(block.text)
            continue
        output = run("bash", "-ec", block.text, cwd=folder, env=settings)
        for line in block.info.removeprefix("step").split(";"):
            assert line.strip() in output, f"{block}: {output}"
    assert len(list(folder.rglob("*.whl"))) == 1


@pytest.fixture
def extended(
    server: Server, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Client]:
    """Return a client of the demo shop on a server with the tutorial's criterion."""
    file = tmp_path / "module.py"
    file.write_text(MODULES[-1].text)
    implementations: dict[Plugin, Any] = {
        Plugin(point.name, HOST, ""): point.load()
        for point in entry_points(group=ENTRY_POINT_GROUP)
    }
    module = SimpleNamespace(**runpy.run_path(str(file), run_name="acme"))
    implementations[Plugin("acme", "acme-variety", "0.1.0")] = module
    services = replace(server.services, registry=register(implementations))
    monkeypatch.setattr(load, "DEMO_HANDLE", f"demo-{secrets.token_hex(4)}")
    with serving(services, settings) as address:
        shop, _ = load.load_demo(services)
        yield Server(address, services, server.http).client(shop)


def test_the_tutorial_criterion_returns_the_counts_shown(extended: Client) -> None:
    found = blocks(GUIDE)
    index = next(number for number, block in enumerate(found) if block.info == "guide variables")
    answer = extended.post(found[index - 1].text, json.loads(found[index].text)).json()
    assert answer == json.loads(found[index + 1].text)


@pytest.mark.parametrize("block", QUOTED, ids=str)
def test_quoted_files_match_the_example_package(block: Block) -> None:
    assert block.text == (ACME / block.info.removeprefix("acme=")).read_text()


def test_the_guide_quotes_the_expected_files() -> None:
    quoted = {block.info.removeprefix("acme=") for block in QUOTED}
    assert quoted == {"accounts.py", "tier.py", "__init__.py"}


@pytest.mark.parametrize("block", [*STEPS, *QUOTED], ids=str)
def test_code_in_the_guide_has_short_lines_and_allowed_imports(block: Block) -> None:
    lines = block.text.splitlines()
    assert max(map(len, lines)) <= 100
    imported = {line.split()[1] for line in lines if line.startswith("from graphql_app")}
    assert imported <= set(ALLOWED)


def test_built_in_criteria_named_in_the_guide_exist() -> None:
    named = {word for word in prose(GUIDE).split("`") if re.fullmatch(r"\w+\.py", word)}
    assert named
    for name in named:
        assert (ROOT / "criteria_plugins" / name).is_file(), name
