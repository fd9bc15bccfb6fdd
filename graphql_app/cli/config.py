"""The command ``segments config check``: what would keep a server from starting."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from pathlib import Path

import typer
from pydantic import ValidationError
from rich.markup import escape
from rich.table import Table
from sqlalchemy.engine import make_url

from graphql_app.audience.clickhouse import embedded_path, refuse_if_in_use
from graphql_app.audience.journal import Journal
from graphql_app.audience.store import Audience
from graphql_app.audience.table_setup import check_tables
from graphql_app.catalog.migrate import read_revision, require_current
from graphql_app.catalog.store import Catalog
from graphql_app.cli.console import err, out, wrong_settings
from graphql_app.cli.plugin_trial import tried
from graphql_app.errors import AppError, ErrorCode
from graphql_app.http.trusted_documents import TrustedDocuments
from graphql_app.observability import logs
from graphql_app.plugin_discovery import discover
from graphql_app.plugins import PluginError
from graphql_app.redaction import redact_url
from graphql_app.server.run import check_workers, listen
from graphql_app.settings import Settings, format_value
from graphql_app.startup.plugins import installed_plugins

LIKE = 0.8
"""How like the name of a setting a variable must be to be taken for one that is misspelt."""

NEW = "will be made at the first start"

config_app = typer.Typer(no_args_is_help=True, help="Settings: the environment.")


@config_app.command("check")
def check_command() -> None:
    """Print the settings as they hold, try the stores and plugins, and say all that is wrong.

    Nothing is changed. The status is 1 if something is wrong. Variables of the environment whose
    names are like those of settings are named too.
    """
    for name, meant in _misspelt():
        err.print(f"[yellow]Unknown:[/yellow] {escape(name)}; do you mean {meant}?")
    try:
        settings = Settings()
    except ValidationError as error:
        for problem in wrong_settings(error):
            err.print(f"[red]Wrong:[/red] {escape(problem)}")
        err.print("The stores were not tried.")
        raise typer.Exit(1) from None
    logs.configure(settings)
    out.print(_table(settings))
    wrong = False
    for name, trial in TRIALS.items():
        try:
            out.print(f"{name}: {escape(trial(settings))}")
        except (AppError, PluginError) as error:
            wrong = True
            err.print(f"[red]Wrong:[/red] {escape(str(error))}")
    if wrong:
        raise typer.Exit(1)


def _misspelt() -> Iterator[tuple[str, str]]:
    """Variables that are no settings, with the settings that they look like."""
    settings = [name.upper() for name in Settings.model_fields]
    for name in os.environ:
        if name.upper() not in settings:
            for like in get_close_matches(name.upper(), settings, 1, LIKE):
                yield name, like


def _table(settings: Settings) -> Table:
    table = Table("setting", "value", "from")
    for name in Settings.model_fields:
        value = getattr(settings, name)
        text = redact_url(value) if name.endswith("_url") else format_value(value)
        source = "environment" if name in settings.model_fields_set else "default"
        table.add_row(name.upper(), escape(text), source)
    return table


def _data(settings: Settings) -> str:
    directory = settings.data_dir.resolve()
    there = next(path for path in (directory, *directory.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise AppError(
            ErrorCode.UNAVAILABLE,
            f"DATA_DIR: {there} cannot be written ({error.strerror}); name a directory that can.",
        ) from error
    return "can be written" if there == directory else NEW


def _catalog(settings: Settings) -> str:
    catalog = Catalog(settings.catalog)
    try:
        url = make_url(settings.catalog)
        # To connect would make an empty one.
        is_new = url.get_backend_name() == "sqlite" and not Path(url.database or "").exists()
        if is_new and not settings.catalog_url:
            return NEW
        if is_new:
            raise AppError(
                ErrorCode.UNAVAILABLE,
                f"There is no catalog {catalog.name}: run `segments migrate`.",
            )
        if not settings.catalog_url and read_revision(catalog) is None:
            return NEW
        require_current(catalog)
    finally:
        catalog.close()
    return "answers, and has the schema of this version"


def _audience(settings: Settings) -> str:
    path = embedded_path(settings.audience)
    if path is not None and not Path(path).exists():
        return NEW
    refuse_if_in_use(settings.audience)
    # Without being strict a server leaves out a plugin whose table is there as something else.
    tables = discover(strict=False).tables if settings.strict_plugins else ()
    audience = Audience(settings.audience, tables=tables, cluster=settings.audience_cluster)
    try:
        audience.ping()
        check_tables(audience)
        Journal(audience).refuse_partial_restore()
    finally:
        audience.close()
    return "answers"


def _address(settings: Settings) -> str:
    listen(settings).close()
    return "is free"


def _workers(settings: Settings) -> str:
    check_workers(settings)
    return str(settings.workers)


def _documents(settings: Settings) -> str:
    TrustedDocuments.load(settings.trusted_documents)
    return "any" if settings.trusted_documents is None else "can be read"


def _plugins(settings: Settings) -> str:
    registry = tried(installed_plugins(strict=False))
    if registry.failures and settings.strict_plugins:
        raise PluginError(*registry.failures)
    return f"left out: {registry.left_out}" if registry.failures else "can be used"


TRIALS: dict[str, Callable[[Settings], str]] = {
    "the data directory": _data,
    "the catalog": _catalog,
    "the audience": _audience,
    "the address": _address,
    "workers": _workers,
    "documents": _documents,
    "the plugins": _plugins,
}
