"""Criteria in words, with the shop's currency and dates."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from decimal import ROUND_DOWN, Decimal
from typing import Any

from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal, get_currency_precision

from graphql_app.criteria.fields import FieldKind
from graphql_app.criteria.form import FieldSpec, Form
from graphql_app.criteria.interval import MONEY_SCALE
from graphql_app.criteria.operators import SetOperator
from graphql_app.criteria.scope import Scope

LOCALE = "en_US"
MAX_LISTED = 5
CUT_DECIMALS = 2


def money(amount: Decimal, currency: str) -> str:
    """E.g. "$50.00": the currency's decimals, or all of the amount's where it has more."""
    rounded = format_currency(amount, currency, locale=LOCALE)
    exact = format_currency(amount, currency, locale=LOCALE, decimal_quantization=False)
    return rounded if len(exact) <= len(rounded) else exact


def day(value: date) -> str:
    """E.g. "May 1, 2024"."""
    return format_date(value, "medium", locale=LOCALE)


def count(value: int, unit: str | None = None) -> str:
    """E.g. "1,000" or "30 days"."""
    number = format_decimal(value, locale=LOCALE)
    if unit is None:
        return number
    return f"{number} {unit.removesuffix('s') if value == 1 else unit}"


def number(value: Decimal, unit: str | None = None) -> str:
    """E.g. "1,000.5" or "25%"."""
    return format_decimal(value, locale=LOCALE, decimal_quantization=False) + (unit or "")


def measured(value: Any, scope: Scope) -> str:
    """A measured value, e.g. "1,000", or "May 1, 2024, 09:58" by the shop's clock."""
    match value:
        case datetime():
            return format_datetime(value, "MMM d, y, HH:mm", scope.timezone, LOCALE)
        case date():
            return day(value)
        case int() | float() | Decimal():
            return measured_number(value)
        case _:
            return str(value)


def measured_number(value: Decimal | float, unit: str = "") -> str:
    """E.g. "1,000.5", or "33.33…%" of a number with more decimals than facts and rules have.

    Such a number is cut and not rounded: 49.999 is not to look like 50 where it counts as less.
    """
    exact = Decimal(str(value))
    if not exact.is_finite():
        return str(value)
    shown = _cut(exact, CUT_DECIMALS)
    if shown == exact:
        return number(exact, unit)
    return format_decimal(shown, "#,##0.00", locale=LOCALE) + "…" + unit


def measured_money(value: Decimal | int, currency: str) -> str:
    """As ``money``; "$3.33…" of an amount with more decimals than facts and rules have."""
    exact = Decimal(value)
    shown = _cut(exact, get_currency_precision(currency))
    return money(shown, currency) + ("" if shown == exact else "…")


def _cut(value: Decimal, decimals: int) -> Decimal:
    """The number, or its first decimals where it has more than facts and rules have."""
    if value == value.quantize(Decimal(1).scaleb(-MONEY_SCALE), ROUND_DOWN):
        return value
    return value.quantize(Decimal(1).scaleb(-decimals), ROUND_DOWN)


def listed(values: Sequence[str], word: str) -> str:
    """E.g. "a, b or c", and how many more beyond five."""
    shown = list(values[:MAX_LISTED])
    if len(values) > MAX_LISTED:
        shown.append(f"{len(values) - MAX_LISTED} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} {word} {shown[-1]}"


def clause(form: Form, scope: Scope, subject: str, without: Collection[str] = ()) -> str:
    """The subject, the operator's words, the values that it uses, and the time window."""
    values, window = [], None
    for spec in form.fields():
        value = getattr(form, spec.attribute)
        if value is None or spec.attribute in without:
            continue
        if spec.type.kind is FieldKind.TIME_WINDOW:
            window = value
        elif spec.multiple:
            word = "and" if form.operator == SetOperator.ALL_OF else "or"
            values.append(listed([_text(spec, item, scope) for item in value], word))
        else:
            values.append(_text(spec, value, scope))
    words = [subject, form.operator.label, " and ".join(values)]
    if window is not None:
        words.append(window.describe(day))
    return " ".join(word for word in words if word)


def _text(spec: FieldSpec, value: Any, scope: Scope) -> str:
    match spec.type.kind:
        case FieldKind.MONEY:
            return money(value, scope.currency)
        case FieldKind.NUMBER:
            return number(value, spec.type.unit)
        case FieldKind.COUNT:
            return count(value, spec.type.unit)
        case FieldKind.DATE:
            return day(value)
        case FieldKind.CHOICE:
            return next(
                (option.label for option in spec.type.options if option.value == value), str(value)
            )
        case _:
            return str(value)
