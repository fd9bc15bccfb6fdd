"""A server with the demo shop, and what its API says beside the page."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.e2e import process

Rule = Mapping[str, Any]

SIZE = """
query ($rule: RuleInput!) { segmentSize(rule: $rule) { members parts { path members } } }
"""
SEGMENTS = """
query ($archived: Boolean!) {
  segments(first: 100, archived: $archived) { nodes { id name rule version isDefault archived } }
}
"""
CREATE = """
mutation ($input: SegmentCreateInput!) {
  segmentCreate(input: $input) { segment { id version } userErrors { code message } }
}
"""
UPDATE = """
mutation ($id: ID!, $input: SegmentUpdateInput!) {
  segmentUpdate(id: $id, input: $input) { segment { version } userErrors { code message } }
}
"""
DELETE = "mutation ($id: ID!) { segmentDelete(id: $id) { userErrors { code } } }"
CRITERIA = """
{
  criteria {
    key label
    operators { name label fields }
    fields { name label kind required usedWith condition { operators { name label } } }
  }
}
"""


@dataclass
class Shop:
    """A shop of a server."""

    address: str
    token: str

    def ask(self, query: str, **variables: Any) -> Any:
        """The data of an operation that must go well."""
        answer = httpx.post(
            f"{self.address}/graphql",
            json={"query": query, "variables": variables},
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=60,
        ).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def members(self, rule: Rule) -> int:
        """How many match a rule."""
        count: int = self.ask(SIZE, rule=rule)["segmentSize"]["members"]
        return count

    def criteria(self) -> list[dict[str, Any]]:
        """The metadata of all criteria."""
        found: list[dict[str, Any]] = self.ask(CRITERIA)["criteria"]
        return found

    def segments(self) -> dict[str, dict[str, Any]]:
        """All segments, archived ones too, by their names."""
        return {
            segment["name"]: segment
            for archived in (False, True)
            for segment in self.ask(SEGMENTS, archived=archived)["segments"]["nodes"]
        }

    def create(self, name: str, rule: Rule, description: str = "") -> str:
        """A new segment; its id."""
        made = self.ask(CREATE, input={"name": name, "rule": rule, "description": description})
        assert made["segmentCreate"]["userErrors"] == []
        id: str = made["segmentCreate"]["segment"]["id"]
        return id

    def update(self, id: str, **input: Any) -> None:
        """Change a segment, as another client does."""
        done = self.ask(UPDATE, id=id, input=input)
        assert done["segmentUpdate"]["userErrors"] == []

    def clean(self, keep: Collection[str] = ()) -> None:
        """Delete what is not of every shop, but those of some names."""
        own = [
            segment["id"]
            for name, segment in self.segments().items()
            if not segment["isDefault"] and name not in keep
        ]
        # Twice: one that another uses is deleted after it.
        for id in [*own, *own]:
            self.ask(DELETE, id=id)


@contextmanager
def demo_shop(data_dir: Path, port: int = 0, **settings: str) -> Iterator[Shop]:
    """The demo shop of a directory, served as ``make run`` does."""
    with process.server(
        data_dir, "demo", "--serve", program=process.SEGMENTS, port=port, **settings
    ) as running:
        token = httpx.get(f"{running.address}/builder/config.json").json()["token"]
        yield Shop(running.address, token)


def either(*rules: Rule) -> Rule:
    """Any of some rules."""
    return {"any": list(rules)}


def both(*rules: Rule) -> Rule:
    """All of some rules."""
    return {"all": list(rules)}


def bought(*products: str) -> Rule:
    """Who has bought some of the products."""
    return {"productPurchased": {"operator": "ANY_OF", "products": list(products)}}


def spent_over(amount: str) -> Rule:
    """Who has spent more."""
    return {"spend": {"operator": "GREATER_THAN", "amount": amount}}


def texts(count: int) -> Rule:
    """Who was sent so many texts."""
    return {"textsReceived": {"operator": "EQUALS", "count": count}}


def orders(count: int) -> Rule:
    """Who has placed so many orders."""
    return {"ordersPlaced": {"operator": "EQUALS", "count": count}}


def subscribed_since(day: str) -> Rule:
    """Who has subscribed on or after a day."""
    return {"subscribeDate": {"operator": "ON_OR_AFTER", "date": day}}


def parts(shop: Shop, rule: Rule) -> Sequence[int]:
    """The count of a rule and of each of its parts, in order."""
    return [part["members"] for part in shop.ask(SIZE, rule=rule)["segmentSize"]["parts"]]
