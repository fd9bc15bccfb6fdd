"""``segments audience``: the tables of facts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from graphql_app.cli.console import out, read_settings

if TYPE_CHECKING:
    from graphql_app.audience.tables import StoreTable
    from graphql_app.settings import Settings

audience_app = typer.Typer(no_args_is_help=True, help="The tables of facts.")


@audience_app.command("schema")
def schema_command(
    print_only: Annotated[
        bool, typer.Option("--print", help="Print the statements instead of executing them.")
    ] = False,
) -> None:
    """Create the missing tables and columns, including those of plugins.

    The server does this at every start. Use this command if the server's user may not create
    tables.
    """
    from graphql_app.startup.plugins import declared_plugins

    settings = read_settings()
    tables = declared_plugins(strict=False).tables
    if print_only:
        _print_statements(settings, tables)
        return
    from graphql_app.audience.table_setup import create_tables
    from graphql_app.startup.audience import open_audience

    with open_audience(settings) as audience:
        audience.use_plugin_tables(tables)
        create_tables(audience)
        for statement in audience.layout.create_change_feed_sql():
            audience.command(statement)
    out.print("All tables exist.")


def _print_statements(settings: Settings, tables: Sequence[type[StoreTable]]) -> None:
    from sqlalchemy import make_url

    from graphql_app.audience.ddl import TableLayout
    from graphql_app.audience.tables import TABLES, AudienceTable, JournalEntry

    layout = TableLayout(
        make_url(settings.audience).database or "default", settings.audience_cluster
    )
    print(f"{layout.create_database_sql()};")
    print(f"USE `{layout.database}`;")
    every: list[type[StoreTable]] = [*TABLES, *tables, JournalEntry]
    for table in every:
        statements = [*layout.create_table_sql(table)]
        if issubclass(table, AudienceTable):
            statements += layout.alter_table_sql(table)
        for statement in statements:
            print(f"{statement};")
    for statement in layout.create_change_feed_sql():
        print(f"{statement};")
