"""The rate limits: operations per token, and invalid tokens per address."""

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
from graphql_app.http.rate_limiter import RateLimiter
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings
from tests.client import connected, streaming
from tests.support import Client, Server, serving

SHOP = "{ shop { handle } }"
Serve = Callable[..., Any]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Replace the rate limiter's clock by one that only a test moves."""
    clock = SimpleNamespace(now=1_000.0)
    monkeypatch.setattr(rate_limiter, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.fixture
def serve(services: Services, settings: Settings, clock: SimpleNamespace) -> Serve:
    @contextmanager
    def serve(**update: Any) -> Iterator[str]:
        with serving(services, settings.model_copy(update=update)) as address:
            yield address

    return serve


def _invalid_token() -> str:
    """Return a well-formed token that does not exist."""
    return f"seg_{secrets.token_hex(8)}_{secrets.token_urlsafe(32)}"


def _post(shop: Client, token: str) -> httpx.Response:
    return replace(shop, token=token).post(SHOP)


def _check_refused(response: httpx.Response, seconds: int) -> str:
    """Check that a response has the rate limit's error, and return its message."""
    assert response.status_code == 429
    assert response.headers["retry-after"] == str(seconds)
    [error] = response.json()["errors"]
    assert error["extensions"] == {"code": "RATE_LIMITED", "retryAfter": seconds}
    message: str = error["message"]
    assert f"try again in {seconds} second{'s' if seconds > 1 else ''}." in message
    return message


def test_the_allowance_refills_continuously(clock: SimpleNamespace) -> None:
    limiter = RateLimiter(6)
    assert [limiter.acquire("a") for _ in range(8)] == [0, 0, 0, 0, 0, 0, 10, 10]
    assert (limiter.wait("a"), limiter.wait("b"), limiter.acquire("b")) == (10, 0, 0)
    clock.now += 25
    assert [limiter.acquire("a") for _ in range(3)] == [0, 0, 5]
    clock.now += 1_000
    assert [limiter.acquire("a") for _ in range(7)] == [0, 0, 0, 0, 0, 0, 10]


def test_keys_with_a_full_allowance_are_forgotten(clock: SimpleNamespace) -> None:
    limiter = RateLimiter(6)
    for number in range(100_000):
        limiter.acquire(str(number))
        clock.now += 1
    assert len(limiter._refilled_at) <= 2 * rate_limiter.MIN_PRUNE_SIZE
    assert [RateLimiter(0).acquire("a") for _ in range(10)] == [0] * 10


def test_a_token_has_a_number_of_operations_per_minute(
    server: Server, serve: Serve, clock: SimpleNamespace
) -> None:
    with serve(rate_limit=5) as address:
        ours = replace(server.shop(), address=address)
        theirs = replace(server.client(ours.shop), address=address)
        assert [ours.post(SHOP).status_code for _ in range(5)] == [200] * 5
        assert "token" in _check_refused(ours.post(SHOP), 12)
        assert theirs.ask(SHOP) == {"shop": {"handle": ours.shop.handle}}
        clock.now += 12
        assert ours.post(SHOP).status_code == 200
        _check_refused(ours.post("{"), 12)
        clock.now += 11
        _check_refused(ours.post(SHOP), 1)


def test_operations_over_websocket_count_too(
    server: Server, serve: Serve, clock: SimpleNamespace
) -> None:
    with serve(rate_limit=3) as address:
        shop = replace(server.shop(), address=address)
        with connected(shop) as stream:
            for _ in range(2):
                stream.subscribe(SHOP)
                assert stream.next()
                assert stream.receive()["type"] == "complete"
            stream.subscribe(SHOP)
            message = stream.receive()
            assert (message["type"], message["id"]) == ("error", "1")
            [error] = message["payload"]
            assert error["extensions"] == {"code": "RATE_LIMITED", "retryAfter": 20}
            _check_refused(shop.post(SHOP), 20)
            with streaming(address) as another:
                another.send_token(shop.token)
                code, reason = another.closed()
                assert code == 1013
                assert "20 seconds" in (reason or "")
            clock.now += 20
            stream.subscribe(SHOP)
            assert stream.next()


def test_zero_means_no_limit(server: Server, serve: Serve) -> None:
    with serve(rate_limit=0, failure_limit=0) as address:
        shop = replace(server.shop(), address=address)
        assert {shop.post(SHOP).status_code for _ in range(100)} == {200}
        assert {_post(shop, _invalid_token()).status_code for _ in range(100)} == {401}


def test_an_address_that_guesses_tokens_gets_no_more_lookups(
    server: Server, serve: Serve, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookups: Counter[str] = Counter()
    authenticate = tokens.authenticate

    def counting(catalog: Any, token: str) -> Any:
        lookups[token] += 1
        return authenticate(catalog, token)

    monkeypatch.setattr(tokens, "authenticate", counting)
    with serve(failure_limit=3) as address:
        shop = replace(server.shop(), address=address)
        assert shop.post(SHOP).status_code == 200
        assert [_post(shop, _invalid_token()).status_code for _ in range(3)] == [401] * 3
        lookups.clear()
        assert "from your address" in _check_refused(_post(shop, _invalid_token()), 20)
        newcomer = replace(server.client(shop.shop), address=address)
        _check_refused(newcomer.post(SHOP), 20)
        with streaming(address) as stream:
            stream.send_token(_invalid_token())
            assert stream.closed()[0] == 1013
        assert not lookups
        # Tokens that were valid before still are, and malformed tokens need no lookup.
        assert shop.post(SHOP).status_code == 200
        assert [_post(shop, "guess").status_code for _ in range(10)] == [401] * 10
        clock.now += 20
        assert newcomer.post(SHOP).status_code == 200


def test_behind_a_proxy_each_client_has_its_own_failures(server: Server, serve: Serve) -> None:
    with serve(failure_limit=1) as address:
        shop = replace(server.shop(), address=address)

        def guess(client: str) -> int:
            guessing = replace(shop, token=_invalid_token())
            headers = {"X-Forwarded-For": client}
            body = {"query": SHOP}
            return guessing.request("POST", "/graphql", headers, json=body).status_code

        clients = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8:0:1::1"]
        assert [guess(client) for client in clients] == [401] * 4
        # IPv4 addresses written as IPv6 are different addresses, although they share a /64.
        assert [guess(f"::ffff:192.0.2.{number}") for number in (3, 4, 4)] == [401, 401, 429]
        # IPv6 addresses of one /64 are the same client.
        assert [guess(client) for client in ("192.0.2.1", "2001:db8::ffff:2")] == [429] * 2


def test_a_revoked_token_counts_as_a_guess(server: Server, serve: Serve) -> None:
    with serve(failure_limit=2) as address:
        shop = replace(server.shop(), address=address)
        assert shop.post(SHOP).status_code == 200
        tokens.revoke_token(server.services.catalog, shop.token.split("_")[1])
        server.services.tokens._cached.clear()
        assert [shop.post(SHOP).status_code for _ in range(3)] == [401, 401, 429]
