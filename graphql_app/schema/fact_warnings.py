"""Warnings about facts that were recorded, although they are probably wrong."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc
import strawberry
from strawberry.utils.str_converters import to_camel_case

from graphql_app.audience.derived_columns import find_unusable_phones
from graphql_app.audience.store import Audience
from graphql_app.audience.tables import time_columns
from graphql_app.schema.descriptions import described_enum

MAX_WARNINGS = 100


class _WarningCode(StrEnum):
    IN_THE_FUTURE = "IN_THE_FUTURE"
    UNUSABLE_PHONE = "UNUSABLE_PHONE"


WarningCode = described_enum(
    _WarningCode,
    {
        _WarningCode.IN_THE_FUTURE: "A time is in the future; the fact counts from then on.",
        _WarningCode.UNUSABLE_PHONE: "A phone number is not valid; the contact cannot be texted.",
    },
    name="WarningCode",
    description="The kind of warning.",
)


@strawberry.type(description="Something unusual about a fact that was recorded.")
class FactWarning:
    code: _WarningCode = strawberry.field(description="The kind of warning.")
    message: str = strawberry.field(description="The warning.")
    path: list[str] = strawberry.field(
        description="Path of the input from the argument down; list items by number."
    )

    @classmethod
    def of(cls, code: _WarningCode, message: str, *path: str | int) -> Self:
        return cls(code=code, message=message, path=[*map(str, path)])


def warn_of_future(
    audience: Audience, name: str, argument: str, rows: pa.Table, now: datetime
) -> Sequence[FactWarning]:
    """Return a warning for each time in checked facts that has not come yet."""
    [table] = [table for table in audience.tables if table.__tablename__ == name]
    found: list[FactWarning] = []
    for column in time_columns(table):
        field = to_camel_case(column)
        later = pc.fill_null(pc.greater(rows[column], pa.scalar(now, rows[column].type)), False)
        for row in pc.indices_nonzero(later).to_pylist()[:MAX_WARNINGS]:
            message = f"{field} is in the future: {rows[column][row].as_py():%Y-%m-%dT%H:%M:%SZ}."
            found.append(FactWarning.of(_WarningCode.IN_THE_FUTURE, message, argument, row, field))
    return found[:MAX_WARNINGS]


def warn_of_unusable_phones(
    argument: str, contacts: pa.Table, shop_country: str | None
) -> Sequence[FactWarning]:
    """Return a warning for each phone number of recorded contacts who cannot be texted."""
    return [
        FactWarning.of(_WarningCode.UNUSABLE_PHONE, f"phone {message}.", argument, row, "phone")
        for row, message in islice(find_unusable_phones(contacts, shop_country), MAX_WARNINGS)
    ]
