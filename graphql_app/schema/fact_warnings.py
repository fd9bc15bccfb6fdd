"""Warnings about facts that were recorded, although they are probably wrong."""

from typing import Self

import strawberry
from strawberry.utils.str_converters import to_camel_case

from graphql_app.runtime.fact_recording import RecordingWarning, WarningCode
from graphql_app.schema.descriptions import described_enum

described_enum(
    WarningCode,
    {
        WarningCode.IN_THE_FUTURE: "A time is in the future; the fact counts from then on.",
        WarningCode.UNUSABLE_PHONE: "A phone number is not valid; the contact cannot be texted.",
    },
    description="The kind of warning.",
)


@strawberry.type(description="Something unusual about a fact that was recorded.")
class FactWarning:
    code: WarningCode = strawberry.field(description="The kind of warning.")
    message: str = strawberry.field(description="The warning.")
    path: list[str] = strawberry.field(
        description="Path of the input from the argument down; list items by number."
    )

    @classmethod
    def of(cls, argument: str, warning: RecordingWarning) -> Self:
        field = to_camel_case(warning.column)
        return cls(
            code=warning.code,
            message=f"{field} {warning.message}.",
            path=[argument, str(warning.row), field],
        )
