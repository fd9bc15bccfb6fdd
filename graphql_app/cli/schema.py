"""``segments migrate`` and ``segments schema``: the schemas of the catalog and of the API."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from graphql_app.cli.console import err, out, read_settings


def migrate_command(
    to: Annotated[
        str, typer.Option(help="The revision. Default: the one that this version needs.")
    ] = "head",
    yes: Annotated[
        bool, typer.Option("--yes", help="Downgrade without asking, even if data is lost.")
    ] = False,
) -> None:
    """Upgrade the catalog's schema to this version's revision, or migrate it to another."""
    from graphql_app.catalog.migrate import list_revisions, migrate, read_revision
    from graphql_app.startup.catalog import open_unchecked_catalog

    with open_unchecked_catalog(read_settings()) as catalog:
        before, known = read_revision(catalog), list_revisions()
        is_downgrade = to in known and before in known and known.index(to) < known.index(before)
        if is_downgrade and not yes:
            typer.confirm(f"Downgrade to {to} and lose what later revisions added?", abort=True)
        migrate(catalog, to)
        after = read_revision(catalog)
    has = "already has" if before == after else "now has"
    out.print(f"The catalog {escape(catalog.name)} {has} the schema {after}.")


def schema(
    path: Annotated[Path, typer.Argument(help="The file to write.")] = Path("schema.graphql"),
    check: Annotated[
        bool, typer.Option(help="Only compare, and exit with status 1 if the file differs.")
    ] = False,
) -> None:
    """Write the GraphQL schema to a file."""
    from graphql_app.plugin_discovery import discover
    from graphql_app.schema.build import build_schema

    text = build_schema(discover()).as_str() + "\n"
    if not check:
        path.write_text(text)
    elif not path.is_file() or path.read_text() != text:
        err.print(f"{path} is out of date: run `segments schema` and commit the file.")
        raise typer.Exit(1)
