"""Faults of a criterion's suggestions."""

from sqlalchemy import ColumnElement, func
from sqlmodel import col

from graphql_app.audience.tables import Event, Expression
from graphql_app.criteria import Criterion
from tests.testing.criteria import Named, Suggests, one_fault_test


class NoSuggest(Named):
    """Declares suggestions but returns none."""


class SuggestsInvalid(Suggests):
    """Suggests texts that are too long."""

    @classmethod
    def offered(cls, search: str) -> Expression:
        long: ColumnElement[str] = func.concat(col(Event.name), func.repeat("-", 300))
        return long

    @classmethod
    def found(cls, search: str) -> ColumnElement[bool]:
        return func.positionCaseInsensitiveUTF8(cls.offered(search), search) > 0


class SuggestsOthers(Suggests):
    """Suggests values that a search does not find."""

    @classmethod
    def offered(cls, search: str) -> Expression:
        turned: ColumnElement[str] = func.concat("of ", func.reverseUTF8(col(Event.name)))
        return turned


class SuggestsByPattern(Suggests):
    """Treats a search as a pattern."""

    @classmethod
    def found(cls, search: str) -> ColumnElement[bool]:
        return col(Event.name).ilike(f"%{search}%")


class SuggestsUnbound(Suggests):
    """Puts the search into the text of its SQL."""

    @classmethod
    def offered(cls, search: str) -> Expression:
        return col(Event.name).label(f"by {search}")


class SuggestRaises(Suggests):
    """Raises when it suggests."""

    @classmethod
    def offered(cls, search: str) -> Expression:
        raise KeyError("no names today")


NOT_FOUND = "Searching for a suggested value of name does not find it."

FAULTS: list[tuple[type[Criterion], str, str]] = [
    (
        NoSuggest,
        "suggest returns nothing for name in a shop with facts of every table.",
        "declare the field without suggests=True",
    ),
    (
        SuggestsInvalid,
        "suggest returns a value for name that the field rejects.",
        "Return only values that the field's type accepts.",
    ),
    (SuggestsOthers, NOT_FOUND, "func.positionCaseInsensitiveUTF8(column, search) > 0"),
    (
        SuggestsByPattern,
        "Searching for a text that no contact has finds values for name.",
        "without LIKE or regular expressions",
    ),
    (
        SuggestsUnbound,
        "The SQL of the suggestions for name contains the search or a given field as text",
        "Never put it into a name, a label",
    ),
    (
        SuggestRaises,
        "suggest raises for name: KeyError: 'no names today'",
        "Return a statement of (value, label) rows for every search",
    ),
]

test_a_fault_is_reported_once_with_its_fix = one_fault_test(FAULTS)
