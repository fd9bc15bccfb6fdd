"""The process's own stores for checks: opened when first needed, deleted at exit."""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from itertools import count
from pathlib import Path

from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.audience.table_setup import create_tables
from graphql_app.audience.tables import AudienceTable
from graphql_app.errors import AppError
from graphql_app.plugins import Registry
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings
from graphql_app.startup.services import open_services

# Far above the shops of a catalog, whose facts may lie in the same tables.
_shop_ids = count(2**40)


def new_shop_id() -> int:
    """The id of a shop that nobody has."""
    return next(_shop_ids)


def services_for(registry: Registry, given: Services | None) -> Services:
    """Stores that have the registry's tables: the given ones, or the process's own.

    Raises:
        ValueError: The given ones lack a table.
        AppError: The process cannot open stores of its own.
    """
    if given is None:
        given = _with_tables(registry.tables)
    missing = [
        table.__tablename__ for table in registry.tables if table not in given.audience.tables
    ]
    if missing:
        raise ValueError(f"open the services with a registry that has the tables {missing}")
    return replace(given, registry=registry)


@cache
def _own() -> tuple[Settings, Services]:
    """The one embedded ClickHouse that a process can have, and a catalog beside it."""
    closing = ExitStack()
    atexit.register(closing.close)
    directory = closing.enter_context(tempfile.TemporaryDirectory(prefix="segments-check-"))
    settings = Settings(data_dir=Path(directory), catalog_url="", audience_url="")
    try:
        services = closing.enter_context(open_services(settings, Registry()))
    except AppError as error:
        error.add_note(
            "A process can have one embedded ClickHouse. If this one has opened its own, give "
            "check_criterion(..., services=...) what open_services yielded."
        )
        raise
    return settings, services


@cache
def _with_tables(tables: Sequence[type[AudienceTable]]) -> Services:
    """The process's stores, with some more tables."""
    settings, services = _own()
    if not tables:
        return services
    audience = Audience(settings.audience, tables=tables)
    atexit.register(audience.close)
    create_tables(audience)
    return replace(services, audience=audience, recorder=Recorder(audience))
