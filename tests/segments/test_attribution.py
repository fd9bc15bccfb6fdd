"""The search for the criterion that made a statement fail."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import ColumnElement
from sqlmodel import col

from graphql_app.audience.cancellation import (
    Cancellation,
    WorkCancelledError,
    current_cancellation,
)
from graphql_app.audience.store import Audience
from graphql_app.audience.tables import Contact
from graphql_app.criteria import Criterion, Scope, StateOperator
from graphql_app.errors import AppError, ErrorCode
from graphql_app.segments.attribution import attributed_answer
from graphql_app.segments.fact_reader import FactReader


class CancelsWork(Criterion):
    """Cancels the work that it is evaluated for, as a client does that disconnects just then."""

    key = "testCancels"
    label = "Cancels"

    operator: StateOperator

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        cancellation = current_cancellation.get()
        assert cancellation is not None
        cancellation.cancel()
        return col(Contact.textable).is_(True)


def test_no_criterion_is_blamed_for_work_that_is_cancelled_during_the_search(
    audience: Audience, caplog: pytest.LogCaptureFixture
) -> None:
    criterion = CancelsWork(operator=StateOperator.IS)
    reader = FactReader(audience, 1, Scope(ZoneInfo("UTC"), "USD", datetime.now(UTC)))
    token = current_cancellation.set(Cancellation())
    try:
        with pytest.raises(WorkCancelledError), attributed_answer(reader, [criterion], "size"):
            raise AppError(ErrorCode.UNAVAILABLE, "The statement failed.")
    finally:
        current_cancellation.reset(token)
    assert caplog.text == ""
