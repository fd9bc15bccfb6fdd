"""The headers of every answer, and what pages of other sites may do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from pydantic import ValidationError

from graphql_app.catalog.store import Catalog
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings
from tests.support import Client, Server, serving

SHOP = "{ shop { handle } }"
FRIEND, STRANGER = "https://shop.example", "https://elsewhere.example"
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}


@pytest.fixture(scope="module")
def open_address(services: Services, settings: Settings) -> Iterator[str]:
    """A server that two other sites may ask."""
    origins = {"cors_origins": f"{FRIEND}, http://localhost:5173"}
    with serving(services, settings.model_copy(update={**origins, "rate_limit": 3})) as address:
        yield address


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/graphql", 200),
        ("GET", "/graphql?query={", 200),
        ("GET", "/graphql", 400),
        ("PUT", "/graphql", 405),
        ("GET", "/graphql/nothing", 404),
        ("GET", "/nothing", 404),
        ("POST", "/health", 405),
        ("GET", "/health", 200),
        ("GET", "/", 307),
        ("GET", "/builder/", 200),
        ("GET", "/builder/no.js", 404),
        ("GET", "/builder/config.json", 200),
        ("GET", "/graphiql", 200),
    ],
)
def test_every_answer_forbids_what_is_not_needed(
    shop: Client, method: str, path: str, status: int
) -> None:
    for token in (shop.token, None):
        answer = shop.http.request(
            method,
            f"{shop.address}{path}",
            json={"query": SHOP} if method == "POST" else None,
            headers={"Authorization": f"Bearer {token}"} if token else {},
        )
        guarded = path.startswith("/graphql") and path != "/graphql/nothing"
        assert answer.status_code == (status if token or not guarded else 401)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        page = path in {"/builder/", "/graphiql"}
        assert answer.headers["cache-control"] == ("no-cache" if page else "no-store")
        assert "access-control-allow-origin" not in answer.headers


def test_what_nobody_foresaw_has_them_too(
    services: Services, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_: Catalog) -> None:
        raise LookupError("secret")

    monkeypatch.setattr(Catalog, "ping", failing)
    with serving(services, settings) as address:
        answer = httpx.get(f"{address}/health")
    assert answer.status_code == 500
    assert answer.json()["errors"][0]["extensions"] == {"code": "INTERNAL"}
    assert "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("sent", ["", "abc-1", "\xff", "x" * 1_000])
def test_every_answer_has_an_id_whatever_was_sent_as_one(shop: Client, sent: str) -> None:
    headers = {b"X-Request-Id": sent.encode("latin-1")}
    answer = shop.http.get(f"{shop.address}/health", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["x-request-id"]


def _from(origin: str, shop: Client, **headers: str) -> httpx.Response:
    """The answer to a page of some site."""
    return shop.http.post(
        f"{shop.address}/graphql",
        json={"query": SHOP},
        headers={"Authorization": f"Bearer {shop.token}", "Origin": origin, **headers},
    )


def _preflight(origin: str, address: str, http: httpx.Client) -> httpx.Response:
    return http.options(f"{address}/graphql", headers={"Origin": origin, **PREFLIGHT})


def test_no_other_site_may_read_an_answer(shop: Client) -> None:
    for answer in (_from(FRIEND, shop), _preflight(FRIEND, shop.address, shop.http)):
        assert not [name for name in answer.headers if name.startswith("access-control")]
    assert _preflight(FRIEND, shop.address, shop.http).status_code >= 400


def test_the_sites_that_are_named_may(server: Server, open_address: str) -> None:
    shop = replace(server.shop(), address=open_address)
    asked = _preflight(FRIEND, open_address, shop.http)
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == FRIEND
    assert "POST" in asked.headers["access-control-allow-methods"]
    allowed = asked.headers["access-control-allow-headers"].lower()
    assert {"authorization", "content-type"} <= {name.strip() for name in allowed.split(",")}
    assert "access-control-allow-credentials" not in asked.headers
    answers = [_from(FRIEND, shop) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == FRIEND
        exposed = answer.headers["access-control-expose-headers"].lower()
        assert {"retry-after", "x-request-id"} <= {name.strip() for name in exposed.split(",")}
        assert answer.headers["vary"].lower() == "origin"


def test_a_site_that_is_not_named_may_not(server: Server, open_address: str) -> None:
    shop = replace(server.shop(), address=open_address)
    for origin in (STRANGER, f"{FRIEND}.evil.example", "http://shop.example", "null"):
        asked = _preflight(origin, open_address, shop.http)
        assert asked.status_code == 400
        assert "access-control-allow-origin" not in asked.headers
    assert "access-control-allow-origin" not in _from(STRANGER, shop).headers


def test_a_site_that_is_named_may_export(server: Server, open_address: str) -> None:
    shop = server.shop()
    segment = shop.ask("{ segments(first: 1) { nodes { id } } }")["segments"]["nodes"][0]["id"]
    url = f"{open_address}/segments/{segment}/members.csv"
    for origin, allowed in ((FRIEND, FRIEND), (STRANGER, None)):
        wanted = {"Origin": origin, **PREFLIGHT, "Access-Control-Request-Method": "GET"}
        asked = shop.http.options(url, headers=wanted)
        assert asked.headers.get("access-control-allow-origin") == allowed
        headers = {"Authorization": f"Bearer {shop.token}", "Origin": origin}
        answer = shop.http.get(url, headers=headers)
        assert answer.status_code == 200
        assert answer.headers.get("access-control-allow-origin") == allowed


@pytest.mark.parametrize("path", ["/builder/config.json", "/builder/", "/health", "/graphiql"])
def test_nothing_else_is_open_to_them(shop: Client, open_address: str, path: str) -> None:
    answer = shop.http.get(f"{open_address}{path}", headers={"Origin": FRIEND})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "origins", ["shop.example", "https://shop.example/", "https://a.example,nothing", "https://"]
)
def test_what_is_no_origin_is_refused_at_the_start(origins: str) -> None:
    with pytest.raises(ValidationError, match="is no origin"):
        Settings(cors_origins=origins, _env_file=None)


def test_origins_may_be_all_or_several() -> None:
    assert Settings(cors_origins=" * ", _env_file=None).origins == ["*"]
    several = "https://a.example:8443, http://[::1]:3000,"
    assert Settings(cors_origins=several, _env_file=None).origins == [
        "https://a.example:8443",
        "http://[::1]:3000",
    ]
