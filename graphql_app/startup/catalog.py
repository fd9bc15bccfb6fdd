"""Open the catalog; apart from the audience, whose imports are slow."""

from collections.abc import Iterator
from contextlib import contextmanager

from graphql_app.catalog.migrate import migrate, read_revision, require_current
from graphql_app.catalog.segment_names import require_current_names
from graphql_app.catalog.store import Catalog
from graphql_app.errors import AppError, ErrorCode
from graphql_app.settings import Settings


@contextmanager
def open_unchecked_catalog(settings: Settings) -> Iterator[Catalog]:
    """Open the catalog whatever its schema, or raise UNAVAILABLE if it cannot be used."""
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise AppError(
            ErrorCode.UNAVAILABLE,
            f"DATA_DIR: cannot create {settings.data_dir} ({error.strerror}). "
            "Set it to a directory that this user can write to.",
        ) from error
    catalog = Catalog(settings.catalog)
    try:
        yield catalog
    finally:
        catalog.close()


@contextmanager
def open_catalog(settings: Settings) -> Iterator[Catalog]:
    """Open the catalog, or raise UNAVAILABLE if it cannot be used or has another version's schema.

    Create the schema if the catalog in DATA_DIR has none. Operators make every other change of the
    schema with ``segments migrate``.
    """
    with open_unchecked_catalog(settings) as catalog:
        if not settings.catalog_url and read_revision(catalog) is None:
            migrate(catalog)
        require_current(catalog)
        require_current_names(catalog)
        yield catalog
