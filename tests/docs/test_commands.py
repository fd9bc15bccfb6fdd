"""The commands in the docs exist and accept the options shown."""

import re
import shlex
from typing import Any

import pytest
import typer.main

from graphql_app.cli.app import app
from tests.docs.pages import ROOT, Block, all_blocks

BLOCKS = all_blocks("sh")
SEGMENTS = [
    (block, line[line.index("segments ") :])
    for block in BLOCKS
    for line in block.text.splitlines()
    if re.search(r"(^| app )segments ", line)
]
TARGETS = [
    (block, found)
    for block in BLOCKS
    for found in re.findall(r"^make (\w+)", block.text, re.MULTILINE)
]


def _parse(command: Any, arguments: list[str]) -> None:
    context = command.make_context("segments", arguments)
    while hasattr(command, "resolve_command"):
        rest = [*getattr(context, "_protected_args", ()), *context.args]
        name, command, arguments = command.resolve_command(context, rest)
        context = command.make_context(name, arguments, parent=context)


@pytest.mark.parametrize(("block", "line"), SEGMENTS, ids=str)
def test_a_command_parses(block: Block, line: str) -> None:
    words = shlex.split(line, comments=True)
    _parse(typer.main.get_command(app), words[1:])


def test_an_unknown_command_does_not_parse() -> None:
    for wrong in (["nope"], ["token", "create"], ["serve", "--fast"]):
        with pytest.raises(Exception, match=r"No such|Missing"):
            _parse(typer.main.get_command(app), wrong)


@pytest.mark.parametrize(("block", "target"), TARGETS, ids=str)
def test_a_make_target_exists(block: Block, target: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_the_pages_contain_commands_and_targets() -> None:
    assert len(SEGMENTS) >= 12
    assert len(TARGETS) >= 7
