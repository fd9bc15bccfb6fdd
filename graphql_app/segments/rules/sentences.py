"""Rules in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphql_app.criteria import Criterion, Scope
from graphql_app.segments.failures import blaming
from graphql_app.segments.rules.tree import (
    All,
    AnyOf,
    Not,
    Reference,
    Rule,
)


def sentence(rule: Rule, scope: Scope) -> str:
    """The rule in words: "Total spend is greater than $50.00 and texts received equals 0"."""
    return sentences([rule], scope)[0]


def sentences(rules: Sequence[Rule], scope: Scope) -> list[str]:
    """Some rules in words; a criterion that several of them have is asked for its words once."""
    clauses: dict[int, str] = {}

    def clause(rule: Criterion | Reference) -> str:
        if id(rule) not in clauses:
            clauses[id(rule)] = _clause(rule, scope)
        return clauses[id(rule)]

    found = []
    for rule in rules:
        # PostgreSQL keeps no NUL in text, and people would not see it.
        said = words(rule, clause).replace("\x00", "\N{SYMBOL FOR NULL}")
        found.append(said[:1].upper() + said[1:])
    return found


def words(rule: Rule, clause: Callable[[Criterion | Reference], str], nested: bool = False) -> str:
    """A rule in words, with those of its criteria."""
    match rule:
        case All(()):
            return "everyone"
        case All((inner,)) | AnyOf((inner,)):
            return words(inner, clause, nested)
        case All(rules):
            said = " and ".join(words(inner, clause, nested=True) for inner in rules)
        case AnyOf(rules):
            said = " or ".join(words(inner, clause, nested=True) for inner in rules)
        case Not(inner):
            return f"not ({words(inner, clause, nested=False)})"
        case _:
            return clause(rule)
    return f"({said})" if nested else said


def _clause(rule: Criterion | Reference, scope: Scope) -> str:
    if isinstance(rule, Reference):
        with blaming(rule.criterion):
            return _uncapitalized(rule.criterion.describe_as(rule.name))
    with blaming(rule):
        return _uncapitalized(rule.describe(scope))


def _uncapitalized(clause: str) -> str:
    return clause[:1].lower() + clause[1:]
