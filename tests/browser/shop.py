"""A server with the demo shop, and what its API answers, to compare the pages with."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.client import HTTP, GraphQLClient
from tests.e2e import process

Rule = Mapping[str, Any]

CONTACTS = 4_339  # the customers in graphql_app/demo/data/LICENSE.md

SEGMENTS = """
query ($archived: Boolean!) {
  segments(first: 100, archived: $archived) { nodes { id name rule isDefault } }
}
"""
CREATE = """
mutation ($input: SegmentCreateInput!) {
  segmentCreate(input: $input) { segment { id } userErrors { code message } }
}
"""
UPDATE = """
mutation ($id: ID!, $input: SegmentUpdateInput!) {
  segmentUpdate(id: $id, input: $input) { userErrors { code message } }
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


class Shop(GraphQLClient):
    """A client of a shop on a server."""

    def criteria(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask(CRITERIA)["criteria"]
        return found

    def segments(self) -> dict[str, dict[str, Any]]:
        """Return all segments by name, including the archived ones."""
        return {
            segment["name"]: segment
            for archived in (False, True)
            for segment in self.ask(SEGMENTS, archived=archived)["segments"]["nodes"]
        }

    def create(self, name: str, rule: Rule, description: str = "") -> str:
        input = {"name": name, "rule": rule, "description": description}
        created = self.ask(CREATE, input=input)["segmentCreate"]
        assert created["userErrors"] == []
        id: str = created["segment"]["id"]
        return id

    def update(self, id: str, **input: Any) -> None:
        updated = self.ask(UPDATE, id=id, input=input)["segmentUpdate"]
        assert updated["userErrors"] == []

    def clean(self, keep: Collection[str] = ()) -> None:
        """Delete all segments except the default ones and those named in ``keep``.

        A segment can only be deleted after the segments that use it.
        """
        own = [
            segment["id"]
            for name, segment in self.segments().items()
            if not segment["isDefault"] and name not in keep
        ]
        while len(in_use := [id for id in own if not self._delete(id)]) < len(own):
            own = in_use

    def _delete(self, id: str) -> bool:
        """Delete a segment unless another one uses it; return whether it was deleted."""
        return not self.ask(DELETE, id=id)["segmentDelete"]["userErrors"]


@contextmanager
def demo_shop(data_dir: Path, port: int = 0, **settings: str) -> Iterator[Shop]:
    """Serve the demo shop of a data directory, as ``make run`` does."""
    with process.server(
        data_dir, "demo", "--serve", program=None, port=port, **settings
    ) as running:
        token = HTTP.get(f"{running.address}/builder/config.json").json()["token"]
        yield Shop(running.address, token, running.http)


def either(*rules: Rule) -> Rule:
    return {"any": list(rules)}


def both(*rules: Rule) -> Rule:
    return {"all": list(rules)}


def bought(*products: str) -> Rule:
    return {"productPurchased": {"operator": "ANY_OF", "products": list(products)}}


def spent_over(amount: str) -> Rule:
    return {"spend": {"operator": "GREATER_THAN", "amount": amount}}


def texts(count: int) -> Rule:
    return {"textsReceived": {"operator": "EQUALS", "count": count}}


def orders(count: int) -> Rule:
    return {"ordersPlaced": {"operator": "EQUALS", "count": count}}


def subscribed_since(day: str) -> Rule:
    return {"subscribeDate": {"operator": "ON_OR_AFTER", "date": day}}


def part_counts(shop: Shop, rule: Rule) -> Sequence[int]:
    return [part["members"] for part in shop.size(rule)["parts"]]
