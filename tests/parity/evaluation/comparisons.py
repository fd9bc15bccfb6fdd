"""Comparisons of numbers and sets."""

import unicodedata
from decimal import Decimal
from fractions import Fraction
from typing import TypeAlias

from tests.parity.evaluation.facts import Document

Number: TypeAlias = Decimal | Fraction | int | float


def plain(text: str) -> str:
    """Return the common form of texts that differ in case, composition, width or outer space."""
    compatible = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", compatible).strip()


def compare(operator: str, value: Number, bound: Number, up_to: Number) -> bool:
    match operator:
        case "EQUALS":
            return value == bound
        case "NOT_EQUALS":
            return value != bound
        case "GREATER_THAN":
            return value > bound
        case "AT_LEAST":
            return value >= bound
        case "LESS_THAN":
            return value < bound
        case "AT_MOST":
            return value <= bound
        case "BETWEEN":
            return bound <= value <= up_to
    raise AssertionError(operator)


def compare_if_any(body: Document, value: Fraction | None, field: str) -> bool:
    """Compare a number that may be missing, using fractions, which are exact."""
    match body["operator"]:
        case "IS_SET":
            return value is not None
        case "IS_NOT_SET":
            return value is None
        case _ if value is None:
            return bool(body["operator"] == "NOT_EQUALS")
        case operator:
            bound, up_to = Fraction(body[field]), Fraction(body.get("upTo", 0))
            return compare(operator, value, bound, up_to)


def has(operator: str, present: set[str], wanted: set[str]) -> bool:
    match operator:
        case "ANY_OF":
            return not present.isdisjoint(wanted)
        case "ALL_OF":
            return wanted <= present
        case "NONE_OF":
            return present.isdisjoint(wanted)
        case "IS_SET":
            return bool(present)
        case "IS_NOT_SET":
            return not present
    raise AssertionError(operator)


def is_one_of(operator: str, value: str | None, wanted: set[str]) -> bool:
    match operator:
        case "IS_SET":
            return value is not None
        case "IS_NOT_SET":
            return value is None
        case "ANY_OF":
            return value in wanted
        case "NONE_OF":
            return value not in wanted
    raise AssertionError(operator)


def is_one_of_or_contains(
    body: Document, value: str | None, wanted: set[str], part: str, text: str
) -> bool:
    """Compare a text that may be missing; ``text`` is its form in which a part is looked for."""
    match body["operator"]:
        case "CONTAINS":
            return value is not None and part in text
        case "NOT_CONTAINS":
            return value is None or part not in text
        case operator:
            return is_one_of(operator, value, wanted)
