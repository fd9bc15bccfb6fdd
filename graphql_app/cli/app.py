"""The ``segments`` command line.

A module that defines commands imports only typer and light modules at its top; each command imports
what it runs on when it is called. So ``segments --help`` does not load the engine, the ORM or the
GraphQL library.
"""

import gc
import sys

import typer

from graphql_app.cli.audience import audience_app
from graphql_app.cli.backup import backup_command, restore_command
from graphql_app.cli.config import config_app
from graphql_app.cli.console import err, print_error
from graphql_app.cli.export_command import export_command
from graphql_app.cli.import_command import import_command
from graphql_app.cli.migrate import migrate_command
from graphql_app.cli.plugins import plugins_app
from graphql_app.cli.schema import schema
from graphql_app.cli.serve import demo, serve
from graphql_app.cli.shops import shop_app
from graphql_app.cli.tokens import token_app
from graphql_app.errors import AppError

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


def main() -> None:
    """Run the command line; exit with status 1 after printing an expected error."""
    # Modules allocate objects that stay. By default Python looks for garbage among them so often
    # that it takes a tenth of a short command's time.
    gc.set_threshold(50_000)
    try:
        app()
    except BrokenPipeError:
        sys.exit(1)
    except AppError as error:
        for problem in error.problems:
            print_error(problem.message)
        sys.exit(1)
    except Exception as error:
        from graphql_app.plugins import PluginError

        if not isinstance(error, PluginError):
            raise
        print_error(str(error))
        err.print("Fix or uninstall it, or set STRICT_PLUGINS=false.")
        sys.exit(1)
