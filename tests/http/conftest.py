"""Fixtures for the tests of the HTTP layer."""

from collections.abc import Iterator

import pytest


@pytest.fixture
def no_logged_errors(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail if the server logs an unexpected error."""
    yield
    records = caplog.get_records("call")
    assert [record.message for record in records if record.levelname == "ERROR"] == []
