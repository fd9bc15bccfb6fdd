"""Rules as a frozen tree."""

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
    """Every one of the rules; everyone where there are none."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of the rules."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The complement of a rule."""

    rule: Rule


@dataclass(frozen=True, slots=True)
class Reference:
    """A criterion that asks about a saved segment, with the rule which that segment has now."""

    criterion: SegmentReference
    name: str
    rule: Rule


Rule = All | AnyOf | Not | Criterion | Reference


@dataclass(frozen=True, slots=True)
class Part:
    """A node of a rule, and where it is."""

    path: Path
    rule: Rule


@dataclass(frozen=True, slots=True)
class Named:
    """A saved segment, as far as rules that refer to it need it."""

    id: str
    name: str
    rule: Mapping[str, Any]
    archived: bool = False


Library = Callable[[str], Named | None]
"""The saved segments that a rule may refer to, by their ids."""


def document(rule: Rule) -> dict[str, Any]:
    """The canonical JSON form of a rule: what ``parse`` reads, with every value normalised."""
    match rule:
        case All(rules):
            return {"all": [document(inner) for inner in rules]}
        case AnyOf(rules):
            return {"any": [document(inner) for inner in rules]}
        case Not(inner):
            return {"not": document(inner)}
        case Criterion():
            with blaming(rule):
                fields = rule.model_dump(mode="json", by_alias=True, exclude_none=True)
            return {rule.key: fields}
        case Reference(criterion):
            return document(criterion)


def expanded(rule: Rule) -> Any:
    """All that a rule says, as JSON values, with the names and rules that it refers to."""
    match rule:
        case All(rules):
            return {"all": [expanded(inner) for inner in rules]}
        case AnyOf(rules):
            return {"any": [expanded(inner) for inner in rules]}
        case Not(inner):
            return {"not": expanded(inner)}
        case Reference(criterion, name, inner):
            return [document(criterion), name, expanded(inner)]
        case Criterion():
            return document(rule)


def criteria(rule: Rule) -> Iterator[Criterion]:
    """The criteria of a rule that have SQL, those of the segments it refers to among them."""
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
    """What a rule comes to, of what each of its criteria does.

    ``known`` keeps what its nodes come to, by their ``id()``, so that none is worked out twice.
    """
    known = {} if known is None else known

    def of(rule: Rule) -> T:
        if id(rule) not in known:
            known[id(rule)] = worked_out(rule)
        return known[id(rule)]

    def worked_out(rule: Rule) -> T:
        match rule:
            case All(rules):
                return all_of([of(inner) for inner in rules])
            case AnyOf(rules):
                return any_of([of(inner) for inner in rules])
            case Not(inner):
                return complement(of(inner))
            case Reference(criterion, _, inner):
                return complement(of(inner)) if criterion.operator.negated else of(inner)
            case Criterion():
                return answer(rule)

    return of(rule)


def keys(rule: Rule) -> Iterator[str]:
    """The keys of the criteria of a rule, and of the segments it refers to."""
    return (criterion.key for criterion in criteria(rule))


def references(rule: Rule) -> Iterator[Reference]:
    """The places where a rule itself refers to saved segments."""
    return (part.rule for part in parts(rule) if isinstance(part.rule, Reference))


def parts(rule: Rule, path: Path = ("rule",)) -> Iterator[Part]:
    """Every node of a rule with its path, the rule itself first, depth first."""
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
    """Give a criterion's failure its place in a rule, or that of what refers to it."""
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
