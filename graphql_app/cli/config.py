"""``segments config``: the settings."""

import typer
from rich.markup import escape

from graphql_app.cli.console import configure, err, out, print_error
from graphql_app.errors import AppError, InvalidInputError

config_app = typer.Typer(no_args_is_help=True, help="Settings, read from the environment.")


@config_app.command("check")
def check_command() -> None:
    """Print the settings, try the stores and the plugins, and list every error.

    Changes nothing. Exits with status 1 if a server could not start. Also warns about environment
    variables whose names look like misspelled settings.
    """
    from graphql_app.cli.config_check import CHECKS, misspelled, settings_table
    from graphql_app.plugins import PluginError

    for name, setting in misspelled():
        err.print(f"[yellow]Warning:[/yellow] unknown variable {escape(name)}; use {setting}?")
    try:
        settings = configure()
    except InvalidInputError as error:
        for problem in error.problems:
            print_error(problem.message)
        err.print("Fix the settings to check the stores and the plugins.")
        raise typer.Exit(1) from None
    out.print(settings_table(settings))
    failed = False
    for name, check in CHECKS.items():
        try:
            out.print(f"{name}: {escape(check(settings))}")
        except (AppError, PluginError) as error:
            failed = True
            print_error(str(error))
    if failed:
        raise typer.Exit(1)
