"""A ClickHouse server that is down, slow or behind a faulty proxy."""

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from graphql_app.audience import change_feed, facts
from graphql_app.audience import store as audience_store
from graphql_app.audience.clickhouse_errors import AudienceUnavailableError
from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.audience.tables import Contact
from graphql_app.audience.write_lock import LocalWriteLocks
from graphql_app.errors import AppError, ErrorCode
from tests.clickhouse_server import ClickHouseServer, serving_clickhouse
from tests.conftest import opened_tables
from tests.fact_tables import checked
from tests.proxy import BAD_GATEWAY, SIGN_IN, Proxy, proxying

IDS = select(col(Contact.id)).order_by(col(Contact.id))
SECRET = "8b1c-secret"
EMAIL = "ada@example.com"
NOW = datetime(2026, 1, 1, tzinfo=UTC)

Ask = Callable[[Audience], list[int]]


def _rows(audience: Audience, shop_id: int = 1) -> list[int]:
    return [row[0] for row in audience.fetch_rows(IDS, shop_id)]


def _table(audience: Audience) -> list[int]:
    ids: list[int] = audience.fetch_table(IDS, 1)["id"].to_pylist()
    return ids


ways = pytest.mark.parametrize("ask", [_rows, _table])


def _record(audience: Audience, ids: range) -> None:
    values = {"id": [*ids], "email": [EMAIL] * len(ids)}
    Recorder(audience).record(1, facts.CONTACTS, checked(facts.CONTACTS, values))


@pytest.fixture
def proxy(clickhouse: ClickHouseServer) -> Iterator[Proxy]:
    with proxying(clickhouse.port) as made:
        yield made


@pytest.fixture(scope="module")
def audience(open_database: Callable[[str], AbstractContextManager[str]]) -> Iterator[Audience]:
    """Record 5,000 contacts of a shop, which no test changes."""
    with open_database("http") as url, opened_tables("http", url) as opened:
        _record(opened, range(5000))
        yield opened


@pytest.fixture
def remote(audience: Audience, proxy: Proxy) -> Iterator[Audience]:
    """Open the audience behind the proxy."""
    opened = Audience(f"clickhousedb://127.0.0.1:{proxy.port}/{audience.database}", connections=1)
    yield opened
    opened.close()


@ways
def test_refused_connections_are_unavailable_until_they_are_accepted(
    remote: Audience, proxy: Proxy, ask: Ask
) -> None:
    proxy.refuse()
    with pytest.raises(AudienceUnavailableError, match="try again"):
        ask(remote)
    with pytest.raises(AudienceUnavailableError):
        remote.ping()
    proxy.accept()
    assert ask(remote) == [*range(5000)]


@ways
def test_a_lost_idle_connection_is_replaced(remote: Audience, proxy: Proxy, ask: Ask) -> None:
    assert len(ask(remote)) == 5000
    proxy.drop()
    assert len(ask(remote)) == 5000


@ways
@pytest.mark.parametrize("reset", [True, False])
def test_an_incomplete_answer_is_an_error(
    remote: Audience, proxy: Proxy, ask: Ask, reset: bool
) -> None:
    assert len(ask(remote)) == 5000
    whole = 41_000
    proxy.reset = reset
    for proxy.cut in [0, 1, 12, 40, 200, *range(400, whole, 2_900)]:
        proxy.drop()
        found = None
        with suppress(AppError):
            found = ask(remote)
        assert found in (None, [*range(5000)]), proxy.cut
        assert found is None or proxy.cut > 1_000
    proxy.cut = None
    assert len(ask(remote)) == 5000


