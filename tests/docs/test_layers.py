"""docs/images/layers.svg shows the layers of the import contract in pyproject.toml."""

import tomllib
from xml.etree import ElementTree

from tests.docs.pages import ROOT

PICTURE = ROOT / "docs/images/layers.svg"
SVG = {"svg": "http://www.w3.org/2000/svg"}


def _layers() -> list[list[str]]:
    tables = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    [contract] = [table for table in tables["contracts"] if table["type"] == "layers"]
    return [
        [name.strip().removeprefix("graphql_app.") for name in layer.split("|")]
        for layer in contract["layers"]
    ]


def _drawn_layers() -> list[list[str]]:
    """Return the names in each row of boxes, from top to bottom."""
    picture = ElementTree.parse(PICTURE)
    rows: dict[str, list[str]] = {}
    for box in picture.iterfind("svg:text[@y]", SVG):
        # Names are bold: a whole text, or a part of one.
        name = box if box.get("font-weight") else box.find("svg:tspan[@font-weight]", SVG)
        if name is not None and name.text != "criteria_plugins":
            rows.setdefault(box.attrib["y"], []).append(name.text or "")
    return [rows[y] for y in sorted(rows, key=float)]


def test_the_picture_has_every_layer() -> None:
    assert _drawn_layers() == _layers()


def test_the_description_of_the_picture_has_every_layer() -> None:
    description = ElementTree.parse(PICTURE).findtext("svg:desc", "", SVG)
    assert "; ".join(", ".join(layer) for layer in _layers()) in description
