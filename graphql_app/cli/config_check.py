"""What ``segments config check`` prints and tries."""

import os
import tempfile
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from pathlib import Path

from rich.markup import escape
from rich.table import Table
from sqlalchemy.engine import make_url

from graphql_app.audience.clickhouse import embedded_path, refuse_if_in_use
from graphql_app.audience.journal import Journal
from graphql_app.audience.migrate import require_current_rows
from graphql_app.audience.store import Audience
from graphql_app.audience.table_setup import check_tables
from graphql_app.catalog.migrate import read_revision, require_current
from graphql_app.catalog.segment_names import require_current_names
from graphql_app.catalog.store import Catalog
from graphql_app.cli.plugin_trial import try_plugins
from graphql_app.errors import AppError, ErrorCode
from graphql_app.http.trusted_documents import TrustedDocuments
from graphql_app.plugins import PluginError
from graphql_app.redaction import redact_url
from graphql_app.server.run import check_workers, listen
from graphql_app.settings import Settings, format_value
from graphql_app.startup.plugins import declared_plugins
from graphql_app.timezones import rules_release

# How similar a variable's name and a setting's must be, from 0 to 1, to suggest the setting.
SIMILARITY = 0.8
NEW = "will be created at the first start"


def misspelled() -> Iterator[tuple[str, str]]:
    """Yield environment variables that are no settings, each with a setting of a similar name."""
    settings = [name.upper() for name in Settings.model_fields]
    for name in os.environ:
        if name.upper() not in settings:
            for setting in get_close_matches(name.upper(), settings, 1, SIMILARITY):
                yield name, setting


def settings_table(settings: Settings) -> Table:
    table = Table("setting", "value", "from")
    for name in Settings.model_fields:
        value = getattr(settings, name)
        text = redact_url(value) if name.endswith("_url") else format_value(value)
        source = "environment" if name in settings.model_fields_set else "default"
        table.add_row(name.upper(), escape(text), source)
    return table


def _check_data_directory(settings: Settings) -> str:
    directory = settings.data_dir.resolve()
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise AppError(
            ErrorCode.UNAVAILABLE,
            f"DATA_DIR: cannot write to {existing} ({error.strerror}); "
            "set DATA_DIR to a writable directory.",
        ) from error
    return "writable" if existing == directory else NEW


def _check_catalog(settings: Settings) -> str:
    catalog = Catalog(settings.catalog)
    try:
        url = make_url(settings.catalog)
        # Connecting would create an empty database.
        is_new = url.get_backend_name() == "sqlite" and not Path(url.database or "").exists()
        if is_new and not settings.catalog_url:
            return NEW
        if is_new:
            raise AppError(
                ErrorCode.UNAVAILABLE,
                f"The catalog {catalog.name} does not exist: run `segments migrate`.",
            )
        if not settings.catalog_url and read_revision(catalog) is None:
            return NEW
        require_current(catalog)
        require_current_names(catalog)
    finally:
        catalog.close()
    return "reachable, with the schema of this version"


def _check_audience(settings: Settings) -> str:
    path = embedded_path(settings.audience)
    if path is not None and not Path(path).exists():
        return NEW
    refuse_if_in_use(settings.audience)
    # With STRICT_PLUGINS=false a server starts without a plugin whose table does not match.
    tables = declared_plugins(strict=False).tables if settings.strict_plugins else ()
    audience = Audience(settings.audience, tables=tables, cluster=settings.audience_cluster)
    try:
        audience.ping()
        check_tables(audience)
        Journal(audience).refuse_partial_restore()
        require_current_rows(audience)
    finally:
        audience.close()
    return "reachable"


def _check_address(settings: Settings) -> str:
    listen(settings).close()
    return "free"


def _check_workers(settings: Settings) -> str:
    check_workers(settings)
    return str(settings.workers)


def _check_documents(settings: Settings) -> str:
    TrustedDocuments.load(settings.trusted_documents)
    return "any" if settings.trusted_documents is None else "readable"


def _check_plugins(settings: Settings) -> str:
    registry = try_plugins()
    if registry.failures and settings.strict_plugins:
        raise PluginError(*registry.failures)
    return f"left out: {registry.left_out}" if registry.failures else "usable"


def _check_time_zones(settings: Settings) -> str:
    return f"rules of release {rules_release()}, from the package tzdata"


# Each returns a description of what it found, or raises AppError or PluginError.
CHECKS: dict[str, Callable[[Settings], str]] = {
    "data directory": _check_data_directory,
    "catalog": _check_catalog,
    "audience": _check_audience,
    "address": _check_address,
    "workers": _check_workers,
    "trusted documents": _check_documents,
    "plugins": _check_plugins,
    "time zones": _check_time_zones,
}
