"""Rules as large as they may be, many at once, with little memory: the server stays."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from graphql_app.segments.rules.parser import MAX_CRITERIA
from tests.e2e import process
from tests.faults.kills import record

SIZE = "query ($rule: RuleInput!) { segmentSize(rule: $rule) { members contacts } }"
CONTACTS = 20_000
# A quarter bought it so lately that most of the windows have it, a quarter before all of them.
BOUGHT, LATELY, LONG_AGO = "lamp", timedelta(days=20), timedelta(days=200)
MEMBERS = CONTACTS * 3 // 4
MEMORY = 64 * 2**20


def _monster(number: int) -> dict[str, Any]:
    """Who has not bought it lately: as many criteria as may be, with long lists and windows."""
    leaves: list[dict[str, Any]] = []
    for criterion in range(MAX_CRITERIA):
        products = [f"{number}-{criterion}-{product}" for product in range(99)] + [BOUGHT]
        window = {"last": {"count": criterion + 1, "unit": "DAYS"}}
        bought = {"operator": "ANY_OF", "products": products, "within": window}
        leaves.append({"not": {"productPurchased": bought}})
    return {"all": leaves}


def _order(contact: int) -> dict[str, Any]:
    ago = LATELY if contact % 4 == 0 else LONG_AGO
    return {
        "id": str(contact),
        "contactId": str(contact),
        "orderedAt": (datetime.now(UTC) - ago).isoformat(),
        "total": "1.00",
        "lines": [{"productId": BOUGHT}],
    }


def test_monstrous_rules_are_answered_or_refused_and_the_server_stays(tmp_path: Path) -> None:
    data = tmp_path / "data"
    process.segments(data, "shop", "create", "acme")
    token = process.token(data, "acme")
    with process.server(
        data, QUERY_MEMORY=str(MEMORY), INDEX_MEMORY=str(MEMORY), QUERY_TIMEOUT="10"
    ) as running:
        for first in range(0, CONTACTS, 10_000):
            ids = range(first, first + 10_000)
            record(running, token, "contactsUpsert", [{"id": str(id)} for id in ids])
            orders = [_order(id) for id in ids if id % 4 < 2]
            record(running, token, "ordersUpsert", orders)
        before = process.peak(running.process.pid)
        with ThreadPoolExecutor(8) as pool:
            answers = [
                *pool.map(
                    lambda number: running.post(token, SIZE, {"rule": _monster(number)}), range(8)
                )
            ]
        for answer in answers:
            if "errors" in answer:
                [error] = answer["errors"]
                assert error["extensions"]["code"] in ("LIMIT_EXCEEDED", "TIMEOUT")
            else:
                size = answer["data"]["segmentSize"]
                assert size == {"members": MEMBERS, "contacts": CONTACTS}
        assert process.peak(running.process.pid) - before < 8 * MEMORY + 256 * 2**20
        found = running.ask(token, SIZE, rule={"all": []})["segmentSize"]
        assert found == {"members": CONTACTS, "contacts": CONTACTS}
