"""Eight rules on real orders have the right members, whichever way the facts are recorded."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from graphql_app.demo.shop import demo_facts
from tests.e2e import process
from tests.factories import contact, order
from tests.support import Server

TRUTH = json.loads((Path(__file__).parent.parent / "data/online_retail_truth.json").read_text())

MEMBERS = """
query ($rule: RuleInput!) {
  segmentSize(rule: $rule) { members contacts }
  segmentMembers(rule: $rule, first: 5) { nodes { sourceId } totalCount }
}
"""


def _check(ask: Any) -> None:
    assert len(TRUTH) == 8
    for case in TRUTH:
        data = ask(MEMBERS, rule=case["rule"])
        assert data["segmentSize"] == {"members": case["members"], "contacts": 4339}
        members = data["segmentMembers"]
        assert members["totalCount"] == case["members"], case["name"]
        assert [int(node["sourceId"]) for node in members["nodes"]] == case["first"]


def _orders(facts: dict[str, pa.Table]) -> list[dict[str, Any]]:
    """Return the orders as input of the GraphQL mutation."""
    lines: dict[int, list[dict[str, Any]]] = {}
    for line in facts["order_lines"].to_pylist():
        product, quantity, price = line["product_id"], line["quantity"], str(line["price"])
        made = {"productId": product, "quantity": quantity, "price": price}
        lines.setdefault(line["order_id"], []).append(made)
    return [
        order(
            row["id"],
            row["contact_id"],
            at=row["ordered_at"].isoformat(),
            total=str(row["total"]),
            lines=lines[row["id"]],
        )
        for row in facts["orders"].to_pylist()
    ]


def test_facts_recorded_by_mutations_give_the_right_members(server: Server) -> None:
    shop = server.shop(timezone="UTC", currency="GBP")
    facts = demo_facts()
    rows = facts["contacts"].to_pylist()
    shop.record("contactsUpsert", [contact(row["id"], country=row["country"]) for row in rows])
    orders = _orders(facts)
    for start in range(0, len(orders), 1000):
        shop.record("ordersUpsert", orders[start : start + 1000])
    _check(shop.ask)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_facts_imported_from_files_give_the_right_members(tmp_path: Path, kind: str) -> None:
    data = tmp_path / "data"
    process.segments(data, "shop", "create", "retail", "--currency", "GBP")
    facts = demo_facts()
    for name in ("contacts", "orders", "order_lines"):
        path = tmp_path / f"{name}.{kind}"
        if kind == "csv":
            rows = facts[name]
            if "tags" in rows.column_names:
                rows = rows.drop_columns(["tags"])
            pa.csv.write_csv(_as_text(rows), path)
        else:
            pq.write_table(facts[name], path)
        output = process.segments(data, "import", str(path), "--shop", "retail")
        assert f"{name}: {facts[name].num_rows:,} recorded" in output
    token = process.token(data, "retail")
    with process.server(data) as running:
        _check(running.client(token).ask)


def _as_text(rows: pa.Table) -> pa.Table:
    """Convert times to ISO 8601, since Arrow writes another format."""
    for index, field in enumerate(rows.schema):
        if pa.types.is_timestamp(field.type):
            values = rows[index].to_pylist()
            texts = [None if value is None else value.isoformat() for value in values]
            rows = rows.set_column(index, field.name, pa.array(texts, pa.string()))
    return rows
