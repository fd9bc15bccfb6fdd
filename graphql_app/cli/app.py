"""The ``segments`` command."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from pydantic import ValidationError
from rich.markup import escape

from graphql_app.cli.audience import audience_app
from graphql_app.cli.backup import backup_command, restore_command
from graphql_app.cli.config import config_app
from graphql_app.cli.console import err, wrong_settings
from graphql_app.cli.export_command import export_command
from graphql_app.cli.import_command import import_command
from graphql_app.cli.plugins import plugins_app
from graphql_app.cli.schema import migrate_command, schema
from graphql_app.cli.serve import demo, serve
from graphql_app.cli.shops import shop_app
from graphql_app.cli.tokens import token_app
from graphql_app.errors import AppError
from graphql_app.plugins import PluginError

app = typer.Typer(no_args_is_help=True, help="Segments of a shop's contacts, over GraphQL.")
app.add_typer(shop_app, name="shop")
app.add_typer(token_app, name="token")
app.add_typer(audience_app, name="audience")
app.add_typer(plugins_app, name="plugins")
app.add_typer(config_app, name="config")
app.command()(serve)
app.command()(demo)
app.command("migrate")(migrate_command)
app.command()(schema)
app.command("import")(import_command)
app.command("export")(export_command)
app.command("backup")(backup_command)
app.command("restore")(restore_command)


@contextmanager
def _explained() -> Iterator[None]:
    """Turn foreseen errors into a sentence and a status of 1."""
    try:
        yield
    except (AppError, PluginError) as error:
        problems = getattr(error, "problems", ())
        for message in [problem.message for problem in problems] or [str(error)]:
            err.print(f"[red]Error:[/red] {escape(message)}")
        if isinstance(error, PluginError):
            err.print("Mend it, uninstall it, or start without it: STRICT_PLUGINS=false.")
        sys.exit(1)
    except ValidationError as error:
        for problem in wrong_settings(error):
            err.print(f"[red]Error:[/red] {escape(problem)}")
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)


def main() -> None:
    """Run the command."""
    with _explained():
        app()
