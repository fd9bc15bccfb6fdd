"""Rules as large as they may be, many at once, with little memory: the server stays."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from graphql_app.segments.rule import MAX_CRITERIA
from tests.e2e import process
from tests.faults.kills import record

SIZE = "query ($rule: RuleInput!) { segmentSize(rule: $rule) { members contacts } }"
CONTACTS = 20_000
MEMORY = 64 * 2**20


def _monster(number: int) -> dict[str, Any]:
    """A rule of as many criteria as may be, all different, with long lists and windows."""
    leaves: list[dict[str, Any]] = []
    for criterion in range(MAX_CRITERIA):
        products = [f"{number}-{criterion}-{product}" for product in range(100)]
        window = {"last": {"count": criterion + 1, "unit": "DAYS"}}
        bought = {"operator": "ANY_OF", "products": products, "within": window}
        leaves.append({"not": {"productPurchased": bought}})
    return {"all": leaves}


def _peak(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the server is gone")


def test_monstrous_rules_are_answered_or_refused_and_the_server_stays(tmp_path: Path) -> None:
    data = tmp_path / "data"
    process.segments(data, "shop", "create", "acme")
    token = process.token(data, "acme")
    with process.server(
        data, QUERY_MEMORY=str(MEMORY), INDEX_MEMORY=str(MEMORY), QUERY_TIMEOUT="10"
    ) as running:
        for first in range(0, CONTACTS, 10_000):
            ids = [str(first + number) for number in range(10_000)]
            record(running, token, "contactsUpsert", [{"id": id} for id in ids])
        before = _peak(running.process.pid)
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
                assert size == {"members": CONTACTS, "contacts": CONTACTS}
        assert _peak(running.process.pid) - before < 8 * MEMORY + 256 * 2**20
        found = running.ask(token, SIZE, rule={"all": []})["segmentSize"]
        assert found == {"members": CONTACTS, "contacts": CONTACTS}
