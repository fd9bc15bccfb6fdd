"""Criteria in words: their values as people read them, and the default clause."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from decimal import ROUND_DOWN, Decimal
from functools import lru_cache
from typing import Any

from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal, get_currency_precision

from graphql_app.criteria.fields import FieldKind
from graphql_app.criteria.form import FieldSpec, Form
from graphql_app.criteria.interval import MONEY_SCALE
from graphql_app.criteria.operators import Operator
from graphql_app.criteria.scope import Scope

LOCALE = "en_US"
MAX_LISTED = 5
CUT_DECIMALS = 2
REMEMBERED = 10_000
TIMES_AGO = ("IN_LAST", "MORE_THAN_AGO")


@lru_cache(REMEMBERED)
def describe_money(amount: Decimal, currency: str) -> str:
    """Write an amount, e.g. "$50.00".

    The text has the currency's decimals, or more if the amount has more.
    """
    rounded = format_currency(amount, currency, locale=LOCALE)
    exact = format_currency(amount, currency, locale=LOCALE, decimal_quantization=False)
    return rounded if len(exact) <= len(rounded) else exact


@lru_cache(REMEMBERED)
def describe_day(value: date) -> str:
    """Write a day, e.g. "May 1, 2024"."""
    return format_date(value, "medium", locale=LOCALE)


def describe_count(value: int, unit: str | None = None) -> str:
    """Write a whole number, e.g. "1,000", "30 days" or "1 day"."""
    digits = format_decimal(value, locale=LOCALE)
    if unit is None:
        return digits
    return f"{digits} {unit.removesuffix('s') if value == 1 else unit}"


def describe_number(value: Decimal, unit: str | None = None) -> str:
    """Write a number, e.g. "1,000.5" or "25%"."""
    return format_decimal(value, locale=LOCALE, decimal_quantization=False) + (unit or "")


def measured(value: Any, scope: Scope) -> str:
    """Write a measured value, e.g. "1,000", or "May 1, 2024, 09:58" in the shop's time zone."""
    match value:
        case datetime():
            return format_datetime(value, "MMM d, y, HH:mm", scope.timezone, LOCALE)
        case date():
            return describe_day(value)
        case int() | float() | Decimal():
            return measured_number(value)
        case _:
            return str(value)


def measured_number(value: Decimal | float, unit: str = "") -> str:
    """Write a measured number, e.g. "1,000.5", or "33.33…%" if it has more than four decimals.

    Long numbers are truncated, not rounded, so that 49.99999 does not look like 50.
    """
    exact = Decimal(str(value))
    if not exact.is_finite():
        return str(value)
    shown = _cut(exact, CUT_DECIMALS)
    if shown == exact:
        return describe_number(exact, unit)
    return format_decimal(shown, "#,##0.00", locale=LOCALE) + "…" + unit


def measured_money(value: Decimal | int, currency: str) -> str:
    """Write a measured amount, e.g. "$3.30", or "$3.33…" if it has more than four decimals."""
    exact = Decimal(value)
    shown = _cut(exact, get_currency_precision(currency))
    return describe_money(shown, currency) + ("" if shown == exact else "…")


def _cut(value: Decimal, decimals: int) -> Decimal:
    """Truncate a number with more decimals than facts and rules have."""
    if value == value.quantize(Decimal(1).scaleb(-MONEY_SCALE), ROUND_DOWN):
        return value
    return value.quantize(Decimal(1).scaleb(-decimals), ROUND_DOWN)


def describe_list(values: Sequence[str], word: str) -> str:
    """Join up to five values, e.g. "a, b or c", and say how many more there are."""
    shown = list(values[:MAX_LISTED])
    if len(values) > MAX_LISTED:
        shown.append(f"{len(values) - MAX_LISTED} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} {word} {shown[-1]}"


def describe_field(form: Form, scope: Scope, name: str, word: str = "or") -> str:
    """Write a field's value, or its list of values joined with a word, with their labels.

    ``name`` is the field's Python name; the field must have a value.
    """
    spec = next(spec for spec in form.fields() if spec.attribute == name)
    return _value(form, scope, spec, word)


def describe_clause(form: Form, scope: Scope, subject: str, without: Collection[str] = ()) -> str:
    """Write the subject, the operator's words, the values and the time window.

    The subject is usually the criterion's label; ``without`` has the Python names of fields to
    leave out.
    """
    return join_words(
        subject, form.operator.label, describe_values(form, scope, without), *describe_window(form)
    )


def describe_values(form: Form, scope: Scope, without: Collection[str]) -> str:
    """Write the values that a form compares with."""
    operator = form.operator.positive.name
    word = joining_word(form.operator)
    values = " and ".join(
        _value(form, scope, spec, word)
        for spec in form.fields()
        if spec.attribute not in without
        and spec.type.kind is not FieldKind.TIME_WINDOW
        and getattr(form, spec.attribute) is not None
    )
    # "In the last day" could mean today.
    return "24 hours" if operator in TIMES_AGO and values == "1 day" else values


def joining_word(operator: Operator) -> str:
    """Return the word before the last value: "and" if a contact must have all values, else "or"."""
    return "and" if operator.positive.name == "ALL_OF" else "or"


def join_words(*words: str) -> str:
    """Join the words that are not empty with spaces."""
    return " ".join(word for word in words if word)


def describe_window(form: Form) -> list[str]:
    """Write a form's time window, if it has one."""
    windows = [spec for spec in form.fields() if spec.type.kind is FieldKind.TIME_WINDOW]
    values = [getattr(form, spec.attribute) for spec in windows]
    return [value.describe(describe_day) for value in values if value is not None]


def _value(form: Form, scope: Scope, spec: FieldSpec, word: str) -> str:
    value = getattr(form, spec.attribute)
    if not spec.multiple:
        return _text(form, scope, spec, value)
    shown = [_text(form, scope, spec, item) for item in value[:MAX_LISTED]]
    return describe_list([*shown, *value[MAX_LISTED:]], word)


def _text(form: Form, scope: Scope, spec: FieldSpec, value: Any) -> str:
    match spec.type.kind:
        case FieldKind.MONEY:
            return describe_money(value, scope.currency)
        case FieldKind.NUMBER:
            return describe_number(value, spec.type.unit)
        case FieldKind.COUNT:
            return describe_count(value, spec.type.unit)
        case FieldKind.DATE:
            return describe_day(value)
        case FieldKind.CHOICE:
            labels = (option.label for option in spec.type.options if option.value == value)
            return next(labels, str(value))
        case FieldKind.CONDITION:
            described: str = value.describe(scope)
            return described
        case _ if spec.form.suggests:
            return scope.label(form, spec.name, str(value))
        case _:
            return str(value)