@ways
@pytest.mark.parametrize("answer", [BAD_GATEWAY, SIGN_IN])
def test_a_proxys_page_is_an_error_whatever_its_status(
    remote: Audience, proxy: Proxy, ask: Ask, answer: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(ask(remote)) == 5000
    proxy.answer = answer
    with pytest.raises(AudienceUnavailableError, match="try again"):
        ask(remote)
    assert "<" not in caplog.text.replace(" < ", "")
    if answer is BAD_GATEWAY:
        assert "HTTP status 502" in caplog.text
    proxy.answer = None
    assert len(ask(remote)) == 5000


@ways
def test_a_server_that_does_not_answer_is_a_timeout(
    remote: Audience, proxy: Proxy, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(ask(remote)) == 5000
    monkeypatch.setattr(audience_store, "GRACE", 0.2)
    remote.timeout = 0.2
    proxy.silent = True
    with pytest.raises(AppError, match="did not answer in time") as refused:
        ask(remote)
    assert refused.value.code is ErrorCode.TIMEOUT
    proxy.silent = False
    remote.timeout = 30
    assert len(ask(remote)) == 5000


def test_catching_up_times_out(
    remote: Audience, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(remote, shared_locks=LocalWriteLocks())
    recorder.recover()
    monkeypatch.setattr(change_feed, "POLL_TIMEOUT", 0.1)
    monkeypatch.setattr(audience_store, "GRACE", 0.1)
    proxy.silent = True
    with pytest.raises(AppError, match="did not answer in time"):
        recorder.catch_up()
    proxy.silent = False
    recorder.catch_up()


@pytest.mark.parametrize(("shop_id", "shared"), [(2, None), (3, LocalWriteLocks())])
def test_a_write_that_times_out_releases_the_write_lock(
    remote: Audience,
    proxy: Proxy,
    audience: Audience,
    shop_id: int,
    shared: LocalWriteLocks | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorder = Recorder(remote, shared_locks=shared)
    recorder.recover()
    rows = checked(facts.CONTACTS, {"id": [5000, 5001]})
    texts = checked(facts.TEXTS, {"id": [1], "contact_id": [1], "sent_at": [NOW]})
    monkeypatch.setattr(audience_store, "UNFILTERED_TIMEOUT", 0.1)
    monkeypatch.setattr(audience_store, "GRACE", 0.1)
    proxy.silent = True
    for fact, table in ((facts.CONTACTS, rows), (facts.TEXTS, texts)):
        with pytest.raises(AppError, match="did not answer in time") as refused:
            recorder.record(shop_id, fact, table)
        assert refused.value.code is ErrorCode.TIMEOUT
    proxy.silent = False
    monkeypatch.undo()
    recorder.record(shop_id, facts.CONTACTS, rows)
    assert _rows(audience, shop_id) == [5000, 5001]


def test_a_batch_is_recorded_once_after_a_lost_answer(
    remote: Audience, proxy: Proxy, audience: Audience
) -> None:
    recorder = Recorder(remote)
    rows = checked(facts.CONTACTS, {"id": [5000, 5001]})
    proxy.cut = 0
    with pytest.raises(AppError):
        recorder.record(4, facts.CONTACTS, rows)
    proxy.cut = None
    recorder.record(4, facts.CONTACTS, rows)
    assert _rows(audience, 4) == [5000, 5001]


def test_a_filter_of_many_contacts(remote: Audience) -> None:
    wanted = [*range(0, 100_000, 5)]
    found = remote.fetch_rows(IDS, 1, wanted)
    assert [row[0] for row in found] == [*range(0, 5000, 5)]
    assert remote.fetch_table(IDS, 1, wanted)["id"].to_pylist() == [*range(0, 5000, 5)]


def test_the_log_has_no_personal_data_and_no_secrets(
    remote: Audience, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    failing: Any = select(func.throwIf(col(Contact.email) == EMAIL, SECRET))
    with pytest.raises(AudienceUnavailableError):
        remote.fetch_rows(failing, 1)
    assert "Code: 395" in caplog.text
    proxy.cut = 0
    with pytest.raises(AudienceUnavailableError):
        remote.fetch_rows(select(func.count()).where(col(Contact.email) == EMAIL), 1)
    assert SECRET not in caplog.text
    assert EMAIL not in caplog.text


def test_an_unreachable_server_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    message = rf"at 127.0.0.1:{port} \(AUDIENCE_URL\): no ClickHouse server"
    with pytest.raises(AudienceUnavailableError, match=message) as refused:
        Audience(f"clickhousedb://someone:{SECRET}@127.0.0.1:{port}/db")
    assert SECRET not in str(refused.value)


def test_a_wrong_password_and_a_missing_database_are_reported(clickhouse: ClickHouseServer) -> None:
    with serving_clickhouse(clickhouse.path, access={"app": SECRET}) as guarded:
        with pytest.raises(AudienceUnavailableError, match="rejects the user or the password"):
            Audience(guarded.url(login="app:wrong"))
        with pytest.raises(AudienceUnavailableError, match="no such database"):
            Audience(guarded.url("nowhere", login=f"app:{SECRET}"))
        opened = Audience(guarded.url(login=f"app:{SECRET}"))
        opened.ping()
        opened.close()


def test_a_killed_statement_fails(remote: Audience) -> None:
    ended = threading.Event()

    def slowly() -> None:
        with pytest.raises(AppError):
            remote.fetch_rows(select(func.sleepEachRow(0.01)).select_from(Contact), 1)
        ended.set()

    reader = threading.Thread(target=slowly)
    reader.start()
    while not ended.wait(0.05):
        remote.command("KILL QUERY WHERE query LIKE '%sleepEachRow%contacts%' ASYNC")
    reader.join()
