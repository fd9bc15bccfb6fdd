"""Facts recorded without a server: tables from columns, and files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from graphql_app.audience.facts import FactType, check_batch
from graphql_app.audience.importers import ImportReport, import_file
from graphql_app.runtime.services import Services


def checked(fact: FactType, columns: Mapping[str, Any]) -> pa.Table:
    """Return rows of facts as a table; fail if a row is invalid."""
    rows, bad = check_batch(fact, columns, len(next(iter(columns.values()))))
    assert not bad
    return rows


def load_file(services: Services, shop_id: int, path: Path, **options: Any) -> ImportReport:
    """Import a file for a shop, whose currency is USD unless ``options`` name another."""
    return import_file(
        path,
        shop_id=shop_id,
        audience=services.audience,
        recorder=services.recorder,
        **{"shop_currency": "USD", **options},
    )
