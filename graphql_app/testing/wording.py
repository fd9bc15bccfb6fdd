"""Check labels, descriptions and sentences."""

import re
from collections.abc import Iterator

from graphql_app.criteria import Criterion, Form, Group, SegmentReference
from graphql_app.criteria.operators import Choice, Operator
from graphql_app.segments.predicate import key
from graphql_app.segments.rules.tree import document
from graphql_app.testing.findings import Finding, describe_error, format_example
from graphql_app.testing.harness import Case, Harness


def check_labels(kind: type[Criterion]) -> Iterator[Finding]:
    """Check that the criterion and its form have labels and descriptions."""
    yield from _check_label(f"{kind.__name__}.label", getattr(kind, "label", ""), kind.key)
    if not any("group" in vars(base) for base in kind.__mro__ if base not in Criterion.__mro__):
        yield Finding(
            f"{kind.__name__} sets no group.",
            f"Set group = Group.{Group.OTHER.name}, or the group whose criteria it belongs with.",
        )
    yield from _check_form(kind)


def _check_form(form: type[Form]) -> Iterator[Finding]:
    name = form.__name__
    if not form.description():
        yield Finding(
            f"{name} has no description.",
            "Give the class a docstring; people read its first paragraph.",
        )
    yield from _check_enum(form.operators())
    for spec in form.fields():
        yield from _check_label(f"The label of {name}.{spec.attribute}", spec.form.label, spec.name)
        if spec.choices is not None:
            yield from _check_enum(spec.choices)
        for option in spec.type.options:
            if not option.label.strip():
                yield Finding(
                    f"An option of {name}.{spec.attribute} has no label.",
                    "Give every Option a label.",
                    option.value,
                )
        if spec.condition is not None:
            yield from _check_form(spec.condition)


def _check_enum(enum: type[Operator] | type[Choice]) -> Iterator[Finding]:
    if not (vars(enum).get("__doc__") or "").strip():
        yield Finding(
            f"{enum.__name__} has no docstring.",
            "Write one; the GraphQL schema shows it as the enum's description.",
        )
    said: dict[str, str] = {}
    for name, member in enum.__members__.items():
        yield from _check_label(f"The label of {enum.__name__}.{name}", member.label, name)
        if member.label in said:
            yield Finding(
                f"{enum.__name__}.{said[member.label]} and {enum.__name__}.{name} have the same "
                "label.",
                "Give each member its own label; forms show nothing else.",
                member.label,
            )
        said[member.label] = name


def _check_label(what: str, label: str, name: str) -> Iterator[Finding]:
    if not label.strip():
        yield Finding(f"{what} is empty.", "Write the text that people see.")
    elif label == name:
        yield Finding(f"{what} is {name!r}, its name in rules.", "Write it in words.")


def check_sentences(harness: Harness) -> Iterator[Finding]:
    """Check that every rule has its own complete sentence."""
    said: dict[str, Case] = {}
    for case in harness.cases:
        try:
            sentence = case.criterion.describe(harness.scope)
        except Exception as error:
            yield Finding(
                f"describe raises {describe_error(error)}.",
                "Return a clause for every valid rule; an optional field may be None.",
                case.example,
            )
            continue
        yield from _check_sentence(case, sentence)
        other = said.setdefault(sentence, case)
        if key(other.criterion) != key(case.criterion):
            yield Finding(
                "describe returns the same text for two rules.",
                "Include the operator and every value, as describe_clause does.",
                f"{sentence!r} for {other.example} and {case.example}",
            )


def _check_sentence(case: Case, sentence: object) -> Iterator[Finding]:
    if not isinstance(sentence, str) or not sentence.strip():
        yield Finding(
            f"describe returns {sentence!r}.", "Return a clause of a sentence.", case.example
        )
        return
    label = case.criterion.label
    if not sentence.casefold().startswith(label.casefold()) and len(sentence.split()) < 3:
        yield Finding(
            f"A sentence does not begin with the label {label!r} and is no clause.",
            "Begin with self.label, as describe_clause does, or write a clause of three or more "
            "words.",
            f"{sentence!r} for {case.example}",
        )
    odd = re.search(r"\bNone\b|\bDecimal\(|<[\w.]+ object at |datetime\.\w+\(", sentence)
    if odd and odd.group() not in format_example(case.fields):
        yield Finding(
            f"A sentence contains {odd.group()!r}.",
            "Leave out missing values, and format others with describe_clause, describe_money, "
            "describe_count or describe_list.",
            f"{sentence!r} for {case.example}",
        )


def check_reference_sentences(kind: type[SegmentReference]) -> Iterator[Finding]:
    """Check that a reference's sentence has the segment's name and the operator."""
    said = set()
    for operator in kind.operators():
        criterion = kind.model_validate({"operator": operator.value, "segment": "example"})
        try:
            sentence = criterion.describe_as("VIPs")
        except Exception as error:
            yield Finding(
                f"describe_as raises {describe_error(error)}.",
                "Return a clause with the segment's name.",
                format_example(document(criterion)),
            )
            continue
        if "VIPs" not in sentence or sentence in said:
            yield Finding(
                f"describe_as returns {sentence!r}.",
                "Include the segment's name, and use different words for each operator.",
                format_example(document(criterion)),
            )
        said.add(sentence)
