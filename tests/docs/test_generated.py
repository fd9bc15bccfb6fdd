"""The generated pages match the code."""

import subprocess
import sys

import pytest

from graphql_app import criteria
from graphql_app.testing import __all__ as names_of_the_kit
from tests.docs.pages import ROOT


def test_the_generated_pages_are_up_to_date() -> None:
    command = [sys.executable, "docs/generate.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == ""
    assert done.returncode == 0


@pytest.mark.parametrize("name", [*criteria.__all__, *names_of_the_kit])
def test_the_contract_page_documents_every_public_name(name: str) -> None:
    text = (ROOT / "docs/contract.md").read_text()
    section = text.split(f"\n### {name}\n")[1].split("\n#")[0]
    assert len(section.strip()) > 10
