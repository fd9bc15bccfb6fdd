"""Redacted sentences: rules in words without any person's data, for the log.

A rule's values can be personal: a keyword, a phone number among properties, a segment's name. A
redacted sentence has "…" for each value. It keeps time windows, which identify nobody, and the
labels of choices, which come from the code.
"""

from typing import Any

from graphql_app.criteria import Condition, Criterion, FieldKind, FieldSpec, Form
from graphql_app.criteria.describe import describe_list, describe_window, join_words, joining_word
from graphql_app.segments.rules.sentences import words
from graphql_app.segments.rules.tree import Reference, Rule

REDACTED = "…"


def redacted_sentence(rule: Rule) -> str:
    """Write a rule, e.g. "Total spend is more than … and Keyword texted is any of … or …"."""
    return words(rule, _clause)


def _clause(leaf: Criterion | Reference, complement: bool) -> str:
    if isinstance(leaf, Reference):
        inner = redacted_sentence(leaf.rule)
        text = f"{_form(leaf.criterion, leaf.criterion.label)} [{inner}]"
    else:
        text = _form(leaf, leaf.label)
    return f"not ({text})" if complement else text


def _form(form: Form, subject: str) -> str:
    values, word = [], joining_word(form.operator)
    for spec in form.fields():
        value = getattr(form, spec.attribute)
        if value is None or spec.type.kind is FieldKind.TIME_WINDOW:
            continue
        items = value if spec.multiple else [value]
        values.append(describe_list([_value(spec, item) for item in items], word))
    return join_words(subject, form.operator.label, " and ".join(values), *describe_window(form))


def _value(spec: FieldSpec, value: Any) -> str:
    if isinstance(value, Condition):
        return f"[{_form(value, REDACTED)}]"
    if spec.type.kind is FieldKind.CHOICE:
        return next((each.label for each in spec.type.options if each.value == value), REDACTED)
    return REDACTED
