"""The security headers, and CORS."""

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from pydantic import ValidationError

from graphql_app.catalog.store import Catalog
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings
from tests.client import HTTP, authorization
from tests.support import Client, Server, serving

SHOP = "{ shop { handle } }"
LISTED, OTHER = "https://shop.example", "https://elsewhere.example"
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}


@pytest.fixture(scope="module")
def cors_address(services: Services, settings: Settings) -> Iterator[str]:
    changes = {"cors_origins": f"{LISTED}, http://localhost:5173", "rate_limit": 3}
    with serving(services, settings.model_copy(update=changes)) as address:
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
def test_every_response_has_the_security_headers(
    shop: Client, method: str, path: str, status: int
) -> None:
    for token in (shop.token, None):
        response = shop.http.request(
            method,
            f"{shop.address}{path}",
            json={"query": SHOP} if method == "POST" else None,
            headers=authorization(token) if token else {},
        )
        needs_token = path.startswith("/graphql") and path != "/graphql/nothing"
        assert response.status_code == (status if token or not needs_token else 401)
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["x-frame-options"] == "DENY"
        assert response.headers["referrer-policy"] == "no-referrer"
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        is_page = path in {"/builder/", "/graphiql"}
        assert response.headers["cache-control"] == ("no-cache" if is_page else "no-store")
        assert "access-control-allow-origin" not in response.headers


def test_an_unexpected_error_has_the_security_headers(
    services: Services, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_: Catalog) -> None:
        raise LookupError("secret")

    monkeypatch.setattr(Catalog, "ping", failing)
    with serving(services, settings) as address:
        response = HTTP.get(f"{address}/health")
    assert response.status_code == 500
    assert response.json()["errors"][0]["extensions"] == {"code": "INTERNAL"}
    assert "secret" not in response.text
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("sent", ["", "abc-1", "\xff", "x" * 1_000])
def test_every_response_has_a_request_id(shop: Client, sent: str) -> None:
    headers = {b"X-Request-Id": sent.encode("latin-1")}
    response = shop.http.get(f"{shop.address}/health", headers=headers)
    assert response.status_code == 200
    assert response.headers["x-request-id"]


def _post_from(origin: str, shop: Client, **headers: str) -> httpx.Response:
    return shop.request("POST", "/graphql", {"Origin": origin, **headers}, json={"query": SHOP})


def _preflight(origin: str, address: str, http: httpx.Client) -> httpx.Response:
    return http.options(f"{address}/graphql", headers={"Origin": origin, **PREFLIGHT})


def test_no_other_site_may_read_a_response(shop: Client) -> None:
    for response in (_post_from(LISTED, shop), _preflight(LISTED, shop.address, shop.http)):
        assert not [name for name in response.headers if name.startswith("access-control")]
    assert _preflight(LISTED, shop.address, shop.http).status_code >= 400


def test_a_listed_origin_may_call_the_api(server: Server, cors_address: str) -> None:
    shop = replace(server.shop(), address=cors_address)
    preflight = _preflight(LISTED, cors_address, shop.http)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == LISTED
    assert "POST" in preflight.headers["access-control-allow-methods"]
    allowed = preflight.headers["access-control-allow-headers"].lower()
    assert {"authorization", "content-type"} <= {name.strip() for name in allowed.split(",")}
    assert "access-control-allow-credentials" not in preflight.headers
    responses = [_post_from(LISTED, shop) for _ in range(4)]
    assert [response.status_code for response in responses] == [200, 200, 200, 429]
    for response in responses:
        assert response.headers["access-control-allow-origin"] == LISTED
        exposed = response.headers["access-control-expose-headers"].lower()
        assert {"retry-after", "x-request-id"} <= {name.strip() for name in exposed.split(",")}
        assert response.headers["vary"].lower() == "origin"


def test_other_origins_may_not_call_the_api(server: Server, cors_address: str) -> None:
    shop = replace(server.shop(), address=cors_address)
    for origin in (OTHER, f"{LISTED}.evil.example", "http://shop.example", "null"):
        preflight = _preflight(origin, cors_address, shop.http)
        assert preflight.status_code == 400
        assert "access-control-allow-origin" not in preflight.headers
    assert "access-control-allow-origin" not in _post_from(OTHER, shop).headers


def test_a_listed_origin_may_export(server: Server, cors_address: str) -> None:
    shop = server.shop()
    segment = shop.ask("{ segments(first: 1) { nodes { id } } }")["segments"]["nodes"][0]["id"]
    url = f"{cors_address}/segments/{segment}/members.csv"
    for origin, allowed in ((LISTED, LISTED), (OTHER, None)):
        preflight_headers = {"Origin": origin, **PREFLIGHT, "Access-Control-Request-Method": "GET"}
        preflight = shop.http.options(url, headers=preflight_headers)
        assert preflight.headers.get("access-control-allow-origin") == allowed
        headers = {**authorization(shop.token), "Origin": origin}
        response = shop.http.get(url, headers=headers)
        assert response.status_code == 200
        assert response.headers.get("access-control-allow-origin") == allowed


@pytest.mark.parametrize("path", ["/builder/config.json", "/builder/", "/health", "/graphiql"])
def test_other_paths_have_no_cors(shop: Client, cors_address: str, path: str) -> None:
    response = shop.http.get(f"{cors_address}{path}", headers={"Origin": LISTED})
    assert response.status_code == 200
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize(
    "origins", ["shop.example", "https://shop.example/", "https://a.example,nothing", "https://"]
)
def test_an_invalid_origin_is_refused_at_startup(origins: str) -> None:
    with pytest.raises(ValidationError, match="is not an origin"):
        Settings(cors_origins=origins, _env_file=None)


def test_cors_origins_is_a_list_or_a_wildcard() -> None:
    assert Settings(cors_origins=" * ", _env_file=None).origins == ["*"]
    several = "https://a.example:8443, http://[::1]:3000,"
    expected = ["https://a.example:8443", "http://[::1]:3000"]
    assert Settings(cors_origins=several, _env_file=None).origins == expected
