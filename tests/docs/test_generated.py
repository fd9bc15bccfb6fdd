"""The generated pages are complete; `make lint` compares them with the code."""

import pytest

from graphql_app import criteria
from graphql_app.audience.tables import __all__ as names_of_tables
from graphql_app.testing import __all__ as names_of_the_kit
from tests.docs.pages import ROOT


@pytest.mark.parametrize("name", [*criteria.__all__, *names_of_tables, *names_of_the_kit])
def test_the_contract_page_documents_every_public_name(name: str) -> None:
    text = (ROOT / "docs/contract.md").read_text()
    section = text.split(f"\n### {name}\n")[1].split("\n#")[0]
    assert len(section.strip()) > 10
    assert ":param" not in section, "this is the documentation of a library"
