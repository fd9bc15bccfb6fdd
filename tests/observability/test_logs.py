"""The log: its form, and what never gets into it."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from graphql_app.observability.logs import formatter
from graphql_app.observability.request_context import request_id
from graphql_app.settings import Settings

SECRET = "pass word/of:the@url"
PHONE, EMAIL = "+15550001111", "ada@example.com"
FORGED = "harmless\n2026-01-01 ERROR forged\r\x1b[2Kgone\u2028more"


@pytest.fixture(params=["text", "json"])
def form(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def _settings(form: str, level: str = "info") -> Settings:
    url = f"postgresql+psycopg://app:{SECRET}@db/segments"
    return Settings.model_validate(
        {"log_format": form, "log_level": level, "catalog_url": url, "metrics_token": "mt-123"}
    )


def _written(settings: Settings, message: str, *values: object, error: bool = False) -> str:
    record = logging.LogRecord(
        "graphql_app.test",
        logging.WARNING,
        __file__,
        1,
        message,
        values,
        sys.exc_info() if error else None,
    )
    record.request = "abc"
    return formatter(settings).format(record)


def test_a_record_is_one_line_whatever_is_in_it(form: str) -> None:
    line = _written(_settings(form), "sent: %s", FORGED)
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line
    assert "forged" in line
    assert "abc" in line


def test_a_record_of_json_has_its_parts_by_name() -> None:
    found = json.loads(_written(_settings("json"), "sent: %s", FORGED))
    assert found.keys() == {"time", "level", "logger", "request", "message"}
    assert found["message"] == f"sent: {FORGED}"
    assert (found["level"], found["logger"], found["request"]) == (
        "WARNING",
        "graphql_app.test",
        "abc",
    )


def _raise() -> None:
    try:
        raise ValueError(f"no phone: {PHONE}\n{FORGED}")
    except ValueError as error:
        raise RuntimeError(f"{EMAIL} with {SECRET}") from error


@pytest.mark.parametrize("level", ["info", "debug"])
def test_an_exception_has_its_types_and_places_but_no_words(form: str, level: str) -> None:
    try:
        _raise()
    except RuntimeError:
        text = _written(_settings(form, level), "unexpected", error=True)
    assert "RuntimeError" in text
    assert "ValueError" in text
    assert "test_logs.py" in text
    for word in (PHONE, EMAIL):
        assert (word in text) == (level == "debug")
    assert SECRET not in text
    first, *others = text.splitlines()
    assert "unexpected" in first
    assert all(line.startswith("    | ") for line in others)


@pytest.mark.parametrize(
    "secret", [SECRET, "mt-123", "pass%20word%2Fof%3Athe%40url", "pass+word%2Fof%3Athe%40url"]
)
def test_secrets_are_hidden_in_every_way_of_writing_them(form: str, secret: str) -> None:
    line = _written(_settings(form), "cannot connect to %s", f"app:{secret}@db")
    assert secret not in line
    assert "app:***@db" in line


def test_a_secret_with_quotes_is_hidden_too(form: str) -> None:
    secret = "qu\"ote\\and'more"
    settings = Settings.model_validate(
        {"log_format": form, "audience_url": f"clickhousedb://app:{secret}@db/segments"}
    )
    for shown in (secret, repr(secret), [secret]):
        line = _written(settings, "cannot connect: %s", shown)
        assert "ote" not in line
        assert "***" in line


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ("0af7651916cd43dd8448eb211c80319c", True),
        ("a.b_c-D", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("", False),
        ("a b", False),
        ("a\nb", False),
        ("a\n", False),
        ("ä", False),
        (None, False),
    ],
)
def test_an_id_that_is_sent_is_taken_if_it_is_harmless(sent: str | None, taken: bool) -> None:
    found = request_id(sent)
    assert (found == sent) == taken
    assert 1 <= len(found) <= 64
    assert found.isascii()
