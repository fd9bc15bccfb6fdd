"""``segments audience``: the tables of facts."""

from __future__ import annotations

from typing import Annotated

import typer
from sqlalchemy import make_url

from graphql_app.audience.ddl import TableLayout
from graphql_app.audience.table_setup import create_tables
from graphql_app.audience.tables import TABLES, JournalEntry, StoreTable
from graphql_app.cli.console import out
from graphql_app.plugin_discovery import discover
from graphql_app.settings import Settings
from graphql_app.startup.audience import open_audience

audience_app = typer.Typer(no_args_is_help=True, help="The tables of facts.")


@audience_app.callback()
def _commands() -> None:
    """Have the one command there is called by its name."""


@audience_app.command("schema")
def schema_command(
    print_only: Annotated[
        bool, typer.Option("--print", help="Print the statements, and execute none.")
    ] = False,
) -> None:
    """Create the tables and columns that are missing, those of plugins included.

    Every start of the server does so as well; this is for who may not create tables there.
    """
    settings = Settings()
    tables = discover(strict=False).tables
    if not print_only:
        with open_audience(settings) as audience:
            audience.use_plugin_tables(tables)
            create_tables(audience)
            for statement in audience.layout.create_change_feed_sql():
                audience.command(statement)
        out.print("The tables are there.")
        return
    layout = TableLayout(
        make_url(settings.audience).database or "default", settings.audience_cluster
    )
    print(f"{layout.create_database_sql()};")
    print(f"USE `{layout.database}`;")
    every: list[type[StoreTable]] = [*TABLES, *tables, JournalEntry]
    for table in every:
        for statement in layout.create_table_sql(table):
            print(f"{statement};")
    for statement in layout.create_change_feed_sql():
        print(f"{statement};")
