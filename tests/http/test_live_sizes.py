"""Live sizes: the subscription ``segmentSize`` over a real WebSocket."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from graphql_app.catalog.token_scope import TokenScope
from graphql_app.errors import AppError, ErrorCode
from graphql_app.http import connections
from graphql_app.runtime import context, live_size
from graphql_app.runtime.services import Services
from graphql_app.segments.engine import ShopEngine
from graphql_app.segments.rules.tree import Rule
from graphql_app.segments.scope import shop_scope
from graphql_app.segments.size import SegmentSize
from graphql_app.settings import Settings
from tests.client import Stream, connected
from tests.factories import contacts, order
from tests.http.live import (
    COUNT,
    SHOP,
    SPENT,
    WAYS_TO_LEAVE,
    check_usable,
    receive_failure,
    receive_refusal,
    revoke,
)
from tests.processes import wait_until
from tests.schema.operations import EVERYONE, UPDATE, create
from tests.support import Client, Server, serving

LIVE = """
subscription ($rule: RuleInput!) {
  segmentSize(rule: $rule) {
    members textable contacts share asOf parts { path summary members }
  }
}
"""

pytestmark = pytest.mark.usefixtures("no_logged_errors")


@pytest.fixture(autouse=True)
def _short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check for new facts more often than a server does."""
    monkeypatch.setattr(live_size, "PAUSE", 0.01)


