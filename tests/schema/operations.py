"""Operations that several tests send, and helpers for their results."""

import json
from collections.abc import Mapping
from typing import Any

import httpx

from tests.support import Client

SEGMENT = """
id name description rule summary isDefault archived version createdAt updatedAt
"""
ERRORS = "userErrors { code message path }"
CREATE = f"""
mutation ($input: SegmentCreateInput!) {{
  segmentCreate(input: $input) {{ segment {{ {SEGMENT} }} {ERRORS} }}
}}
"""
UPDATE = f"""
mutation ($id: ID!, $input: SegmentUpdateInput!) {{
  segmentUpdate(id: $id, input: $input) {{ segment {{ {SEGMENT} }} {ERRORS} }}
}}
"""
DELETE = f"mutation ($id: ID!) {{ segmentDelete(id: $id) {{ deletedId {ERRORS} }} }}"
DUPLICATE = f"""
mutation ($id: ID!, $name: String) {{
  segmentDuplicate(id: $id, name: $name) {{ segment {{ {SEGMENT} }} {ERRORS} }}
}}
"""
ARCHIVE = f"""
mutation ($id: ID!) {{ segmentArchive(id: $id) {{ segment {{ {SEGMENT} }} {ERRORS} }} }}
"""
UNARCHIVE = f"""
mutation ($id: ID!) {{ segmentUnarchive(id: $id) {{ segment {{ {SEGMENT} }} {ERRORS} }} }}
"""
GET = f"query ($id: ID!) {{ segment(id: $id) {{ {SEGMENT} problems {{ code }} }} }}"
LIST = f"""
query (
  $first: Int, $after: String, $last: Int, $before: String, $search: String! = "",
  $sortKey: SegmentSortKey! = UPDATED_AT, $reverse: Boolean! = false, $archived: Boolean! = false
) {{
  segments(
    first: $first, after: $after, last: $last, before: $before, search: $search,
    sortKey: $sortKey, reverse: $reverse, archived: $archived
  ) {{
    totalCount
    nodes {{ {SEGMENT} }}
    edges {{ cursor node {{ id }} }}
    pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}
  }}
}}
"""
MEMBERS = """
query (
  $rule: RuleInput!, $first: Int, $after: String, $last: Int, $before: String,
  $sortKey: MemberSortKey! = ID, $reverse: Boolean! = false
) {
  segmentMembers(
    rule: $rule, first: $first, after: $after, last: $last, before: $before,
    sortKey: $sortKey, reverse: $reverse
  ) {
    totalCount
    nodes { id sourceId createdAt subscribedAt }
    edges { cursor node { id } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""
EVERYONE: Mapping[str, Any] = {"all": []}
ORDERED = {"ordersPlaced": {"operator": "AT_LEAST", "count": 1}}


def create(shop: Client, name: str, rule: Mapping[str, Any] = EVERYONE, **more: Any) -> Any:
    answer = shop.ask(CREATE, input={"name": name, "rule": rule, **more})["segmentCreate"]
    assert answer["userErrors"] == []
    return answer["segment"]


def refused(answer: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Return the codes and paths of the errors in a payload that must hold nothing else."""
    (payload,) = answer.values()
    errors = payload["userErrors"]
    assert errors
    assert all(error["message"] for error in errors)
    assert {name for name, value in payload.items() if value} <= {"userErrors"}
    return [(error["code"], error["path"]) for error in errors]


def everything(shop: Client) -> list[dict[str, Any]]:
    """Return all segments of a shop, including archived ones."""
    found: list[dict[str, Any]] = []
    for archived in (False, True):
        found += shop.ask(LIST, first=250, sortKey="NAME", archived=archived)["segments"]["nodes"]
    return found


def send(shop: Client, content: str | bytes, **headers: str) -> httpx.Response:
    """Send a body as it is, valid or not."""
    return shop.request(
        "POST",
        "/graphql",
        content=content,
        headers={
            "Content-Type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        },
    )


def send_escaped(shop: Client, query: str, variables: Mapping[str, Any]) -> Any:
    """Send an operation as ASCII, which may hold lone surrogates, and return the result."""
    response = send(shop, json.dumps({"query": query, "variables": variables}))
    assert response.status_code == 200
    return response.json()
