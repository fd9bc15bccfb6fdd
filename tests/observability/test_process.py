"""The log and the shutdown of a server process."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.client import HTTP, authorization, connected, streaming
from tests.e2e import process

SIZE = "query ($rule: RuleInput!) { segmentSize(rule: $rule) { members } }"
KEYWORD = "secretword\nforged"
NUMBER = "4155551234"
NAME = "Ada from Paris"
SINCE = {"since": "2024-05-01"}
RULE = {
    "any": [
        {"keyword": {"operator": "ANY_OF", "keywords": [KEYWORD]}},
        {"spend": {"operator": "GREATER_THAN", "amount": NUMBER, "within": SINCE}},
        {"property": {"operator": "EQUALS", "property": NAME, "number": NUMBER}},
        {"not": {"subscriptionStatus": {"operator": "IS", "status": "SUBSCRIBED"}}},
    ]
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    process.segments(tmp_path / "data", "shop", "create", "acme")
    return tmp_path / "data"


def _records(output: str) -> list[dict[str, Any]]:
    """Parse the JSON log of a server, and fail on any other line but the two that it prints."""
    lines = [line for line in output.splitlines() if line]
    printed = ("Open the segment builder:", "Serving on ")
    return [json.loads(line) for line in lines if not line.startswith(printed)]


def test_each_record_has_its_request_id_and_no_client_data(data: Path) -> None:
    token = process.token(data, "acme")
    with process.server(
        data, LOG_FORMAT="json", LOG_LEVEL="debug", SLOW_RULE_SECONDS="0"
    ) as running:
        url = f"{running.address}/graphql"
        headers = {**authorization(token), "X-Request-Id": "from-a-proxy.1"}
        body = {"query": SIZE, "variables": {"rule": RULE}}
        response = HTTP.post(url, json=body, headers=headers)
        assert response.json() == {"data": {"segmentSize": {"members": 0}}}, response.text
        assert response.headers["X-Request-Id"] == "from-a-proxy.1"
        response = HTTP.get(url, params={"query": "{ shop { handle } }"}, headers=headers)
        assert response.status_code == 200
        with streaming(running.address, additional_headers={"X-Request-Id": "socket"}) as stream:
            assert stream.socket.response is not None
            assert stream.socket.response.headers["X-Request-Id"] == "socket"
            stream.init(token)
            stream.subscribe(SIZE, id="one", rule={**RULE})
            assert stream.next("one") == {"segmentSize": {"members": 0}}
        status, output = running.stop(signal.SIGTERM)
    assert status == 0
    for secret in (token, "secretword", NUMBER, NAME, "handle"):
        assert secret not in output
    records = _records(output)
    slow = [record for record in records if record["message"].startswith("slow rule: ")]
    assert [record["request"] for record in slow] == ["from-a-proxy.1", "socket/one"]
    for record, source in zip(slow, ("load", "index"), strict=True):
        assert record["level"] == "WARNING"
        assert record["message"].endswith(
            f" s ({source}): Keyword texted is any of … or Total spend is more than … since "
            "May 1, 2024 or Property is exactly … and … or not (Subscription status is Subscribed)"
        )
    lines = [record["message"] for record in records if record["request"] == "from-a-proxy.1"]
    assert any(line.startswith("POST /graphql: 200 in ") for line in lines)
    assert any(line.startswith("GET /graphql: 200 in ") for line in lines)
    lines = [record["message"] for record in records if record["request"] == "socket"]
    assert lines[-1].startswith("WebSocket /graphql: 101 in ")


def test_websockets_are_not_logged_one_by_one(data: Path) -> None:
    token = process.token(data, "acme")
    with process.server(data, LOG_FORMAT="json") as running:
        for _ in range(3):
            with connected(running.client(token)):
                pass
        _, output = running.stop(signal.SIGTERM)
    assert {record["request"] for record in _records(output)} == {"-"}
    assert "WebSocket" not in output
    assert "connection" not in output.lower().replace("waiting for connections to close", "")


def test_a_draining_server_is_not_ready_but_answers(data: Path) -> None:
    token = process.token(data, "acme")
    with process.server(data, DRAIN_SECONDS="60") as running:
        ready = HTTP.get(f"{running.address}/ready")
        assert (ready.status_code, ready.json()) == (200, {"status": "ready"})
        running.process.send_signal(signal.SIGTERM)
        while (ready := HTTP.get(f"{running.address}/ready")).status_code == 200:
            pass
        assert ready.status_code == 503
        assert ready.json() == {"status": "not ready", "reason": "The server is stopping."}
        assert HTTP.get(f"{running.address}/health").json() == {"status": "ok"}
        assert running.client(token).ask("{ shop { handle } }") == {"shop": {"handle": "acme"}}
        status, output = running.stop(signal.SIGTERM)
    assert status == 0
    assert "Traceback" not in output
