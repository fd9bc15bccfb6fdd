"""``segments schema``: the schema of the API."""

from pathlib import Path
from typing import Annotated

import typer

from graphql_app.cli.console import err


def schema(
    path: Annotated[Path, typer.Argument(help="The file to write.")] = Path("schema.graphql"),
    check: Annotated[
        bool, typer.Option(help="Only compare, and exit with status 1 if the file differs.")
    ] = False,
) -> None:
    """Write the GraphQL schema to a file."""
    from graphql_app.schema.build import build_schema
    from graphql_app.startup.plugins import declared_plugins

    text = build_schema(declared_plugins()).as_str() + "\n"
    if not check:
        path.write_text(text)
    elif not path.is_file() or path.read_text() != text:
        err.print(f"{path} is out of date: run `segments schema` and commit the file.")
        raise typer.Exit(1)
