"""The stores, opened and checked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from graphql_app.audience.clickhouse import refuse_if_taken
from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.catalog.migrate import migrate, require_current, revision
from graphql_app.catalog.store import Catalog
from graphql_app.catalog.write_lock import SharedWriteLocks
from graphql_app.errors import AppError, ErrorCode
from graphql_app.settings import Settings


@contextmanager
def opened_catalog(settings: Settings) -> Iterator[Catalog]:
    """The catalog as it is, whatever its schema.

    Raises:
        AppError: UNAVAILABLE when it cannot be used.
    """
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise AppError(
            ErrorCode.UNAVAILABLE,
            f"DATA_DIR: {settings.data_dir} cannot be used ({error.strerror}); "
            "name a directory that can be written.",
        ) from error
    catalog = Catalog(settings.catalog)
    try:
        yield catalog
    finally:
        catalog.close()


@contextmanager
def open_catalog(settings: Settings) -> Iterator[Catalog]:
    """The catalog, whose schema is what this version needs.

    The one in DATA_DIR is made where there is none yet; any other change of a schema is for
    ``segments migrate``, which an operator runs.

    Raises:
        AppError: UNAVAILABLE when it cannot be used, or has another schema.
    """
    with opened_catalog(settings) as catalog:
        if not settings.catalog_url and revision(catalog) is None:
            migrate(catalog)
        require_current(catalog)
        yield catalog


@contextmanager
def open_audience(settings: Settings) -> Iterator[Audience]:
    """The audience, as it is on disk."""
    refuse_if_taken(settings.audience)
    audience = Audience(
        settings.audience,
        settings.query_timeout,
        settings.query_memory,
        settings.query_concurrency,
        slow=settings.slow_rule_seconds,
        cluster=settings.audience_cluster,
    )
    try:
        yield audience
    finally:
        audience.close()


def open_recorder(settings: Settings, catalog: Catalog, audience: Audience) -> Recorder:
    """Who writes the facts, once the batches of earlier processes are carried out."""
    locks = SharedWriteLocks(catalog) if settings.audience_url else None
    recorder = Recorder(audience, locks)
    recorder.recover()
    return recorder
