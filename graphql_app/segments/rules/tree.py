"""Rules as frozen trees."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from graphql_app.criteria import Criterion, SegmentReference
from graphql_app.segments.failures import CriterionFailedError, blaming

Path = tuple[str | int, ...]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class All:
    """All of the rules match; an empty list matches everyone."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of the rules matches."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The rule does not match."""

    rule: Rule


@dataclass(frozen=True, slots=True)
class Reference:
    """A criterion that refers to a saved segment, with that segment's current rule."""

    criterion: SegmentReference
    name: str
    rule: Rule


Rule = All | AnyOf | Not | Criterion | Reference


@dataclass(frozen=True, slots=True)
class Part:
    path: Path
    rule: Rule


@dataclass(frozen=True, slots=True)
class Named:
    """A saved segment as rules refer to it, with its global id."""

    id: str
    name: str
    rule: Mapping[str, Any]
    archived: bool = False


Library = Callable[[str], Named | None]
"""Finds the saved segment with a global id that a rule may refer to."""


def document(rule: Rule, expand: bool = False) -> dict[str, Any]:
    """Return the canonical JSON of a rule, which ``parse`` reads.

    If ``expand`` is true, it also has the names and rules of the segments that the rule refers to;
    ``parse`` cannot read that.
    """
    match rule:
        case All(rules):
            return {"all": [document(inner, expand) for inner in rules]}
        case AnyOf(rules):
            return {"any": [document(inner, expand) for inner in rules]}
        case Not(inner):
            return {"not": document(inner, expand)}
        case Criterion():
            with blaming(rule):
                fields = rule.model_dump(mode="json", by_alias=True, exclude_none=True)
            return {rule.key: fields}
        case Reference(criterion, name, inner) if expand:
            return {"reference": document(criterion), "name": name, "rule": document(inner, expand)}
        case Reference(criterion):
            return document(criterion)


def criteria(rule: Rule) -> Iterator[Criterion]:
    """Yield the criteria of a rule, including those of segments that it refers to."""
    match rule:
        case All(rules) | AnyOf(rules):
            for inner in rules:
                yield from criteria(inner)
        case Not(inner) | Reference(_, _, inner):
            yield from criteria(inner)
        case Criterion():
            yield rule


def combine(
    rule: Rule,
    answer: Callable[[Criterion], T],
    all_of: Callable[[Sequence[T]], T],
    any_of: Callable[[Sequence[T]], T],
    complement: Callable[[T], T],
    known: dict[int, T] | None = None,
) -> T:
    """Evaluate a rule from the answers of its criteria.

    ``known`` remembers the answers of nodes by ``id()``, across calls.
    """
    known = {} if known is None else known

    def evaluate(rule: Rule) -> T:
        if id(rule) not in known:
            known[id(rule)] = compute(rule)
        return known[id(rule)]

    def compute(rule: Rule) -> T:
        match rule:
            case All(rules):
                return all_of([evaluate(inner) for inner in rules])
            case AnyOf(rules):
                return any_of([evaluate(inner) for inner in rules])
            case Not(inner):
                return complement(evaluate(inner))
            case Reference(criterion, _, inner):
                answered = evaluate(inner)
                return complement(answered) if criterion.operator.negated else answered
            case Criterion():
                return answer(rule)

    return evaluate(rule)


def keys(rule: Rule) -> Iterator[str]:
    """Yield the keys of a rule's criteria, including those of segments that it refers to."""
    return (criterion.key for criterion in criteria(rule))


def references(rule: Rule) -> Iterator[Reference]:
    """Yield the rule's own references to saved segments."""
    return (part.rule for part in parts(rule) if isinstance(part.rule, Reference))


def parts(rule: Rule, path: Path = ("rule",)) -> Iterator[Part]:
    """Yield every node of a rule, the rule itself first, depth first."""
    yield Part(path, rule)
    match rule:
        case All(rules) | AnyOf(rules):
            key = "all" if isinstance(rule, All) else "any"
            for index, inner in enumerate(rules):
                yield from parts(inner, (*path, key, index))
        case Not(inner):
            yield from parts(inner, (*path, "not"))


@contextmanager
def placing(rule: Rule, path: Path = ("rule",)) -> Iterator[None]:
    """Give a criterion's failure its path in a rule."""
    try:
        yield
    except CriterionFailedError as error:
        for part in parts(rule, path):
            match part.rule:
                case Reference(criterion):
                    held = (criterion, *criteria(part.rule))
                case Criterion() as criterion:
                    held = (criterion,)
                case _:
                    continue
            if any(error.criterion is found for found in held):
                raise error.at((*part.path, criterion.key)) from error
        raise
