"""The format of log records, and what is never logged."""

import json
import logging
import sys

import pytest

from graphql_app.observability.logs import create_formatter
from graphql_app.observability.request_context import safe_request_id
from graphql_app.settings import Settings

SECRET = "pass word/of:the@url"
LOGGER = "graphql_app.test"
PHONE, EMAIL = "+12125550111", "ada@example.com"
FORGED = "harmless\n2026-01-01 ERROR forged\r\x1b[2Kgone\u2028more"


@pytest.fixture(params=["text", "json"])
def log_format(request: pytest.FixtureRequest) -> str:
    value: str = request.param
    return value


def _settings(log_format: str, level: str = "info") -> Settings:
    url = f"postgresql+psycopg://app:{SECRET}@db/segments"
    formatting = {"log_format": log_format, "log_level": level}
    secrets = {"catalog_url": url, "metrics_token": "mt-123"}
    return Settings.model_validate({**formatting, **secrets})


def _format(settings: Settings, message: str, *values: object, error: bool = False) -> str:
    exc_info = sys.exc_info() if error else None
    record = logging.LogRecord(LOGGER, logging.WARNING, __file__, 1, message, values, exc_info)
    record.request = "abc"
    return create_formatter(settings).format(record)


def test_a_record_is_one_line_whatever_it_contains(log_format: str) -> None:
    line = _format(_settings(log_format), "sent: %s", FORGED)
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line
    assert "forged" in line
    assert "abc" in line


def test_a_json_record_has_named_fields() -> None:
    fields = json.loads(_format(_settings("json"), "sent: %s", FORGED))
    assert fields.keys() == {"time", "level", "logger", "request", "message"}
    assert fields["message"] == f"sent: {FORGED}"
    assert (fields["level"], fields["logger"], fields["request"]) == ("WARNING", LOGGER, "abc")


def _raise() -> None:
    try:
        raise ValueError(f"no phone: {PHONE}\n{FORGED}")
    except ValueError as error:
        raise RuntimeError(f"{EMAIL} with {SECRET}") from error


@pytest.mark.parametrize("level", ["info", "debug"])
def test_an_exception_is_logged_without_its_message(log_format: str, level: str) -> None:
    try:
        _raise()
    except RuntimeError:
        text = _format(_settings(log_format, level), "unexpected", error=True)
    assert "RuntimeError" in text
    assert "ValueError" in text
    assert "test_logs.py" in text
    for value in (PHONE, EMAIL):
        assert (value in text) == (level == "debug")
    assert SECRET not in text
    first, *others = text.splitlines()
    assert "unexpected" in first
    assert all(line.startswith("    | ") for line in others)


@pytest.mark.parametrize(
    "secret", [SECRET, "mt-123", "pass%20word%2Fof%3Athe%40url", "pass+word%2Fof%3Athe%40url"]
)
def test_secrets_are_redacted_in_every_spelling(log_format: str, secret: str) -> None:
    line = _format(_settings(log_format), "cannot connect to %s", f"app:{secret}@db")
    assert secret not in line
    assert "app:***@db" in line


def test_a_secret_with_quotes_is_redacted(log_format: str) -> None:
    secret = "qu\"ote\\and'more"
    settings = Settings.model_validate(
        {"log_format": log_format, "audience_url": f"clickhousedb://app:{secret}@db/segments"}
    )
    for value in (secret, repr(secret), [secret]):
        line = _format(settings, "cannot connect: %s", value)
        assert "ote" not in line
        assert "***" in line


@pytest.mark.parametrize(
    ("sent", "accepted"),
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
    ],
)
def test_a_sent_request_id_is_used_if_it_is_safe(sent: str, accepted: bool) -> None:
    id = safe_request_id(sent)
    assert (id == sent) == accepted
    assert 1 <= len(id) <= 64
    assert id.isascii()
