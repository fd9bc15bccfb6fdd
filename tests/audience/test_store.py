"""The store's limits: a statement that takes too much is a coded error, never a size."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from graphql_app.audience import facts
from graphql_app.audience.ingest import Recorder
from graphql_app.audience.store import Audience, AudienceUnavailableError
from graphql_app.audience.tables import Contact
from graphql_app.errors import AppError, ErrorCode
from graphql_app.settings import Settings


def _limited(settings: Settings, audience: Audience, **limits: float) -> Audience:
    url = f"clickhousedb:///{audience.database}?interface=chdb&path={settings.data_dir.resolve()}"
    return Audience(f"{url}/audience", **limits)  # type: ignore[arg-type]


@pytest.fixture
def contacts(audience: Audience) -> None:
    """A hundred contacts."""
    rows, bad = facts.check(facts.CONTACTS, {"id": [*range(100)]}, 100)
    assert not bad
    Recorder(audience).contacts(1, rows)


@pytest.mark.usefixtures("contacts")
def test_a_statement_that_takes_too_long_is_ended(settings: Settings, audience: Audience) -> None:
    limited = _limited(settings, audience, timeout=0.3)
    with pytest.raises(AppError) as refused:
        limited.rows(select(func.sleepEachRow(0.02)).select_from(Contact), 1)
    assert refused.value.code is ErrorCode.TIMEOUT
    assert len(limited.rows(select(col(Contact.id)), 1)) == 100
    limited.close()


@pytest.mark.usefixtures("contacts")
def test_a_statement_that_needs_too_much_memory_is_ended(
    settings: Settings, audience: Audience
) -> None:
    limited = _limited(settings, audience, memory=8 * 1024**2)
    greedy = select(func.length(func.groupArray(func.randomString(1_000_000)))).select_from(Contact)
    with pytest.raises(AppError) as refused:
        limited.rows(greedy, 1)
    assert refused.value.code is ErrorCode.LIMIT_EXCEEDED
    assert len(limited.rows(select(col(Contact.id)), 1)) == 100
    limited.close()


def test_a_statement_that_the_engine_does_not_understand_is_an_error(audience: Audience) -> None:
    with pytest.raises(AudienceUnavailableError, match="try again"):
        audience.rows(select(func.noSuchFunction(col(Contact.id))), 1)
