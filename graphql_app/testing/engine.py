"""Temporary stores for checks, opened when first needed and deleted at exit."""

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

# Far above the ids of real shops, whose facts may be in the same tables.
_shop_ids = count(2**40)


def new_shop_id() -> int:
    return next(_shop_ids)


def services_for(registry: Registry, given: Services | None) -> Services:
    """Return stores with the registry's tables: the given ones or temporary ones.

    Raises:
        ValueError: The given stores lack a table.
        AppError: Temporary stores cannot be opened.
    """
    if given is None:
        given = _with_tables(registry.tables)
    known = given.audience.tables
    missing = [table.__tablename__ for table in registry.tables if table not in known]
    if missing:
        raise ValueError(f"open the services with a registry that has the tables {missing}")
    return replace(given, registry=registry)


@cache
def _temporary_services() -> tuple[Settings, Services]:
    """Open a catalog and the one embedded ClickHouse that a process can have."""
    closing = ExitStack()
    atexit.register(closing.close)
    directory = closing.enter_context(tempfile.TemporaryDirectory(prefix="segments-check-"))
    settings = Settings(data_dir=Path(directory), catalog_url="", audience_url="")
    try:
        services = closing.enter_context(open_services(settings, Registry()))
    except AppError as error:
        error.add_note(
            "A process can open one embedded ClickHouse. If yours is open already, pass what "
            "open_services yielded: check_criterion(..., services=...)."
        )
        raise
    return settings, services


@cache
def _with_tables(tables: Sequence[type[AudienceTable]]) -> Services:
    """Return the temporary stores with more tables."""
    settings, services = _temporary_services()
    if not tables:
        return services
    audience = Audience(settings.audience, tables=tables)
    atexit.register(audience.close)
    create_tables(audience)
    return replace(services, audience=audience, recorder=Recorder(audience))
