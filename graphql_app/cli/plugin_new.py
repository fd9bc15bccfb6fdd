"""``segments plugins new``: write the skeleton of a package with a criterion."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from graphql_app.cli.console import out

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*")
MAX_NAME = 50
SUFFIX = ".txt"  # keeps tools from treating a template as the file that it becomes


def new_command(
    name: Annotated[
        str, typer.Argument(help="The package's name: words of a-z and 0-9, joined by -.")
    ],
) -> None:
    """Write a package with a working criterion for you to change."""
    from importlib.util import find_spec

    from graphql_app.startup.plugin_declarations import RESERVED_KEYS
    from graphql_app.startup.plugins import declared_plugins

    if not NAME.fullmatch(name) or len(name) > MAX_NAME:
        raise typer.BadParameter(
            f"{name!r} must be words of a-z and 0-9 joined by -, each starting with a letter, "
            f"{MAX_NAME} characters at most; e.g. acme-loyalty."
        )
    words = name.split("-")
    package = "_".join(words)
    key = words[0] + "".join(word.capitalize() for word in words[1:])
    if keyword.iskeyword(package) or find_spec(package) is not None:
        raise typer.BadParameter(f"{package} is the name of another module; add a word.")
    if key in RESERVED_KEYS or key in declared_plugins(strict=False).criteria:
        raise typer.BadParameter(f"The criterion {key} already exists; add a word.")
    directory = Path(name)
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise typer.BadParameter(f"{name} already exists; choose another name or remove it.")
    names = {
        "name": name,
        "package": package,
        "key": key,
        "class_": "".join(word.capitalize() for word in words) + "Criterion",
        "label": " ".join(words).capitalize(),
    }
    for path, text in _skeleton(names).items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        out.print(f"Wrote {escape(str(target))}")
    out.print(f"\nNext:\n\n  cd {name}\n  pip install -e '.\\[test]'\n  pytest\n")
    out.print(f"Then edit {escape(str(directory / 'src' / names['package'] / '__init__.py'))}.")


def _skeleton(names: dict[str, str]) -> dict[Path, str]:
    """Return the text of each file of a package by its path in it."""
    from importlib.resources import files

    return {
        Path(str(path).replace("package", names["package"]).removesuffix(SUFFIX)): Template(
            template.read_text()
        ).substitute(names)
        for path, template in _templates(files("graphql_app") / "skeleton", Path())
    }


def _templates(folder: Traversable, path: Path) -> Iterator[tuple[Path, Traversable]]:
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            yield from _templates(item, path / item.name)
        else:
            yield path / item.name, item
