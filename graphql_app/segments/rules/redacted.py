"""Rules in words that hold no person's data, for the log.

Sentences quote what was typed: a keyword, a phone number among properties, a segment's name. An
outline has the words of the code alone, with "…" for each value; only what is chosen of a list that
the code has, and time windows, stand as they are.
"""

from __future__ import annotations

from typing import Any

from graphql_app.criteria import Condition, Criterion, FieldKind, FieldSpec, Form
from graphql_app.criteria.describe import day, listed
from graphql_app.segments.rules.sentences import words
from graphql_app.segments.rules.tree import Reference, Rule

HIDDEN = "…"


def outline(rule: Rule) -> str:
    """E.g. "Total spend is greater than … in the last 30 days and Keyword is any of … or …"."""
    return words(rule, _clause)


def _clause(rule: Criterion | Reference) -> str:
    if isinstance(rule, Reference):
        return f"{_form(rule.criterion, rule.criterion.label)} [{outline(rule.rule)}]"
    return _form(rule, rule.label)


def _form(form: Form, subject: str) -> str:
    told, windows = [], []
    for spec in form.fields():
        value = getattr(form, spec.attribute)
        if value is None:
            continue
        if spec.type.kind is FieldKind.TIME_WINDOW:
            windows.append(value.describe(day))
        elif spec.multiple:
            told.append(listed([_value(spec, each) for each in value], "or"))
        else:
            told.append(_value(spec, value))
    return " ".join(word for word in (subject, form.operator.label, " and ".join(told), *windows))


def _value(spec: FieldSpec, value: Any) -> str:
    if isinstance(value, Condition):
        return f"[{_form(value, HIDDEN)}]"
    if spec.type.kind is FieldKind.CHOICE:
        return next((each.label for each in spec.type.options if each.value == value), HIDDEN)
    return HIDDEN
