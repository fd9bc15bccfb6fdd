"""The page names no criterion: all it says about criteria comes from their metadata."""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from graphql_app.plugins import Registry
from tests.browser.conftest import Browse
from tests.browser.pages import Builder, SegmentList
from tests.browser.shop import Shop, both, demo_shop, spent_over
from tests.installed import ROOT, run

ACME = ROOT / "tests/plugins/acme_loyalty"
SOURCES = ROOT / "web/src"
BUILT = ROOT / "graphql_app/builder"
RECORD = """
mutation ($rows: [JSON!]!) {
  factsRecord(table: "acme_loyalty_accounts", rows: $rows) { recorded }
}
"""
POINTS = {"12347": 100, "12348": 500, "12349": 900, "12350": 700}


def sources() -> list[Path]:
    """Return the source files that main.tsx imports, directly or not, except generated ones."""
    found: list[Path] = []
    left = [SOURCES / "main.tsx"]
    while left:
        file = left.pop()
        if file in found or "generated" in file.parts:
            continue
        found.append(file)
        for name in re.findall(r"(?:from |import\()'(\.[^']+)'", file.read_text()):
            paths = [file.parent / f"{name}{end}" for end in (".ts", ".tsx", "/index.ts")]
            left += [path.resolve() for path in paths if path.is_file()]
    return found


def scripts() -> list[Path]:
    """Return the built scripts that the page loads, directly or not."""
    found: list[Path] = []
    left = re.findall(r"assets/([\w.-]+\.js)", (BUILT / "index.html").read_text())
    while left:
        file = BUILT / "assets" / left.pop()
        if file not in found:
            found.append(file)
            left += re.findall(r"\./([\w.-]+\.js)", file.read_text())
    return found


def names(registry: Registry) -> dict[str, set[str]]:
    """Return the keys and labels of all criteria: plain English words, and all others."""
    ours = [(key, plugin.label) for key, plugin in registry.criteria.items()]
    code = "".join(path.read_text() for path in (ACME / "src/acme_loyalty").glob("*.py"))
    theirs = re.findall(r'^    key = "(.+)"\n    label = "(.+)"$', code, re.MULTILINE)
    found = {name for pair in [*ours, *theirs] for name in pair}
    assert {"loyaltyPoints", "Loyalty points", "spend", "Total spend"} <= found
    return {
        "words": {name for name in found if re.fullmatch("[A-Z]?[a-z]+", name)},
        "coined": {name for name in found if not re.fullmatch("[A-Z]?[a-z]+", name)},
    }


def test_the_sources_name_no_criterion(registry: Registry) -> None:
    """Comments name none either. A criterion's name that is an English word is no whole string."""
    files = sources()
    expected = {"RowForm.tsx", "values.ts", "SegmentsPage.tsx", "Picker.tsx"}
    assert expected <= {path.name for path in files}
    known = names(registry)
    coined = re.compile(rf"\b({'|'.join(map(re.escape, known['coined']))})\b")
    words = re.compile(rf"""(["'`])({"|".join(known["words"])})\1""")
    named = [
        f"{path.name}: {match[0]}"
        for path in files
        for pattern in (coined, words)
        for match in pattern.finditer(path.read_text())
    ]
    assert named == []


def test_the_bundle_names_no_criterion(registry: Registry) -> None:
    files = scripts()
    assert any("Add condition" in path.read_text() for path in files)
    coined = re.compile(rf"\b({'|'.join(map(re.escape, names(registry)['coined']))})\b")
    named = [
        f"{path.name}: {match}" for path in files for match in coined.findall(path.read_text())
    ]
    assert named == []


@pytest.fixture
def loyalty_shop(prepared: Path, tmp_path: Path) -> Iterator[Shop]:
    """Serve the demo shop with a third-party plugin installed."""
    packages, source, data_dir = tmp_path / "packages", tmp_path / "acme", tmp_path / "data"
    shutil.copytree(ACME, source)
    pip = (sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check")
    run(*pip, "--no-deps", "--no-build-isolation", "--no-index", "--target", packages, source)
    shutil.copytree(prepared, data_dir, symlinks=True)
    with demo_shop(data_dir, PYTHONPATH=str(packages)) as shop:
        rows = [{"contactId": contact, "points": points} for contact, points in POINTS.items()]
        assert shop.ask(RECORD, rows=rows)["factsRecord"]["recorded"] == len(POINTS)
        yield shop


def test_the_page_offers_the_criterion_of_a_plugin(loyalty_shop: Shop, browse: Browse) -> None:
    page = browse(loyalty_shop.address)
    template = SegmentList(page).start_from_template("Reward Ready")
    expect(template.row(1).criterion).to_have_value(re.compile("^Loyalty"))
    template.expect_size(0)
    page.goto("/builder/new")
    builder = Builder(page)
    points = builder.add_row()
    points.criterion.fill("loyalty")
    expect(points.option("Loyalty tier")).to_be_visible()
    points.pick("Loyalty points").choose_operator("is at least").fill("Number", "500")
    builder.expect_size(3)
    builder.expect_sentence("Loyalty points is at least 500")
    spend = builder.add_row("Total spend").choose_operator("is more than").fill("Amount", "1700")
    rule = {"loyaltyPoints": {"operator": "AT_LEAST", "count": 500}}
    builder.expect_size(loyalty_shop.members(both(rule, spent_over("1700"))))
    points.expect_count(3)
    spend.expect_count(loyalty_shop.members(spent_over("1700")))
    builder.enter_name("Loyal").save()
    assert loyalty_shop.segments()["Loyal"]["rule"] == both(rule, spent_over("1700.00"))
