"""The engine of one shop, on the services of a process."""

from graphql_app.audience.read_log import ReadLog
from graphql_app.criteria import Scope
from graphql_app.runtime.services import Services
from graphql_app.segments.engine import ShopEngine


def shop_engine(
    services: Services,
    shop_id: int,
    scope: Scope,
    *,
    with_labels: bool = True,
    reads: ReadLog | None = None,
) -> ShopEngine:
    """Return the engine of a shop at one instant.

    Without labels, sentences show ids. ``reads`` notes the states that its answers come from.
    """
    return ShopEngine(
        services.audience,
        shop_id,
        scope,
        services.index,
        services.labels if with_labels else None,
        registry=services.registry,
        upcoming=services.index.upcoming,
        reads=reads,
    )
