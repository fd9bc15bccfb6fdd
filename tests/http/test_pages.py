"""The web pages: their paths, their headers, and who gets the demo token.

This module is long because it requests the token in every way that must fail.
"""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from starlette.applications import Starlette

from graphql_app.http.pages import BUILDER, page_routes
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings
from tests.client import HTTP
from tests.support import Server, serving

TOKEN = "seg_of_the_demo"
PAGES = {"/builder/": "index.html", "/graphiql": "graphiql.html"}
OTHER_HOST = re.compile(
    r"""
      (?: src | href | srcset | action | poster ) \s* = \s* ["']? \s* (?: https? : )? //
    | (?: url | import | importScripts | Worker | WebSocket | EventSource | fetch )
      \( \s* ["'`]? \s* (?: (?: https? | wss? ) : )? //
    | @import \b
    | \b (?: import | from ) \s* ["'`] \s* (?: https? : )? //
    """,
    re.VERBOSE,
)


@dataclass
class Response:
    status: int
    headers: Mapping[str, str]
    body: bytes


def get(address: str, path: str, **headers: str) -> Response:
    """Request a path as it is: httpx would normalize it."""
    with closing(HTTPConnection(urlsplit(address).netloc, timeout=60)) as connection:
        connection.putrequest("GET", path, skip_host="Host" in headers, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        raw = connection.getresponse()
        response_headers = {name.lower(): value for name, value in raw.getheaders()}
        return Response(raw.status, response_headers, raw.read())


def content_security_policy(response: Response) -> dict[str, list[str]]:
    directives = response.headers["content-security-policy"].split(";")
    return {name: sources for name, *sources in map(str.split, directives)}


def links_in(path: str) -> list[str]:
    """Return the paths of everything that a page's HTML loads or shows."""
    html = (BUILDER / PAGES[path]).read_text()
    return [urljoin(path, link) for link in re.findall(r'(?:src|href)="([^"]*)"', html)]


@pytest.fixture
def address(server: Server) -> str:
    return server.address


@pytest.fixture(scope="module")
def demo(services: Services, settings: Settings) -> Iterator[str]:
    with serving(services, settings, TOKEN) as address:
        yield address


def test_the_root_redirects_to_the_builder(address: str) -> None:
    response = get(address, "/")
    assert (response.status, response.headers["location"]) == (307, "/builder/")


@pytest.mark.parametrize(
    ("without", "with_"), [("/builder", "/builder/"), ("/graphiql/", "/graphiql")]
)
def test_a_wrong_trailing_slash_is_redirected(address: str, without: str, with_: str) -> None:
    response = get(address, without)
    assert response.status == 307
    assert urljoin(address, response.headers["location"]) == address + with_


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/", "/builder/"),
        ("/builder", "/builder/"),
        ("/builder?next=//evil.example", "/builder/?next=//evil.example"),
        ("/graphiql/", "/graphiql"),
        ("/graphql/", "/graphql"),
        ("/graphql/?query=%7Ba%7D", "/graphql?query=%7Ba%7D"),
        ("/health/", "/health"),
        ("/ready/", "/ready"),
        ("/segments/x/members.csv/", "/segments/x/members.csv"),
        ("/segments/%2F%2Fevil.example/members.csv/", None),
        ("//evil.example/builder", None),
        ("/builder/assets", None),
    ],
)
@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "evil.example/x", "[::1]"])
def test_a_redirect_stays_on_the_server_whatever_the_host_header(
    address: str, path: str, target: str | None, host: str
) -> None:
    response = get(address, path, Host=host, X_Forwarded_Host=host)
    assert response.headers.get("location") == target
    assert (response.status == 307) == (target is not None)


@pytest.mark.parametrize("path", ["/builder/new", "/builder/segments/x", "/builder/no/such/page"])
def test_paths_below_the_builder_return_its_page(address: str, path: str) -> None:
    response = get(address, path)
    assert response.status == 200
    assert response.body == (BUILDER / "index.html").read_bytes()
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    [
        "/builder/assets/index-0000.js",
        "/builder/assets/index",
        "/builder/nothing.svg",
        "/graphiql/x",
        "/graphiql.html",
    ],
)
def test_a_missing_file_is_not_found(address: str, path: str) -> None:
    response = get(address, path)
    assert response.status == 404
    assert "immutable" not in response.headers.get("cache-control", "")


@pytest.mark.parametrize(
    "path",
    [
        "/builder/../pages.py",
        "/builder/../../pyproject.toml",
        "/builder/assets/../../pages.py",
        "/builder/assets/../../py.typed",
        "/builder/%2e%2e/pages.py",
        "/builder/..%2fpages.py",
        "/builder/..%5cpages.py",
        "/builder/assets/..%2f..%2fpages.py",
        f"/builder/{Path(__file__).resolve()}",
        "/builder/%00.js",
        f"/builder/{'a' * 300}.js",
    ],
)
def test_nothing_outside_the_bundle_is_served(address: str, path: str) -> None:
    assert get(address, path).status == 404


def test_a_path_outside_the_bundle_without_a_suffix_returns_the_page(address: str) -> None:
    for path in ("/builder/../../LICENSE", "/builder//etc/passwd", "/builder/%00"):
        assert get(address, path).body == (BUILDER / "index.html").read_bytes()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_served_with_its_headers(address: str, path: str) -> None:
    response = get(address, path)
    assert response.status == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.body == (BUILDER / PAGES[path]).read_bytes()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_may_only_contact_its_own_server(address: str, path: str) -> None:
    directives = content_security_policy(get(address, path))
    data_images = ["data:"] if path == "/graphiql" else []  # in GraphiQL's style sheet
    assert directives == {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", *data_images],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
    }


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_a_title_an_icon_and_no_inline_code(path: str) -> None:
    html = (BUILDER / PAGES[path]).read_text()
    assert re.search(r"<title>\w.*</title>", html)
    assert re.search(r'<link rel="icon"', html)
    assert "<style" not in html
    assert not re.search(r"\son\w+=|\sstyle=|javascript:", html)
    assert re.findall(r"<script[^>]*>(.*?)</script>", html) == [""]


