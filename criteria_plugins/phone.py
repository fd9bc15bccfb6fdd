"""The phone number."""

import re
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError
from sqlalchemy import ColumnElement, func
from sqlmodel import col

from graphql_app.audience.tables import Contact, Expression
from graphql_app.criteria import (
    Criterion,
    FieldKind,
    FieldType,
    Group,
    OneOrMore,
    Phrase,
    Scope,
    TextOperator,
    form_field,
    hookimpl,
)

WITH_NUMBERS = (TextOperator.ANY_OF, TextOperator.NONE_OF)
WITH_DIGITS = (TextOperator.CONTAINS, TextOperator.NOT_CONTAINS)
NUMBER_PATTERN = r"^[ ()+./-]{0,20}[0-9][ ()+./0-9-]{0,40}$"


def _number(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(NUMBER_PATTERN[1:-1], value):
        raise PydanticCustomError(
            "phone",
            'must be a phone number or a part of one, such as "+1 212 555 0100": digits, with '
            "spaces and + ( ) - . / between them",
        )
    return value


NumberText = Annotated[
    str,
    BeforeValidator(_number),
    FieldType(
        kind=FieldKind.TEXT,
        json_schema={"type": "string", "pattern": NUMBER_PATTERN},
        example="+12125550100",
        pattern=NUMBER_PATTERN,
    ),
]


class Phone(Criterion):
    """A contact's phone number, regardless of spaces and punctuation.

    Only digits are compared. A number is the same with a leading + or 00.
    """

    key = "phone"
    label = "Phone number"
    group = Group.PROFILE

    operator: TextOperator
    numbers: OneOrMore[NumberText] | None = form_field(
        "Phone numbers", used_with=WITH_NUMBERS, placeholder="+1 212 555 0100"
    )
    digits: NumberText | None = form_field("Digits", used_with=WITH_DIGITS, placeholder="555 01")

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        phone = col(Contact.phone)
        digits: Expression = func.replaceRegexpAll(phone, "[^0-9]", "")
        if self.numbers is not None:
            number = func.replaceRegexpOne(digits, "^00([0-9])", "\\1")
            return number.in_([re.sub("^00([0-9])", r"\1", _digits(it)) for it in self.numbers])
        if self.digits is not None:
            return func.position(digits, _digits(self.digits)) > 0
        return phone.is_not(None)

    def describe_phrase(self, scope: Scope) -> Phrase:
        contains = self.digits is not None
        return Phrase(
            does="has a phone number that contains" if contains else "has the phone number",
            does_not=(
                "has no phone number that contains"
                if contains
                else "does not have the phone number"
            ),
            operator="",
            none="has no phone number",
            some="has a phone number",
        )


def _digits(text: str) -> str:
    return re.sub("[^0-9]", "", text)


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [Phone]