def _count_often(monkeypatch: pytest.MonkeyPatch, seconds: float = 0.01) -> None:
    for name in ("COUNT_AFTER", "COUNT_MOVING_AFTER"):
        monkeypatch.setattr(live_size, name, seconds)


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """Return the number of counts by shop, which here happen without new facts too."""
    found: Counter[int] = Counter()
    count = ShopEngine.size

    def counting(engine: ShopEngine, rule: Rule) -> SegmentSize:
        found[engine.shop_id] += 1
        return count(engine, rule)

    monkeypatch.setattr(ShopEngine, "size", counting)
    _count_often(monkeypatch)
    return found


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Replace the server's clock by one that a test may move."""
    moved = SimpleNamespace(by=timedelta())
    monkeypatch.setattr(
        context, "shop_scope", lambda shop: shop_scope(shop, datetime.now(UTC) + moved.by)
    )
    return moved


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Return the number of subscriptions that wait for facts."""
    found = SimpleNamespace(number=0)
    wait = live_size.wait_for_change

    async def watched(*arguments: Any) -> None:
        found.number += 1
        try:
            await wait(*arguments)
        finally:
            found.number -= 1

    monkeypatch.setattr(live_size, "wait_for_change", watched)
    return found


def test_the_size_is_sent_at_once_and_after_new_facts(shop: Client) -> None:
    shop.record("contactsUpsert", contacts(1, 2))
    shop.record("ordersUpsert", [order(1)])
    with connected(shop) as stream:
        stream.subscribe(LIVE, rule={"not": SPENT})
        first = stream.next()["segmentSize"]
        assert {**first, "asOf": None} == {**shop.size({"not": SPENT}), "asOf": None}
        assert (first["members"], first["contacts"]) == (1, 2)
        shop.record("ordersUpsert", [order(2)])
        second = stream.next()["segmentSize"]
        assert (second["members"], second["contacts"]) == (0, 2)
        assert [part["members"] for part in second["parts"]] == [0, 2]
        assert second["asOf"] > first["asOf"]
        shop.forget("1")
        assert stream.next()["segmentSize"]["contacts"] == 1
        shop.record("ordersUpsert", [order(2, total="5.00")])
        assert stream.next()["segmentSize"]["members"] == 1


def test_a_change_in_a_part_is_sent(shop: Client) -> None:
    shop.record("contactsUpsert", contacts(1, 2))
    rule = {"any": [EVERYONE, SPENT]}
    with connected(shop) as stream:
        stream.subscribe(LIVE, rule=rule)
        assert [part["members"] for part in stream.next()["segmentSize"]["parts"]] == [2, 2, 0]
        shop.record("ordersUpsert", [order(1)])
        assert [part["members"] for part in stream.next()["segmentSize"]["parts"]] == [2, 2, 1]


def test_an_unchanged_size_is_not_sent(shop: Client, counts: Counter[int]) -> None:
    shop.record("contactsUpsert", contacts(1))
    with connected(shop) as stream:
        stream.subscribe(LIVE, rule=SPENT)
        assert stream.next()["segmentSize"]["members"] == 0
        shop.record("ordersUpsert", [order(1, total="5.00")])
        shop.record("contactsUpsert", contacts(1))
        before = counts[shop.shop_id]
        wait_until(lambda: counts[shop.shop_id] > before + 2)
        check_usable(stream)


def test_a_size_changes_as_time_passes(
    shop: Client, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    _count_often(monkeypatch)
    shop.record("contactsUpsert", contacts(1))
    shop.record("ordersUpsert", [order(1, at=datetime.now(UTC).isoformat())])
    window = {"last": {"count": 2, "unit": "HOURS"}}
    with connected(shop) as stream:
        stream.subscribe(COUNT, rule={"spend": {**SPENT["spend"], "within": window}})
        assert stream.next() == {"segmentSize": {"members": 1, "contacts": 1}}
        clock.by = timedelta(hours=1)
        check_usable(stream)
        clock.by = timedelta(hours=3)
        assert stream.next() == {"segmentSize": {"members": 0, "contacts": 1}}


def test_editing_a_referenced_segment_changes_the_size(
    shop: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    _count_often(monkeypatch)
    shop.record("contactsUpsert", contacts(1))
    segment = create(shop, "Others", EVERYONE)
    rule = {"inSegment": {"operator": "IS", "segment": segment["id"]}}
    with connected(shop) as stream:
        stream.subscribe(COUNT, rule=rule)
        assert stream.next()["segmentSize"]["members"] == 1
        shop.ask(UPDATE, id=segment["id"], input={"rule": SPENT})
        assert stream.next()["segmentSize"]["members"] == 0


def test_a_shop_gets_only_its_own_sizes(server: Server, counts: Counter[int]) -> None:
    ours, theirs = server.shop(), server.shop()
    with connected(ours) as stream, connected(theirs) as other:
        for each in (stream, other):
            each.subscribe(COUNT, rule=EVERYONE)
            assert each.next() == {"segmentSize": {"members": 0, "contacts": 0}}
        ours.record("contactsUpsert", contacts(1, 2))
        assert stream.next() == {"segmentSize": {"members": 2, "contacts": 2}}
        before = counts[theirs.shop_id]
        wait_until(lambda: counts[theirs.shop_id] > before + 2)
        check_usable(other)


def test_new_facts_of_another_shop_do_not_trigger_a_count(
    server: Server, counts: Counter[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    _count_often(monkeypatch, 1_000)
    ours, theirs = server.shop(), server.shop()
    with connected(ours) as stream, connected(theirs) as other:
        for each in (stream, other):
            each.subscribe(COUNT, rule=EVERYONE)
            each.next()
        for number in range(1, 4):
            ours.record("contactsUpsert", contacts(number))
            assert stream.next()["segmentSize"]["members"] == number
        assert (counts[ours.shop_id], counts[theirs.shop_id]) == (4, 1)
        theirs.record("contactsUpsert", contacts(1))
        assert other.next()["segmentSize"]["members"] == 1


@pytest.mark.parametrize("missing", [TokenScope.SEGMENTS_READ, TokenScope.CONTACTS_READ])
def test_a_size_needs_both_scopes(server: Server, missing: TokenScope) -> None:
    client = server.shop(scopes=[scope for scope in TokenScope if scope != missing])
    with connected(client) as stream:
        stream.subscribe(COUNT, rule=EVERYONE)
        error = receive_refusal(stream)
        assert error["extensions"] == {"code": "FORBIDDEN"}
        assert missing in error["message"]
        assert error["path"] == ["segmentSize"]
        check_usable(stream)


def test_the_problems_of_a_rule_have_their_paths(shop: Client) -> None:
    with connected(shop) as stream:
        stream.subscribe(COUNT, rule={"all": [{"any": []}, {"all": [{"any": []}]}]})
        message = stream.receive()
        assert message["payload"]["data"] is None
        assert [error["extensions"] for error in message["payload"]["errors"]] == [
            {"code": "INVALID", "path": ["rule", "all", 0, "any"]},
            {"code": "INVALID", "path": ["rule", "all", 1, "all", 0, "any"]},
        ]
        assert stream.receive() == {"type": "complete", "id": "1"}
        check_usable(stream)


def test_a_revoked_token_gets_no_more_sizes(
    server: Server, services: Services, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "CHECK_INTERVAL", 1_000.0)  # before the client is cut off
    with serving(services, settings) as address:
        shop = replace(server.shop(), address=address)
        leaving = replace(server.client(shop.shop), address=address)
        with connected(leaving) as stream:
            stream.subscribe(COUNT, rule=EVERYONE)
            assert stream.next()["segmentSize"]["members"] == 0
            revoke(server, leaving)
            shop.record("contactsUpsert", contacts(1))
            assert receive_failure(stream)["extensions"] == {"code": "UNAUTHENTICATED"}
            for query in (SHOP, COUNT):
                stream.subscribe(query, rule=EVERYONE)
                assert receive_refusal(stream)["extensions"] == {"code": "UNAUTHENTICATED"}


@pytest.mark.parametrize(
    "code", [ErrorCode.TIMEOUT, ErrorCode.UNAVAILABLE, ErrorCode.CRITERION_FAILED]
)
def test_a_later_error_is_sent_and_ends_the_subscription(
    shop: Client, monkeypatch: pytest.MonkeyPatch, code: ErrorCode
) -> None:
    with connected(shop) as stream:
        stream.subscribe(COUNT, rule=EVERYONE)
        assert stream.next()["segmentSize"]["members"] == 0

        def failing(*_: Any) -> Any:
            raise AppError(code, "Not now.")

        monkeypatch.setattr(ShopEngine, "size", failing)
        shop.record("contactsUpsert", contacts(1))
        error = receive_failure(stream)
        assert (error["message"], error["extensions"]) == ("Not now.", {"code": code})
        monkeypatch.undo()
        stream.subscribe(COUNT, rule=EVERYONE)
        assert stream.next()["segmentSize"]["members"] == 1


def test_an_unexpected_error_is_masked(
    shop: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(*_: Any) -> Any:
        raise LookupError("secret")

    with connected(shop) as stream:
        stream.subscribe(COUNT, rule=EVERYONE)
        stream.next()
        monkeypatch.setattr(ShopEngine, "size", failing)
        shop.record("contactsUpsert", contacts(1))
        error = receive_failure(stream)
        assert error["extensions"]["code"] == "INTERNAL"
        assert error["extensions"]["id"] in error["message"]
        assert "secret" not in str(error)
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert error["extensions"]["id"] in record.message
    caplog.clear()


@pytest.mark.parametrize("leave", WAYS_TO_LEAVE)
def test_subscriptions_end_when_the_client_leaves(
    shop: Client, waiting: SimpleNamespace, leave: Callable[[Stream], None]
) -> None:
    with connected(shop) as stream:
        for id in "123":
            stream.subscribe(COUNT, id, rule=EVERYONE)
        wait_until(lambda: waiting.number == 3)
        leave(stream)
        wait_until(lambda: waiting.number == 0)
    assert shop.size(EVERYONE)["members"] == 0
