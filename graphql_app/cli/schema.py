"""``segments migrate`` and ``segments schema``: the two schemas, of the catalog and of the API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from graphql_app.catalog.migrate import list_revisions, migrate, read_revision
from graphql_app.cli.console import err, out
from graphql_app.plugin_discovery import discover
from graphql_app.schema.build import build_schema
from graphql_app.settings import Settings
from graphql_app.startup.catalog import open_unchecked_catalog


def migrate_command(
    to: Annotated[
        str, typer.Option(help="The revision; that of this version when left out.")
    ] = "head",
    yes: Annotated[
        bool, typer.Option("--yes", help="Go back without asking, whatever is lost by it.")
    ] = False,
) -> None:
    """Bring the catalog's schema to the revision that this version needs, or to another."""
    with open_unchecked_catalog(Settings()) as catalog:
        before, known = read_revision(catalog), list_revisions()
        back = to in known and before in known and known.index(to) < known.index(before)
        if back and not yes:
            typer.confirm(f"Go back to {to}, without what later revisions added?", abort=True)
        migrate(catalog, to)
        after = read_revision(catalog)
    has = "already has" if before == after else "now has"
    out.print(f"The catalog {escape(catalog.name)} {has} the schema {after}.")


def schema(
    path: Annotated[Path, typer.Argument(help="The file.")] = Path("schema.graphql"),
    check: Annotated[bool, typer.Option(help="Only compare; fail if it differs.")] = False,
) -> None:
    """Write the GraphQL schema to a file."""
    text = build_schema(discover()).as_str() + "\n"
    if not check:
        path.write_text(text)
    elif not path.is_file() or path.read_text() != text:
        err.print(f"{path} is not the schema of this code; run `segments schema` and commit it.")
        raise typer.Exit(1)
