"""Numbers and sets, compared."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TypeAlias

from tests.parity.evaluation.facts import Document

Number: TypeAlias = Decimal | Fraction | int | float


def small(text: str) -> str:
    """A text in small letters; Greek has two small sigmas, which are one letter."""
    return text.lower().replace("ς", "σ")


def compare(operator: str, value: Number, bound: Number, up_to: Number) -> bool:
    """A number against one or two others of its type."""
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
    """A number that may not exist against what a criterion says; exactly, as fractions are."""
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
    """One set of values against another."""
    match operator:
        case "ANY_OF":
            return not present.isdisjoint(wanted)
        case "ALL_OF":
            return wanted <= present
        case "NONE_OF":
            return present.isdisjoint(wanted)
    raise AssertionError(operator)


def is_one_of(operator: str, value: str | None, wanted: set[str]) -> bool:
    """A value that may not exist against a set."""
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
