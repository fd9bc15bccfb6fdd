"""Facts as inputs of the GraphQL API.

Facts other than products are of the contact with their own id, unless ``contact`` names another.
"""

from typing import Any

AT = "2024-05-01T09:58:12Z"
Id = int | str


def contact(id: Id, **fields: Any) -> dict[str, Any]:
    return {"id": str(id), **fields}


def contacts(*ids: Id, **fields: Any) -> list[dict[str, Any]]:
    return [contact(id, **fields) for id in ids]


def order(
    id: Id, contact: Id = "", *products: str, total: str = "60.00", at: str = AT, **fields: Any
) -> dict[str, Any]:
    """Return an order with a line for each product; ``lines`` replaces the lines."""
    lines = {"lines": [{"productId": product} for product in products]} if products else {}
    return {**_ids(id, contact), "orderedAt": at, "total": total, **lines, **fields}


def text(id: Id, contact: Id = "", at: str = AT, **fields: Any) -> dict[str, Any]:
    return {**_ids(id, contact), "sentAt": at, **fields}


def keyword(contact: Id, keyword: str, at: str = AT) -> dict[str, Any]:
    return {"contactId": str(contact), "keyword": keyword, "receivedAt": at}


def event(
    id: Id, contact: Id = "", name: str = "visited", at: str = AT, **properties: Any
) -> dict[str, Any]:
    made = {**_ids(id, contact), "name": name, "occurredAt": at}
    return {**made, "properties": properties} if properties else made


def _ids(id: Id, contact: Id) -> dict[str, str]:
    return {"id": str(id), "contactId": str(contact or id)}
