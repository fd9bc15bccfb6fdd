"""Outages are logged when they begin and when they end, with the number of failed requests."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from graphql_app.errors import AppError, ErrorCode
from graphql_app.observability import outages
from graphql_app.observability.metrics import Metrics
from graphql_app.observability.outages import StoreHealth, count_failed_request
from graphql_app.observability.request_context import CURRENT_REQUEST, RequestContext

REFUSED, RESET = "connection refused", "connection reset"


@pytest.fixture
def health() -> StoreHealth:
    return StoreHealth("the store")


@pytest.fixture(autouse=True)
def _no_quiet_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "QUIET_SECONDS", 0)


@contextmanager
def _request(id: str = "one") -> Iterator[None]:
    token = CURRENT_REQUEST.set(RequestContext(id, Metrics()))
    try:
        yield
    finally:
        CURRENT_REQUEST.reset(token)


def _messages(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == level]


def test_an_outage_is_logged_once_when_it_begins_and_once_when_it_ends(
    health: StoreHealth, caplog: pytest.LogCaptureFixture
) -> None:
    health.answered()
    for number in range(1_000):
        with _request():
            health.failed(OSError(), RESET if number == 999 else REFUSED)
    assert health.is_failing()
    health.answered()
    health.answered()
    assert not health.is_failing()
    assert _messages(caplog, logging.ERROR) == [f"the store failed: {REFUSED}"]
    (end,) = _messages(caplog, logging.WARNING)
    assert end.startswith("the store works again: 1000 requests failed within ")
    assert end.endswith(f" s, the last with: {RESET}")


def test_a_request_counts_once_and_work_without_a_request_does_not(
    health: StoreHealth, caplog: pytest.LogCaptureFixture
) -> None:
    health.failed(OSError(), REFUSED)
    for _ in range(2):  # two requests with the same id
        with _request():
            health.failed(OSError(), REFUSED)
            health.failed(OSError(), REFUSED)
    health.answered()
    (end,) = _messages(caplog, logging.WARNING)
    assert "2 requests failed" in end


def test_a_store_that_fails_now_and_then_has_one_outage(
    health: StoreHealth, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outages, "QUIET_SECONDS", 60)
    for _ in range(10):
        health.failed(OSError(), REFUSED)
        health.answered()
    assert len(_messages(caplog, logging.ERROR)) == 1
    assert _messages(caplog, logging.WARNING) == []


def test_each_kind_of_failure_and_each_store_has_outages_of_its_own(
    health: StoreHealth, caplog: pytest.LogCaptureFixture
) -> None:
    other = StoreHealth("the other store")
    health.failed(OSError(), "Code: 47", kind="47")
    assert not health.is_failing()
    health.failed(OSError(), REFUSED)
    other.failed(OSError(), REFUSED)
    health.answered()
    assert other.is_failing()
    assert _messages(caplog, logging.ERROR) == [
        "the store failed: Code: 47",
        f"the store failed: {REFUSED}",
        f"the other store failed: {REFUSED}",
    ]
    assert len(_messages(caplog, logging.WARNING)) == 2


def test_debug_logs_every_failure(health: StoreHealth, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    health.failed(OSError(), REFUSED)
    health.failed(OSError(), RESET)
    assert _messages(caplog, logging.DEBUG) == [f"the store failed: {RESET}"]


def test_requests_that_waited_for_the_same_work_count(
    health: StoreHealth, caplog: pytest.LogCaptureFixture
) -> None:
    def work() -> None:
        try:
            raise OSError
        except OSError as error:
            health.failed(error, REFUSED)
            raise AppError(ErrorCode.UNAVAILABLE, "The store failed.") from error

    with _request():
        with pytest.raises(AppError) as failed:
            work()
        count_failed_request(failed.value)  # it has been counted
    for _ in range(3):
        with _request():
            count_failed_request(failed.value)
            count_failed_request(ValueError("another error"))
    health.answered()
    (end,) = _messages(caplog, logging.WARNING)
    assert "4 requests failed" in end