@pytest.mark.parametrize("path", PAGES)
def test_every_file_in_a_page_is_served(address: str, path: str) -> None:
    links = links_in(path)
    assert len(links) >= 3
    for link in links:
        response = get(address, link)
        assert response.status == 200, link
        media_type = {".js": "javascript", ".css": "text/css", ".svg": "svg"}[Path(link).suffix]
        assert media_type in response.headers["content-type"]


def test_assets_are_cached_forever_and_pages_are_revalidated(address: str) -> None:
    scripts = [link for link in links_in("/builder/") if link.startswith("/builder/assets/")]
    assert scripts
    for link in scripts:
        cached = get(address, link).headers["cache-control"]
        assert cached == "public, max-age=31536000, immutable"
        assert re.search(r"-[\w-]{8}\.\w+$", link)  # a hash of the content
    for link in ("/builder/icon.svg", "/builder/index.html", "/builder/licenses.md"):
        assert get(address, link).headers["cache-control"] == "no-cache"


def test_an_unchanged_page_is_not_sent_again(address: str) -> None:
    etag = get(address, "/builder/").headers["etag"]
    again = get(address, "/builder/", If_None_Match=etag)
    assert (again.status, again.body) == (304, b"")
    assert again.headers["cache-control"] == "no-cache"


def test_scripts_are_compressed_if_the_client_accepts_it(address: str) -> None:
    [script, *_] = [link for link in links_in("/graphiql") if link.endswith(".js")]
    plain = get(address, script)
    assert "content-encoding" not in plain.headers
    compressed = get(address, script, Accept_Encoding="gzip")
    assert compressed.headers["content-encoding"] == "gzip"
    assert compressed.headers["vary"] == "Accept-Encoding"
    assert len(compressed.body) < len(plain.body) / 2
    for refusal in ("gzip;q=0", "br, gzip; q=0.0, *", "identity"):
        refused = get(address, script, Accept_Encoding=refusal)
        assert "content-encoding" not in refused.headers
        assert refused.headers["vary"] == "Accept-Encoding"
        assert refused.body == plain.body
    assert HTTP.get(f"{address}{script}").content == plain.body


def test_no_file_in_the_bundle_loads_from_another_host() -> None:
    files = [path for path in BUILDER.rglob("*") if path.suffix in (".html", ".css", ".js", ".svg")]
    assert files
    for path in files:
        found = [match.group() for match in OTHER_HOST.finditer(path.read_text())]
        assert found == [], path.name


def test_the_bundle_stays_small(address: str) -> None:
    sizes = {path: path.stat().st_size for path in BUILDER.rglob("*") if path.is_file()}
    assert sum(sizes.values()) < 2_500_000
    scripts = {link for link in links_in("/builder/") if link.endswith(".js")}
    remaining = [*scripts]
    while remaining:
        text = HTTP.get(address + remaining.pop()).text
        imports = re.findall(r'["`]\./([\w.-]+\.js)', text)
        found = {f"/builder/assets/{name}" for name in imports}
        remaining += found - scripts
        scripts |= found
    assert any("BuilderPage" in link for link in scripts)
    compressed_sizes = [len(get(address, link, Accept_Encoding="gzip").body) for link in scripts]
    assert 100_000 < sum(compressed_sizes) < 200_000


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8000", "localhost:8000", "LocalHost", "[::1]:8000"]
)
def test_a_browser_on_this_machine_gets_the_demo_token(demo: str, host: str) -> None:
    response = get(demo, "/builder/config.json", Host=host)
    assert json.loads(response.body) == {"token": TOKEN, "graphiql": True}
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "host",
    [
        "shop.example",
        "shop.example:8000",
        "localhost.shop.example",
        "127.0.0.1.shop.example",
        "127.0.0.1@shop.example",
        "shop.example:99999",
        "shop.example#localhost",
        "localhost.",
        "0.0.0.0:8000",
        "192.168.1.2:8000",
        "[::1",
        "a b",
        "",
    ],
)
def test_a_page_under_another_host_name_gets_no_demo_token(demo: str, host: str) -> None:
    response = get(demo, "/builder/config.json", Host=host)
    assert TOKEN.encode() not in response.body
    assert json.loads(response.body) == {"token": None, "graphiql": True}


@pytest.mark.parametrize(
    ("client", "token"),
    [("127.0.0.1", TOKEN), ("::1", TOKEN), ("192.0.2.7", None), ("unknown", None)],
)
def test_another_machine_gets_no_demo_token(client: str, token: str | None) -> None:
    async def request() -> httpx.Response:
        app = Starlette(routes=page_routes(TOKEN))
        transport = httpx.ASGITransport(app, client=(client, 50_000))
        async with httpx.AsyncClient(transport=transport) as http:
            return await http.get("http://localhost:8000/builder/config.json")

    assert asyncio.run(request()).json() == {"token": token, "graphiql": True}


def test_no_page_contains_the_demo_token(demo: str) -> None:
    for path in ("/", *PAGES):
        response = get(demo, path)
        assert TOKEN.encode() not in response.body
        assert TOKEN not in str(response.headers)


def test_a_server_without_a_demo_has_no_token(address: str) -> None:
    response = get(address, "/builder/config.json")
    assert json.loads(response.body) == {"token": None, "graphiql": True}
    assert response.headers["cache-control"] == "no-store"
