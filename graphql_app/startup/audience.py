"""Open the audience and its recorder."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from graphql_app.audience.clickhouse import refuse_if_in_use
from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.catalog.shops import find_country
from graphql_app.catalog.store import Catalog
from graphql_app.catalog.write_lock import SharedWriteLocks
from graphql_app.settings import Settings


@contextmanager
def open_audience(settings: Settings) -> Iterator[Audience]:
    """Open the audience without creating tables, or raise UNAVAILABLE if another process has it."""
    refuse_if_in_use(settings.audience)
    audience = Audience(
        settings.audience,
        settings.query_timeout,
        settings.query_memory,
        settings.query_concurrency,
        slow_rule_seconds=settings.slow_rule_seconds,
        cluster=settings.audience_cluster,
    )
    try:
        yield audience
    finally:
        audience.close()


def open_recorder(settings: Settings, catalog: Catalog, audience: Audience) -> Recorder:
    """Return the recorder, after finishing the batches that earlier processes left."""
    locks = SharedWriteLocks(catalog) if settings.audience_url else None
    recorder = Recorder(audience, locks, partial(find_country, catalog))
    recorder.recover()
    return recorder
