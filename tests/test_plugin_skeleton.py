"""The skeleton of a package, and the check of one that is installed."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from graphql_app.cli.app import app
from tests.e2e.process import SEGMENTS, segments
from tests.installed import run

RUN = CliRunner()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_skeleton_is_typed_and_formatted_for_strict_checkers(folder: Path) -> None:
    done = RUN.invoke(app, ["plugins", "new", "acme-two-words"])
    assert done.exit_code == 0, done.output
    package = folder / "acme-two-words"
    found = {str(path.relative_to(package)) for path in package.rglob("*") if path.is_file()}
    assert found == {
        "README.md",
        "pyproject.toml",
        "src/acme_two_words/__init__.py",
        "src/acme_two_words/py.typed",
        "tests/test_acme_two_words.py",
    }
    for path in found:
        assert "$" not in (package / path).read_text()
    run(sys.executable, "-m", "ruff", "check", "--isolated", "--select=E,F,I,UP", ".", cwd=package)
    run(sys.executable, "-m", "ruff", "format", "--isolated", "--check", ".", cwd=package)
    run(sys.executable, "-m", "mypy", "--strict", "src", cwd=package)


@pytest.mark.parametrize(
    "name",
    [
        "Acme", "acme_loyalty", "1st", "-x", "a--b", "../up", "", "a" * 51,
        # keywords, other modules, keys of rules and of criteria
        "class", "graphql-app", "all", "spend", "city",
    ],
)  # fmt: skip
def test_a_name_that_cannot_be_a_packages_is_refused(folder: Path, name: str) -> None:
    done = RUN.invoke(app, ["plugins", "new", "--", name])
    assert done.exit_code == 2
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["order", "statement", "group"])
def test_a_name_may_be_that_of_something_the_skeleton_imports(folder: Path, name: str) -> None:
    assert RUN.invoke(app, ["plugins", "new", name]).exit_code == 0
    module = (folder / name / "src" / name / "__init__.py").read_text()
    assert f"class {name.capitalize()}Criterion(CountCriterion)" in module


def test_what_is_there_already_is_left_alone(folder: Path) -> None:
    (folder / "acme-old").mkdir()
    kept = folder / "acme-old" / "mine.txt"
    kept.write_text("mine")
    done = RUN.invoke(app, ["plugins", "new", "acme-old"])
    assert done.exit_code == 2
    assert "already exists" in done.output
    assert list((folder / "acme-old").iterdir()) == [kept]


def test_checking_what_is_not_installed_names_what_is(folder: Path) -> None:
    output = segments(folder, "plugins", "check", "acme-nothing", status=1)
    assert "open-segments" in output


def test_checking_a_package_tells_its_faults_and_what_to_do(tmp_path: Path) -> None:
    """A package whose criterion raises; it is found beside ours, though not by pip."""
    site = tmp_path / "site"
    info = site / "acme_faulty-3.2.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-faulty\nVersion: 3.2.1\n")
    (info / "entry_points.txt").write_text("[graphql_app.criteria]\nacme_faulty = acme_faulty\n")
    command = [str(SEGMENTS), "plugins", "new", "acme-faulty"]
    skeleton = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert skeleton.stderr == b""
    module = tmp_path / "acme-faulty/src/acme_faulty/__init__.py"
    faulty = module.read_text().replace("return (\n", "raise ZeroDivisionError\n        return (\n")
    (site / "acme_faulty.py").write_text(faulty)
    check = ("plugins", "check", "acme-faulty")
    output = segments(tmp_path / "data", *check, status=1, PYTHONPATH=str(site))
    assert "ZeroDivisionError" in output
    assert "Fix: " in output
