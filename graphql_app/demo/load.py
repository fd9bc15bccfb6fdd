"""Load the demo shop."""

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import func, select

from graphql_app.audience import facts
from graphql_app.audience.tables import KeywordUse
from graphql_app.catalog.shops import find_shop, stored_id
from graphql_app.catalog.tables import Shop
from graphql_app.demo.shop import DEMO_SHOP, demo_facts
from graphql_app.errors import NotFoundError
from graphql_app.runtime.services import Services
from graphql_app.segments.default_segments import create_shop

DEMO_HANDLE = "demo"


def load_demo(services: Services) -> tuple[Shop, int]:
    """Create and load the demo shop, unless it exists; return it and the number of loaded rows.

    Loading again after an interruption replaces the rows with the same rows.
    """
    try:
        shop = find_shop(services.catalog, DEMO_HANDLE)
    except NotFoundError:
        shop = Shop(handle=DEMO_HANDLE, **DEMO_SHOP)
        shop = create_shop(services.catalog, services.registry, shop)
    shop_id = stored_id(shop)
    if _is_loaded(services, shop_id):
        return shop, 0
    tables = demo_facts()
    lines = tables.pop("order_lines")
    lines = lines.append_column("row", pc.index_in(lines["order_id"], tables["orders"]["id"]))
    checked = {name: _check(name, table) for name, table in tables.items()}
    rows = lines.num_rows + sum(table.num_rows for table in checked.values())
    recorder = services.recorder
    recorder.record_orders(shop_id, checked.pop("orders"), lines.drop_columns(["order_id"]))
    for name, table in checked.items():
        recorder.record(shop_id, facts.FACTS[name], table)
    recorder.merge_parts(shop_id)
    return shop, rows


def _check(name: str, table: pa.Table) -> pa.Table:
    columns = {column: table[column].combine_chunks() for column in table.column_names}
    checked, bad = facts.check_batch(facts.FACTS[name], columns, table.num_rows)
    if bad:
        raise ValueError(f"the demo shop's {name} are invalid: {bad[0]}")
    return checked


def _is_loaded(services: Services, shop_id: int) -> bool:
    # Keywords are loaded last.
    statement = select(func.count()).select_from(KeywordUse)
    return bool(services.audience.fetch_rows(statement, shop_id)[0][0])
