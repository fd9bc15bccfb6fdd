"""Links, paths and pictures in the docs exist."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.docs.pages import PAGES, ROOT, anchors, prose

LINK = re.compile(r"\]\(([^)\s]+)\)")
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_relative_links_resolve(path: Path) -> None:
    for link in LINK.findall(prose(path)):
        if link.startswith("https://"):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.is_relative_to(ROOT)
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_linked_from_the_readme() -> None:
    linked = {link.partition("#")[0] for link in LINK.findall(prose(ROOT / "README.md"))}
    others = {str(path.relative_to(ROOT)) for path in PAGES} - {"README.md"}
    assert others <= linked


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_paths_in_the_text_exist(path: Path) -> None:
    named = re.findall(
        r"`((?:graphql_app|criteria_plugins|tests|docker|docs)/[\w./]*)`", prose(path)
    )
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_modules_on_the_architecture_page_exist() -> None:
    named = re.findall(r"`(\w[\w/]*/\w+\.py)`", prose(ROOT / "docs/architecture.md"))
    bases = (ROOT, ROOT / "graphql_app")
    assert len(named) > 40
    assert [name for name in named if not any((base / name).exists() for base in bases)] == []


@pytest.mark.parametrize(
    "path", sorted((ROOT / "docs/images").glob("*.svg")), ids=lambda path: path.name
)
def test_a_drawing_has_a_title_and_a_description(path: Path) -> None:
    root = ElementTree.parse(path).getroot()
    assert root.find(f"{SVG}title") is not None
    assert root.find(f"{SVG}desc") is not None


def test_every_picture_is_on_a_page() -> None:
    shown = {(path.parent / link).resolve() for path in PAGES for link in LINK.findall(prose(path))}
    assert {*(ROOT / "docs/images").iterdir()} <= shown
