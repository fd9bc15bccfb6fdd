"""The largest allowed rules, eight at once, with little memory: the server survives."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from graphql_app.segments.rules.parser import MAX_CRITERIA
from tests.e2e import process
from tests.factories import contacts, order

SIZE = "query ($rule: RuleInput!) { segmentSize(rule: $rule) { members contacts } }"
CONTACTS = 20_000
# A quarter of the contacts bought it within most of the time windows, a quarter before all of them.
BOUGHT, RECENTLY, LONG_AGO = "lamp", timedelta(days=20), timedelta(days=200)
MEMBERS = CONTACTS * 3 // 4
MEMORY = 64 * 2**20


def _monster(number: int) -> dict[str, Any]:
    """Return a rule with the most criteria allowed, each with a long list and a time window."""
    leaves: list[dict[str, Any]] = []
    for criterion in range(MAX_CRITERIA):
        products = [f"{number}-{criterion}-{product}" for product in range(99)] + [BOUGHT]
        window = {"last": {"count": criterion + 1, "unit": "DAYS"}}
        bought = {"operator": "ANY_OF", "products": products, "within": window}
        leaves.append({"not": {"productPurchased": bought}})
    return {"all": leaves}


def _order(contact: int) -> dict[str, Any]:
    at = datetime.now(UTC) - (RECENTLY if contact % 4 == 0 else LONG_AGO)
    return order(contact, contact, BOUGHT, at=at.isoformat())


def test_monstrous_rules_are_answered_or_refused_and_the_server_survives(tmp_path: Path) -> None:
    data = tmp_path / "data"
    process.segments(data, "shop", "create", "acme")
    token = process.token(data, "acme")
    with process.server(
        data, QUERY_MEMORY=str(MEMORY), INDEX_MEMORY=str(MEMORY), QUERY_TIMEOUT="10"
    ) as running:
        client = running.client(token)
        for first in range(0, CONTACTS, 10_000):
            ids = range(first, first + 10_000)
            client.record("contactsUpsert", contacts(*ids))
            orders = [_order(id) for id in ids if id % 4 < 2]
            client.record("ordersUpsert", orders)
        before = process.peak(running.process.pid)
        with ThreadPoolExecutor(8) as pool:
            responses = [*pool.map(lambda n: client.post(SIZE, {"rule": _monster(n)}), range(8))]
        for result in (response.json() for response in responses):
            if "errors" in result:
                [error] = result["errors"]
                assert error["extensions"]["code"] in ("LIMIT_EXCEEDED", "TIMEOUT")
            else:
                size = result["data"]["segmentSize"]
                assert size == {"members": MEMBERS, "contacts": CONTACTS}
        assert process.peak(running.process.pid) - before < 8 * MEMORY + 256 * 2**20
        found = client.ask(SIZE, rule={"all": []})["segmentSize"]
        assert found == {"members": CONTACTS, "contacts": CONTACTS}
