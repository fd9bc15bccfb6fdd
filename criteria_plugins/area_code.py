"""The area code of the phone number."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError
from sqlalchemy import ColumnElement, case, func, or_, select
from sqlmodel import col

from graphql_app.audience.tables import Contact, Statement
from graphql_app.criteria import (
    ChoiceOperator,
    Criterion,
    FieldKind,
    FieldType,
    Group,
    OneOrMore,
    Phrase,
    Scope,
    form_field,
    hookimpl,
)

WITH_CODES = (ChoiceOperator.ANY_OF, ChoiceOperator.NONE_OF)
CODE_PATTERN = r"^([2-9][0-9]{2}|\+[1-9][0-9]{0,2})$"
# Country calling codes by ITU-T E.164: no code begins with another.
CALLING_CODE = r"^\+(7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|[2-9][0-9]{2})"


def _code(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(CODE_PATTERN[1:-1], value):
        raise PydanticCustomError(
            "area_code",
            'must be a North American area code such as "212", or a country calling code such as '
            '"+44"',
        )
    return value


AreaCodeText = Annotated[
    str,
    BeforeValidator(_code),
    FieldType(
        kind=FieldKind.TEXT,
        json_schema={"type": "string", "pattern": CODE_PATTERN},
        example="212",
        pattern=CODE_PATTERN,
    ),
]


def _area() -> ColumnElement[str]:
    """Return SQL for a North American area code, or + and another country's code, or NULL."""
    phone = col(Contact.phone_e164)
    return case(
        (func.startsWith(phone, "+1"), func.substring(phone, 3, 3)),
        else_=func.concat("+", func.regexpExtract(phone, CALLING_CODE, 1)),
    )


class AreaCode(Criterion):
    """The area code of a contact's phone number, if the number is valid.

    A North American number has its area code, such as 212. Any other number has its country
    calling code, such as +44. The code +1 stands for all of North America.
    """

    key = "areaCode"
    label = "Area code"
    group = Group.PROFILE

    operator: ChoiceOperator
    codes: OneOrMore[AreaCodeText] | None = form_field(
        "Area codes", used_with=WITH_CODES, placeholder="212", suggests=True
    )

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        phone = col(Contact.phone_e164)
        if self.codes is None:
            return phone.is_not(None)
        matching = _area().in_(self.codes)
        return or_(matching, func.startsWith(phone, "+1")) if "+1" in self.codes else matching

    @classmethod
    def suggest(cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]) -> Statement:
        area = (
            select(_area().label("area"))
            .where(col(Contact.phone_e164).is_not(None))
            .subquery()
            .c.area
        )
        return (
            select(area, area)
            .where(func.position(area, search) > 0)
            .group_by(area)
            .order_by(func.count().desc(), area)
        )

    def describe_phrase(self, scope: Scope) -> Phrase:
        return Phrase(
            does="has a phone number in the area code",
            does_not="has no phone number in the area code",
            none="has no phone number with an area code",
            some="has a phone number with an area code",
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [AreaCode]
