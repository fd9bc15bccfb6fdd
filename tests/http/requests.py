"""Requests with any body, and the codes of the errors in their responses."""

import json
from collections.abc import Mapping
from typing import Any

import httpx

from tests.schema.operations import send
from tests.support import Client

SHOP = "{ shop { handle } }"
ANY_RULE = "query ($rule: RuleInput!) { segmentSize(rule: $rule) { members } }"


def to_body(query: str, variables: Mapping[str, Any] | None = None) -> str:
    return json.dumps({"query": query, "variables": variables or {}})


def error_codes(response: httpx.Response) -> set[str]:
    """Return the codes of the errors in a response, none of which may be unexpected."""
    assert response.status_code < 500
    result = response.json()
    assert result["errors"]
    assert all(error["message"] for error in result["errors"])
    codes = {error["extensions"]["code"] for error in result["errors"]}
    assert "INTERNAL" not in codes, result
    return codes


def refused_codes(shop: Client, content: str | bytes) -> set[str]:
    """Send a body that must be refused, and return the codes of the errors."""
    response = send(shop, content)
    codes = error_codes(response)
    assert not any((response.json().get("data") or {}).values())
    return codes
