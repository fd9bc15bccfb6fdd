"""The pages over HTTP: what is served where, and with which headers."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from starlette.applications import Starlette

from graphql_app.http.pages import BUILDER, pages
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings
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
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def get(address: str, path: str, **headers: str) -> Answer:
    """Ask for a path as it stands, which a client that mends addresses would not."""
    connection = HTTPConnection(urlsplit(address).netloc, timeout=60)
    try:
        connection.putrequest("GET", path, skip_host="Host" in headers, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        response = connection.getresponse()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, named, response.read())
    finally:
        connection.close()


def policy(answer: Answer) -> dict[str, list[str]]:
    """The directives of the Content-Security-Policy."""
    written = answer.headers["content-security-policy"].split(";")
    return {name: sources for name, *sources in (directive.split() for directive in written)}


def named_by(path: str) -> list[str]:
    """The addresses of everything that a page's HTML loads or shows."""
    html = (BUILDER / PAGES[path]).read_text()
    return [urljoin(path, link) for link in re.findall(r'(?:src|href)="([^"]*)"', html)]


@pytest.fixture
def address(server: Server) -> str:
    """The address of a server of no demo."""
    return server.address


@pytest.fixture(scope="module")
def demo(services: Services, settings: Settings) -> Iterator[str]:
    """The address of a server with a demo shop."""
    with serving(services, settings, TOKEN) as address:
        yield address


def test_the_root_leads_to_the_builder(address: str) -> None:
    answer = get(address, "/")
    assert (answer.status, answer.headers["location"]) == (307, "/builder/")


@pytest.mark.parametrize(
    ("without", "with_"), [("/builder", "/builder/"), ("/graphiql/", "/graphiql")]
)
def test_a_slash_at_the_end_is_mended(address: str, without: str, with_: str) -> None:
    answer = get(address, without)
    assert answer.status == 307
    assert urljoin(address, answer.headers["location"]) == address + with_


@pytest.mark.parametrize("path", ["/builder/new", "/builder/segments/x", "/builder/no/such/page"])
def test_addresses_within_the_builder_are_its_page(address: str, path: str) -> None:
    answer = get(address, path)
    assert answer.status == 200
    assert answer.body == (BUILDER / "index.html").read_bytes()
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-security-policy"]


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
def test_a_file_that_is_not_there_is_not_found(address: str, path: str) -> None:
    answer = get(address, path)
    assert answer.status == 404
    assert "immutable" not in answer.headers.get("cache-control", "")


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
def test_nothing_outside_of_the_bundle_is_served(address: str, path: str) -> None:
    assert get(address, path).status == 404


