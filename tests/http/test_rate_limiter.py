"""How often a token may ask, and how often an address may be wrong about one."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from graphql_app.catalog import tokens
from graphql_app.http import rate_limiter
from graphql_app.http.rate_limiter import Rate
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings
from tests.support import Client, Server, serving, streaming

SHOP = "{ shop { handle } }"
Serve = Callable[..., Any]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The time of rates, which stands still unless a test moves it."""
    clock = SimpleNamespace(now=1_000.0)
    monkeypatch.setattr(rate_limiter, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.fixture
def serve(services: Services, settings: Settings, clock: SimpleNamespace) -> Serve:
    """A server with some settings of its own."""

    @contextmanager
    def serve(**update: Any) -> Iterator[str]:
        with serving(services, settings.model_copy(update=update)) as address:
            yield address

    return serve


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _wrong() -> str:
    """A token that was never made."""
    return f"seg_{secrets.token_hex(8)}_{secrets.token_urlsafe(32)}"


def _ask(shop: Client, token: str) -> httpx.Response:
    return replace(shop, token=token).post(SHOP)


def _refused(response: httpx.Response, seconds: int) -> str:
    """The words of a refusal that tells when to come again."""
    assert response.status_code == 429
    assert response.headers["retry-after"] == str(seconds)
    [error] = response.json()["errors"]
    assert error["extensions"] == {"code": "RATE_LIMITED", "retryAfter": seconds}
    message: str = error["message"]
    assert f"try again in {seconds} second{'s' if seconds > 1 else ''}." in message
    return message


def test_what_was_not_used_comes_back_steadily(clock: SimpleNamespace) -> None:
    rate = Rate(6)
    assert [rate.take("a") for _ in range(8)] == [0, 0, 0, 0, 0, 0, 10, 10]
    assert (rate.wait("a"), rate.wait("b"), rate.take("b")) == (10, 0, 0)
    clock.now += 25
    assert [rate.take("a") for _ in range(3)] == [0, 0, 5]
    clock.now += 1_000
    assert [rate.take("a") for _ in range(7)] == [0, 0, 0, 0, 0, 0, 10]


def test_a_rate_remembers_only_whom_it_must(clock: SimpleNamespace) -> None:
    rate = Rate(6)
    for number in range(100_000):
        rate.take(str(number))
        clock.now += 1
    assert len(rate._full) <= 2 * rate_limiter.FEW
    assert [Rate(0).take("a") for _ in range(10)] == [0] * 10


def test_a_token_may_ask_so_often_in_a_minute(
    server: Server, serve: Serve, clock: SimpleNamespace
) -> None:
    with serve(rate_limit=5) as address:
        ours = replace(server.shop(), address=address)
        theirs = replace(server.client(ours.shop), address=address)
        assert [ours.post(SHOP).status_code for _ in range(5)] == [200] * 5
        assert "token" in _refused(ours.post(SHOP), 12)
        assert theirs.ask(SHOP) == {"shop": {"handle": ours.shop.handle}}
        clock.now += 12
        assert ours.post(SHOP).status_code == 200
        _refused(ours.post("{"), 12)
        clock.now += 11
        _refused(ours.post(SHOP), 1)


def test_operations_over_websocket_count_as_well(
    server: Server, serve: Serve, clock: SimpleNamespace
) -> None:
    with serve(rate_limit=3) as address:
        shop = replace(server.shop(), address=address)
        with streaming(address) as stream:
            stream.init(shop.token)
            for _ in range(2):
                stream.subscribe(SHOP)
                assert stream.next()
                assert stream.receive()["type"] == "complete"
            stream.subscribe(SHOP)
            message = stream.receive()
            assert (message["type"], message["id"]) == ("error", "1")
            [error] = message["payload"]
            assert error["extensions"] == {"code": "RATE_LIMITED", "retryAfter": 20}
            _refused(shop.post(SHOP), 20)
            with streaming(address) as another:
                another.send("connection_init", payload={"authorization": f"Bearer {shop.token}"})
                code, reason = another.closed()
                assert code == 1013
                assert "20 seconds" in (reason or "")
            clock.now += 20
            stream.subscribe(SHOP)
            assert stream.next()


def test_without_a_limit_there_is_none(server: Server, serve: Serve) -> None:
    with serve(rate_limit=0, failure_limit=0) as address:
        shop = replace(server.shop(), address=address)
        assert {shop.post(SHOP).status_code for _ in range(100)} == {200}
        assert {_ask(shop, _wrong()).status_code for _ in range(100)} == {401}


def test_an_address_that_guesses_tokens_is_not_looked_up_for(
    server: Server, serve: Serve, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: Counter[str] = Counter()
    authenticate = tokens.authenticate

    def counting(catalog: Any, token: str) -> Any:
        asked[token] += 1
        return authenticate(catalog, token)

    monkeypatch.setattr(tokens, "authenticate", counting)
    with serve(failure_limit=3) as address:
        shop = replace(server.shop(), address=address)
        assert shop.post(SHOP).status_code == 200
        assert [_ask(shop, _wrong()).status_code for _ in range(3)] == [401] * 3
        asked.clear()
        assert "from here" in _refused(_ask(shop, _wrong()), 20)
        newcomer = replace(server.client(shop.shop), address=address)
        _refused(newcomer.post(SHOP), 20)
        with streaming(address) as stream:
            stream.send("connection_init", payload={"authorization": f"Bearer {_wrong()}"})
            assert stream.closed()[0] == 1013
        assert not asked
        # Who was let in before is let in still, and what can be no token costs nothing.
        assert shop.post(SHOP).status_code == 200
        assert [_ask(shop, "guess").status_code for _ in range(10)] == [401] * 10
        clock.now += 20
        assert newcomer.post(SHOP).status_code == 200


def test_behind_a_proxy_each_client_has_its_own_failures(server: Server, serve: Serve) -> None:
    with serve(failure_limit=1) as address:
        shop = server.shop()

        def guess(client: str) -> int:
            headers = {**_bearer(_wrong()), "X-Forwarded-For": client}
            answer = shop.http.post(f"{address}/graphql", json={"query": SHOP}, headers=headers)
            return answer.status_code

        clients = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8:0:1::1"]
        assert [guess(client) for client in clients] == [401] * 4
        # Addresses of IPv4 that are written as of IPv6 are not all one.
        assert [guess(f"::ffff:192.0.2.{number}") for number in (3, 4, 4)] == [401, 401, 429]
        # An address of IPv6 is one of many that a client has.
        assert [guess(client) for client in ("192.0.2.1", "2001:db8::ffff:2")] == [429] * 2


def test_a_token_that_was_revoked_counts_among_the_guesses(server: Server, serve: Serve) -> None:
    with serve(failure_limit=2) as address:
        shop = replace(server.shop(), address=address)
        assert shop.post(SHOP).status_code == 200
        tokens.revoke_token(server.services.catalog, shop.token.split("_")[1])
        server.services.tokens._known.clear()
        assert [shop.post(SHOP).status_code for _ in range(3)] == [401, 401, 429]
