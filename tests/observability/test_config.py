"""``segments config check``, and that no command shows a secret."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from graphql_app.audience.journal import Journal
from graphql_app.audience.store import Audience
from graphql_app.audience.table_setup import create_tables, has_table
from graphql_app.redaction import shown
from graphql_app.settings import Settings
from tests.e2e import process
from tests.e2e.packages import PLUGINS, install

SECRET = "geheim/wort"
URL_SECRET = "geheim%2Fwort"
NOWHERE = "127.0.0.1:1/db"
CATALOG = f"postgresql+psycopg://app:{URL_SECRET}@{NOWHERE}"
CATALOG_BY_QUERY = f"postgresql+psycopg://app@{NOWHERE}?password={URL_SECRET}"
AUDIENCE = f"clickhousedb://app:{URL_SECRET}@{NOWHERE}"


def _files(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


def _lines(output: str, beginning: str) -> list[str]:
    return [line for line in output.splitlines() if line.startswith(beginning)]


def test_all_that_is_wrong_with_settings_is_told_at_once(tmp_path: Path) -> None:
    output = process.segments(
        tmp_path,
        "config",
        "check",
        status=1,
        PORT="http",
        LOG_LEVEL="loud",
        QUERY_TIMEOUT="-1",
        LOGLEVEL="info",
    )
    told = {line.split(": ")[1] for line in _lines(output, "Wrong: ")}
    assert told == {"PORT", "LOG_LEVEL", "QUERY_TIMEOUT"}
    assert "LOGLEVEL; do you mean LOG_LEVEL?" in output


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("AUDIENCE_URL", f"http://app:{SECRET}@h", "write it as clickhousedb://"),
        ("CATALOG_URL", f"mysql://app:{SECRET}@h/d", "postgresql+psycopg://user:password@host"),
        ("CATALOG_URL", SECRET, "write it as sqlite:////directory"),
        ("AUDIENCE_CLUSTER", "shops", "AUDIENCE_CLUSTER needs AUDIENCE_URL"),
    ],
)
def test_stores_that_there_are_not_are_told_with_how_to_name_one(
    tmp_path: Path, setting: str, value: str, told: str
) -> None:
    for command in (["config", "check"], ["serve"]):
        output = process.segments(
            tmp_path, *command, status=1, program=None, **{"PORT": "0", setting: value}
        )
        assert told in output
        assert f"{setting}: " in output or setting in told
        assert SECRET not in output


def test_an_empty_file_in_place_of_the_catalog_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite3").touch()
    output = process.segments(tmp_path, "config", "check", PORT="0")
    assert "the catalog: will be made at the first start" in output


def test_what_would_start_is_right_and_is_left_as_it_is(tmp_path: Path) -> None:
    output = process.segments(tmp_path / "new", "config", "check", PORT="0", METRICS_TOKEN=SECRET)
    assert _lines(output, "Wrong: ") == []
    for name in Settings.model_fields:
        assert f" {name.upper()} " in output
    assert SECRET not in output
    assert not (tmp_path / "new").exists()
    process.segments(tmp_path / "data", "shop", "create", "acme")
    before = _files(tmp_path / "data")
    output = process.segments(tmp_path / "data", "config", "check", PORT="0")
    assert "the catalog: answers, and has the schema of this version" in output
    assert _files(tmp_path / "data") == before


def test_all_that_keeps_a_server_from_starting_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        output = process.segments(
            tmp_path / "data",
            "config",
            "check",
            status=1,
            PORT=str(taken.getsockname()[1]),
            WORKERS="2",
            CATALOG_URL=f"sqlite:///{tmp_path}/none.sqlite3",
            TRUSTED_DOCUMENTS=str(tmp_path / "file"),
        )
    told = "\n".join(_lines(output, "Wrong: "))
    for word in ("segments migrate", "Cannot listen on", "WORKERS=2", "is no JSON"):
        assert word in told
    assert not (tmp_path / "none.sqlite3").exists()


def test_a_store_that_a_server_has_open_is_told(tmp_path: Path) -> None:
    with process.server(tmp_path) as running:
        port = running.address.rpartition(":")[2]
        output = process.segments(tmp_path, "config", "check", status=1, PORT=port)
    told = "\n".join(_lines(output, "Wrong: "))
    assert "Another process has the audience" in told
    assert "address already in use" in told.lower()


def test_what_keeps_a_server_from_an_audience_is_told_and_nothing_is_made(tmp_path: Path) -> None:
    def told(url: str, cluster: str = "", status: int = 1) -> str:
        output = process.segments(
            tmp_path / "data",
            *("config", "check"),
            status=status,
            PORT="0",
            AUDIENCE_URL=url,
            AUDIENCE_CLUSTER=cluster,
        )
        return "\n".join(_lines(output, "Wrong: "))

    with process.clickhouse(tmp_path / "clickhouse") as url:
        assert told(url, status=0) == ""
        assert "the server knows no cluster named nowhere" in told(url, cluster="nowhere")
        audience = Audience(url)
        assert not has_table(audience, "contacts")
        create_tables(audience)
        Journal(audience).begin_restore("monday")
        assert "a restore did not finish" in told(url)
        audience.command("DROP TABLE events")
        audience.command("CREATE TABLE events ENGINE = Memory AS SELECT 1 AS one")
        assert "The audience already has the table events with the key" in told(url)
        audience.close()


def test_a_plugin_that_a_strict_server_refuses_is_told(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    distribution = install(site, PLUGINS / "broken" / "bad_sql.py")
    for strict, status, expected in (
        ("true", 1, f"Wrong: plugin 'bad_sql' of {distribution} 1.0 has a criterion, 'bornUnder'"),
        ("false", 0, f"the plugins: left out: {distribution} 1.0 (bad_sql)"),
    ):
        output = process.segments(
            tmp_path / "data",
            *("config", "check"),
            status=status,
            PORT="0",
            PYTHONPATH=str(site),
            STRICT_PLUGINS=strict,
        )
        assert expected in output


@pytest.mark.parametrize(("metrics", "token"), [("true", ""), ("false", SECRET)])
@pytest.mark.parametrize("command", ["serve", "config check"])
def test_metrics_of_several_workers_are_refused_with_what_to_do(
    tmp_path: Path, command: str, metrics: str, token: str
) -> None:
    output = process.segments(
        tmp_path,
        *command.split(),
        status=1,
        PORT="0",
        AUDIENCE_URL="clickhousedb://127.0.0.1:9/none",
        WORKERS="2",
        METRICS=metrics,
        METRICS_TOKEN=token,
    )
    assert "each worker counts for itself" in output
    assert "scrape every one" in output


@pytest.mark.parametrize(
    ("command", "catalog", "audience"),
    [
        ("config check", CATALOG, AUDIENCE),
        ("serve", CATALOG, ""),
        ("serve", "", AUDIENCE),
        ("shop list", CATALOG_BY_QUERY, ""),
        ("migrate", CATALOG.replace(":1/", ":x/"), ""),
    ],
)
def test_no_command_shows_a_password(
    tmp_path: Path, command: str, catalog: str, audience: str
) -> None:
    output = process.segments(
        tmp_path,
        *command.split(),
        status=1,
        PORT="0",
        LOG_LEVEL="debug",
        CATALOG_URL=catalog,
        AUDIENCE_URL=audience,
    )
    assert SECRET not in output
    assert URL_SECRET not in output
    assert "cannot be" in output


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (CATALOG, f"postgresql+psycopg://app:***@{NOWHERE}"),
        (CATALOG_BY_QUERY, f"postgresql+psycopg://app@{NOWHERE}?password=***"),
        ("postgresql://app:x@db/x?sslmode=require", "postgresql://app:***@db/x?sslmode=require"),
        ("postgresql://app:p@ss:w/rd@db/x", "postgresql://app:***@db/x"),
        ("clickhousedb://?interface=chdb&path=/data", "clickhousedb://?interface=chdb&path=/data"),
        ("sqlite:////data/catalog.sqlite3", "sqlite:////data/catalog.sqlite3"),
        ("", ""),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, expected: str) -> None:
    assert shown(url) == expected


def test_settings_do_not_tell_their_secrets() -> None:
    settings = Settings.model_validate(
        {"catalog_url": CATALOG, "audience_url": AUDIENCE, "metrics_token": SECRET}
    )
    text = f"{settings} {settings!r}"
    assert SECRET not in text
    assert URL_SECRET not in text
