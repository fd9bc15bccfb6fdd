"""The phone number."""

import re
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError
from sqlalchemy import ColumnElement, func, or_
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
    """A contact's phone number, however it is written.

    Valid numbers are the same if they have the same E.164 form. A number without a country code is
    read as a number of the contact's country or, if the contact has none, of the shop's; in a rule,
    always of the shop's. Numbers that are not valid are compared by their digits.
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
        if self.numbers is not None:
            valid = {number: scope.phone_number(number) for number in self.numbers}
            # Contacts whose number is not valid are compared by its digits, as are numbers of the
            # rule that are not valid.
            same = _sql_number(func.coalesce(col(Contact.phone_e164), phone)).in_(
                [_number_of(e164 or number) for number, e164 in valid.items()]
            )
            others = [_number_of(number) for number, e164 in valid.items() if e164 is None]
            return or_(same, _sql_number(phone).in_(others)) if others else same
        if self.digits is not None:
            return func.position(_sql_digits(phone), _digits(self.digits)) > 0
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


def _number_of(text: str) -> str:
    """Return the digits of a number without the 00 that may begin it."""
    return re.sub("^00([0-9])", r"\1", _digits(text))


def _sql_digits(text: Expression) -> ColumnElement[str]:
    return func.replaceRegexpAll(text, "[^0-9]", "")


def _sql_number(text: Expression) -> ColumnElement[str]:
    """Return SQL for what ``_number_of`` returns."""
    return func.replaceRegexpOne(_sql_digits(text), "^00([0-9])", "\\1")


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [Phone]
