"""Rules in words, about a contact: "has spent more than $50.00 and has never received a text"."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from graphql_app.criteria import Criterion, Scope, SegmentReference
from graphql_app.segments.failures import blaming
from graphql_app.segments.rules.tree import All, AnyOf, Not, Reference, Rule

Leaf = Criterion | Reference
Clause = Callable[[Leaf, bool], str]
"""The words of a criterion or, if the second argument is true, of its complement."""
Label = Callable[[type[Criterion], str, str], str | None]
"""The label of a criterion's value, by the criterion, the field's name and the value."""


def sentence(rule: Rule, scope: Scope) -> str:
    """Write a rule as a sentence, e.g. "Has spent more than $50.00 and has placed no orders"."""
    return sentences([rule], scope)[0]


def sentences(rules: Sequence[Rule], scope: Scope, label: Label | None = None) -> list[str]:
    """Write rules as sentences; a criterion that several of them share is described once.

    ``label`` returns the label to show beside a value. It gets a condition's field as
    ``list.field``.

    Raises:
        CriterionFailedError: A criterion cannot be described.
    """
    clauses: dict[tuple[int, bool], str] = {}

    def clause(leaf: Leaf, complement: bool) -> str:
        key = (id(leaf), complement)
        if key not in clauses:
            clauses[key] = _clause(leaf, _with_labels(leaf, scope, label), complement)
        return clauses[key]

    return [_capitalized(words(rule, clause)) for rule in rules]


def words(
    rule: Rule, clause: Clause, complement: bool = False, outer: str = "", last: bool = True
) -> str:
    """Write a rule, or its complement, within a group joined by ``outer``.

    The complement of a group is written as a group of complements: "not all of A and B" is
    "not A or not B". A group within a group is marked with "either" or "both" where the sentence
    ends with it, and with parentheses elsewhere.
    """
    match rule:
        case Not(inner):
            return words(inner, clause, not complement, outer, last)
        case All(()):
            return "no one" if complement else "everyone"
        case All((inner,)) | AnyOf((inner,)):
            return words(inner, clause, complement, outer, last)
        case All(rules) | AnyOf(rules):
            joint = "and" if isinstance(rule, All) is not complement else "or"
            is_marked = last and (joint == "or" or len(rules) == 2)
            in_brackets = outer not in {"", joint} and not is_marked
            *others, end = rules
            clauses = [words(inner, clause, complement, joint, last=False) for inner in others]
            clauses.append(words(end, clause, complement, joint, last=last or in_brackets))
            text = f" {joint} ".join(clauses)
            if outer in {"", joint}:
                return text
            return f"({text})" if in_brackets else f"{'either' if joint == 'or' else 'both'} {text}"
        case _:
            return clause(rule, complement)


def _with_labels(leaf: Leaf, scope: Scope, label: Label | None) -> Scope:
    """Return the scope in which a criterion finds its own labels."""
    if label is None or isinstance(leaf, Reference):
        return scope
    kind = type(leaf)

    def find(form: type[object], field: str, value: str) -> str | None:
        if form is kind:
            return label(kind, field, value)
        lists = (spec.name for spec in kind.fields() if spec.condition is form)
        return next((label(kind, f"{name}.{field}", value) for name in lists), None)

    return replace(scope, labels=find)


def _clause(leaf: Leaf, scope: Scope, complement: bool) -> str:
    if isinstance(leaf, Reference):
        with blaming(leaf.criterion):
            return _uncapitalized(_named(leaf.criterion, leaf.name, complement))
    with blaming(leaf):
        return _uncapitalized(leaf.describe_not(scope) if complement else leaf.describe(scope))


def _named(criterion: SegmentReference, name: str, complement: bool) -> str:
    if not complement:
        return criterion.describe_as(name)
    opposite = criterion.operator.opposite
    if opposite is None:
        return f"not ({criterion.describe_as(name)})"
    return criterion.model_copy(update={"operator": opposite}).describe_as(name)


def _uncapitalized(clause: str) -> str:
    """Begin a clause with a small letter, unless its first word is an abbreviation such as SMS."""
    lowered = clause[:1].lower() + clause[1:]
    return clause if any(map(str.isupper, clause.partition(" ")[0][1:])) else lowered


def _capitalized(text: str) -> str:
    # PostgreSQL stores no NUL in text, and people would not see it.
    text = text.replace("\x00", "\N{SYMBOL FOR NULL}")
    return text[:1].upper() + text[1:]
