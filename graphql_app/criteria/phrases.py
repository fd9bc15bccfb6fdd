"""Phrases: the words of a criterion's sentences, such as "has received"."""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from graphql_app.criteria.describe import describe_values, describe_window, join_words
from graphql_app.criteria.form import Form
from graphql_app.criteria.operators import Operator
from graphql_app.criteria.scope import Scope


@dataclass(frozen=True, slots=True)
class Phrase:
    """The words of a criterion's sentences, e.g. "has received" for texts.

    A sentence is ``does``, the comparison, ``after`` and the time window: "has received more than
    2 texts in the last 30 days".

    Attributes:
        does: The words before the comparison.
        does_not: The words before the comparison in the complement, e.g. "has not received".
        noun: What is counted, in the plural, e.g. "texts".
        none: The words for "has no value" or, for a number that every contact has, for exactly 0,
            e.g. "has received no texts".
        never: Like ``none``, for sentences without a time window, e.g. "has never received a text".
        some: The complement of ``none``, e.g. "has received a text".
        operator: The operator's words, if they differ from its label, e.g. "".
        after: Words before the time window, e.g. "of $50.00 or more".
        without: The Python names of the fields whose values these words already contain.
    """

    does: str
    does_not: str
    noun: str = ""
    none: str = ""
    never: str = ""
    some: str = ""
    operator: str | None = None
    after: str = ""
    without: Collection[str] = ()


def sentence(form: Form, scope: Scope, phrase: Phrase, complement: bool = False) -> str:
    """Write a form, or its complement, with a phrase."""
    negated = form.operator.negated is not complement
    windows = describe_window(form)
    whole = _whole(form, phrase, negated, over_all_time=not windows)
    if whole:
        return join_words(whole, phrase.after, *windows)
    does = phrase.does_not if negated else phrase.does
    if form.operator.name == "BETWEEN":
        does = does.removesuffix(" of")
    return join_words(does, _comparison(form, scope, phrase), phrase.after, *windows)


def _whole(form: Form, phrase: Phrase, negated: bool, over_all_time: bool) -> str:
    """Return the phrase's words for having or lacking any value, if the form says one of these."""
    if form.operator.positive.name != "IS_SET":
        if not _is_zero(form):
            return ""
        negated = not negated
    if not negated:
        return phrase.some
    return phrase.never if phrase.never and over_all_time else phrase.none


def _is_zero(form: Form) -> bool:
    """Return whether a form compares a number that every contact has with exactly 0."""
    if form.operator.positive.name != "EQUALS" or "IS_SET" in form.operators().__members__:
        return False
    values = (getattr(form, spec.attribute) for spec in form.fields())
    return next((value == 0 for value in values if isinstance(value, int | Decimal)), False)


def _comparison(form: Form, scope: Scope, phrase: Phrase) -> str:
    """Write the positive operator and the values."""
    operator = form.operator.positive
    values = describe_values(form, scope, phrase.without)
    if phrase.noun:
        one = phrase.noun.removesuffix("s")
        if operator.name == "GREATER_THAN" and values == "0":
            return f"at least one {one}"
        values += f" {one if values == '1' else phrase.noun}"
    if phrase.operator is not None:
        return join_words(phrase.operator, values)
    match operator.name:
        case "EQUALS":
            return f"exactly {values}"
        case "LESS_THAN" if phrase.noun:
            return f"fewer than {values}"
        case "IN_LAST":
            return f"in the last {values}"
        case "MORE_THAN_AGO":
            return f"more than {values} ago"
        case "IS":
            return values
        case "ANY_OF" if "ALL_OF" not in type(operator).__members__:
            return values  # a contact has at most one value
        case _:
            return join_words(operator.label.removeprefix("is "), values)


def negated(words: str, operator: Operator) -> str:
    """Put "not" into a clause with an operator's words, e.g. "points is not at least 5"."""
    before, label, after = f"{words} ".partition(f" {operator.label} ")
    if not label.startswith(" is "):
        return f"not ({words})"
    return f"{before} is not {label.removeprefix(' is ')}{after}".rstrip()