def test_a_path_that_leads_outside_and_could_be_of_a_page_is_the_page(address: str) -> None:
    for path in ("/builder/../../LICENSE", "/builder//etc/passwd", "/builder/%00"):
        assert get(address, path).body == (BUILDER / "index.html").read_bytes()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_served_with_its_headers(address: str, path: str) -> None:
    answer = get(address, path)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.body == (BUILDER / PAGES[path]).read_bytes()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_and_asks_its_own_server_only(address: str, path: str) -> None:
    directives = policy(get(address, path))
    # GraphiQL's style sheet has pictures written out in it.
    pictures = ["data:"] if path == "/graphiql" else []
    assert directives == {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", *pictures],
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
def test_every_file_that_a_page_names_is_served(address: str, path: str) -> None:
    links = named_by(path)
    assert len(links) >= 3
    for link in links:
        answer = get(address, link)
        assert answer.status == 200, link
        kind = {".js": "javascript", ".css": "text/css", ".svg": "svg"}[Path(link).suffix]
        assert kind in answer.headers["content-type"]


def test_assets_may_be_kept_for_good_but_not_what_names_them(address: str) -> None:
    scripts = [link for link in named_by("/builder/") if link.startswith("/builder/assets/")]
    assert scripts
    for link in scripts:
        cached = get(address, link).headers["cache-control"]
        assert cached == "public, max-age=31536000, immutable"
        # A name that changes with what is in the file.
        assert re.search(r"-[\w-]{8}\.\w+$", link)
    for link in ("/builder/icon.svg", "/builder/index.html", "/builder/licenses.md"):
        assert get(address, link).headers["cache-control"] == "no-cache"


def test_a_page_that_is_unchanged_is_not_sent_again(address: str) -> None:
    known = get(address, "/builder/").headers["etag"]
    again = get(address, "/builder/", If_None_Match=known)
    assert (again.status, again.body) == (304, b"")
    assert again.headers["cache-control"] == "no-cache"


def test_scripts_are_compressed_for_those_who_can_read_it(address: str) -> None:
    [script, *_] = [link for link in named_by("/graphiql") if link.endswith(".js")]
    plain = get(address, script)
    assert "content-encoding" not in plain.headers
    packed = get(address, script, Accept_Encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == "Accept-Encoding"
    assert len(packed.body) < len(plain.body) / 2
    assert httpx.get(f"{address}{script}").content == plain.body


def test_no_file_of_the_bundle_loads_from_another_host() -> None:
    files = [path for path in BUILDER.rglob("*") if path.suffix in (".html", ".css", ".js", ".svg")]
    assert files
    for path in files:
        found = [match.group() for match in OTHER_HOST.finditer(path.read_text())]
        assert found == [], path.name


def test_the_bundle_is_of_a_reasonable_size(address: str) -> None:
    sizes = {path: path.stat().st_size for path in BUILDER.rglob("*") if path.is_file()}
    assert sum(sizes.values()) < 2_500_000
    scripts = {link for link in named_by("/builder/") if link.endswith(".js")}
    left = [*scripts]
    while left:  # those that come later, too
        text = httpx.get(address + left.pop()).text
        more = {f"/builder/assets/{name}" for name in re.findall(r'["`]\./([\w.-]+\.js)', text)}
        left += more - scripts
        scripts |= more
    assert any("BuilderPage" in link for link in scripts)
    packed = [len(get(address, link, Accept_Encoding="gzip").body) for link in scripts]
    assert 100_000 < sum(packed) < 200_000


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8000", "localhost:8000", "LocalHost", "[::1]:8000"]
)
def test_a_browser_on_this_machine_gets_the_demo_token(demo: str, host: str) -> None:
    answer = get(demo, "/builder/config.json", Host=host)
    assert json.loads(answer.body) == {"token": TOKEN, "graphiql": True}
    assert answer.headers["cache-control"] == "no-store"


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
def test_a_page_by_another_name_does_not_get_the_demo_token(demo: str, host: str) -> None:
    answer = get(demo, "/builder/config.json", Host=host)
    assert TOKEN.encode() not in answer.body
    assert json.loads(answer.body) == {"token": None, "graphiql": True}


@pytest.mark.parametrize(
    ("client", "token"),
    [("127.0.0.1", TOKEN), ("::1", TOKEN), ("192.0.2.7", None), ("unknown", None)],
)
def test_another_machine_does_not_get_the_demo_token_by_our_name(
    client: str, token: str | None
) -> None:
    async def ask() -> httpx.Response:
        app = Starlette(routes=pages(TOKEN))
        transport = httpx.ASGITransport(app, client=(client, 50_000))
        async with httpx.AsyncClient(transport=transport) as asking:
            return await asking.get("http://localhost:8000/builder/config.json")

    assert asyncio.run(ask()).json() == {"token": token, "graphiql": True}


def test_no_page_has_the_demo_token_in_it(demo: str) -> None:
    for path in ("/", *PAGES):
        answer = get(demo, path)
        assert TOKEN.encode() not in answer.body
        assert TOKEN not in str(answer.headers)


def test_without_a_demo_there_is_no_token(address: str) -> None:
    answer = get(address, "/builder/config.json")
    assert json.loads(answer.body) == {"token": None, "graphiql": True}
    assert answer.headers["cache-control"] == "no-store"
