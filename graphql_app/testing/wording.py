"""Checks of what people read: labels, descriptions and sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator

from graphql_app.criteria import Criterion, Form, Group, SegmentReference
from graphql_app.criteria.operators import Choice, Operator
from graphql_app.segments.predicate import key
from graphql_app.segments.rules.tree import document
from graphql_app.testing.findings import Finding, shown, told
from graphql_app.testing.harness import Bench, Case


def labels(kind: type[Criterion]) -> Iterator[Finding]:
    """The criterion has a label, a description and a group, and so has all that is in its form."""
    yield from _label(f"{kind.__name__}.label", getattr(kind, "label", ""), kind.key)
    if not any("group" in vars(base) for base in kind.__mro__ if base not in Criterion.__mro__):
        yield Finding(
            f"{kind.__name__} sets no group.",
            f"Set group = Group.{Group.OTHER.name}, or the group whose criteria it belongs with.",
        )
    yield from _form(kind)


def _form(form: type[Form]) -> Iterator[Finding]:
    name = form.__name__
    if not form.description():
        yield Finding(
            f"{name} has no description.",
            "Give the class a docstring; its first paragraph is what people read.",
        )
    yield from _enum(form.operators())
    for spec in form.fields():
        yield from _label(f"The label of {name}.{spec.attribute}", spec.form.label, spec.name)
        if spec.choices is not None:
            yield from _enum(spec.choices)
        for option in spec.type.options:
            if not option.label.strip():
                yield Finding(
                    f"An option of {name}.{spec.attribute} has no label.",
                    "Give every Option a label.",
                    option.value,
                )
        if spec.condition is not None:
            yield from _form(spec.condition)


def _enum(enum: type[Operator] | type[Choice]) -> Iterator[Finding]:
    if not (vars(enum).get("__doc__") or "").strip():
        yield Finding(
            f"{enum.__name__} has no docstring.",
            "Write one; it is the description of the enum in the GraphQL schema.",
        )
    said: dict[str, str] = {}
    for name, member in enum.__members__.items():
        yield from _label(f"The label of {enum.__name__}.{name}", member.label, name)
        if member.label in said:
            yield Finding(
                f"{enum.__name__}.{said[member.label]} and {enum.__name__}.{name} have one label.",
                "Give each member words of its own; a form shows nothing else of it.",
                member.label,
            )
        said[member.label] = name


def _label(what: str, label: str, name: str) -> Iterator[Finding]:
    if not label.strip():
        yield Finding(f"{what} is empty.", "Write what people are to see in its place.")
    elif label == name:
        yield Finding(
            f"{what} is {name!r}, its name in rules.", "Write it in words, as people would say it."
        )


def sentences(bench: Bench) -> Iterator[Finding]:
    """Every rule has a sentence that begins with the label and says all of the rule."""
    said: dict[str, Case] = {}
    for case in bench.cases:
        try:
            sentence = case.criterion.describe(bench.scope)
        except Exception as error:
            yield Finding(
                f"describe raises {told(error)}.",
                "Return a clause for every valid rule; an optional field may be None.",
                case.shown,
            )
            continue
        yield from _sentence(case, sentence)
        other = said.setdefault(sentence, case)
        if key(other.criterion) != key(case.criterion):
            yield Finding(
                "describe says the same of two rules.",
                "Say the operator and every value, as describe_clause does.",
                f"{sentence!r} of {other.shown} and {case.shown}",
            )


def _sentence(case: Case, sentence: object) -> Iterator[Finding]:
    if not isinstance(sentence, str) or not sentence.strip():
        yield Finding(
            f"describe returns {sentence!r}.", "Return a clause of a sentence.", case.shown
        )
        return
    label = case.criterion.label
    if not sentence.casefold().startswith(label.casefold()) and len(sentence.split()) < 3:
        yield Finding(
            f"A sentence neither begins with the label {label!r} nor is a clause.",
            "Begin with self.label, as describe_clause does, or write a clause of three words or "
            "more.",
            f"{sentence!r} of {case.shown}",
        )
    odd = re.search(r"\bNone\b|\bDecimal\(|<[\w.]+ object at |datetime\.\w+\(", sentence)
    if odd and odd.group() not in shown(case.fields):
        yield Finding(
            f"A sentence says {odd.group()!r}.",
            "Leave out what is absent, and write values with describe_clause, describe_money, "
            "describe_count or describe_list.",
            f"{sentence!r} of {case.shown}",
        )


def sentences_of_reference(kind: type[SegmentReference]) -> Iterator[Finding]:
    """A criterion that stands for a segment says which, and whether it is negated."""
    said = set()
    for operator in kind.operators():
        criterion = kind.model_validate({"operator": operator.value, "segment": "example"})
        try:
            sentence = criterion.describe_as("VIPs")
        except Exception as error:
            yield Finding(
                f"describe_as raises {told(error)}.",
                "Return a clause with the segment's name.",
                shown(document(criterion)),
            )
            continue
        if "VIPs" not in sentence or sentence in said:
            yield Finding(
                f"describe_as says {sentence!r}.",
                "Say the segment's name, and other words for another operator.",
                shown(document(criterion)),
            )
        said.add(sentence)
