"""Check that a text matches only itself, whatever characters it contains."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from graphql_app.criteria import FieldKind, Operator
from graphql_app.testing.findings import Finding
from graphql_app.testing.harness import Case, Harness
from graphql_app.testing.hostile_texts import NOBODYS, OTHERS, PATTERNS, plain
from graphql_app.testing.value_paths import ValuePath, value_paths

APART = 5
MOST_IN_A_LIST = 4
REMEDY = (
    "Compare texts with ==, in_, func.startsWith, func.position or func.has and a bound value; do "
    "not build LIKE patterns or regular expressions from it."
)
# Operators of lists, and how the members of each value combine to those of the list.
OF_LISTS: dict[str, tuple[str, Callable[[frozenset[int], frozenset[int]], frozenset[int]]]] = {
    "ANY_OF": ("union", frozenset.union),
    "ALL_OF": ("intersection", frozenset.intersection),
}


def check_special_characters(harness: Harness, cases: Sequence[Case]) -> Iterator[Finding]:
    """Check that special characters in rules and facts change no members."""
    plain_cases = {
        case: plain_case
        for case in cases
        if (fields := plain(case.fields)) != case.fields
        and (plain_case := harness.case(fields)) is not None
    }
    answers = harness.members(list(plain_cases), harness.shop)
    plain_answers = harness.members(list(plain_cases.values()), harness.plain_shop)
    for case, answer, plain_answer in zip(plain_cases, answers, plain_answers, strict=True):
        if answer != plain_answer:
            yield Finding(
                "A text with special characters matches differently than a plain text.",
                REMEDY,
                case.example,
            )


def check_unknown_texts(harness: Harness, cases: Sequence[Case]) -> Iterator[Finding]:
    """Check that all texts that occur in no contact match the same contacts."""
    tried: list[tuple[Case, Case]] = []
    for number, path in enumerate(_text_paths(harness, cases)):
        unknown = harness.case(path.put(NOBODYS))
        # Try the patterns in every field, and the other texts in turn.
        for text in (*PATTERNS, *OTHERS[number % APART :: APART]):
            case = harness.case(path.put(text)) if unknown is not None else None
            if case is not None and unknown is not None:
                tried.append((case, unknown))
    harness.answers([each for pair in tried for each in pair], harness.plain_shop)
    for case, unknown in tried:
        answer, other = harness.members([case, unknown], harness.plain_shop)
        if answer != other:
            yield Finding(
                "Two texts that occur in no contact match different contacts.", REMEDY, case.example
            )


def _text_paths(harness: Harness, cases: Sequence[Case]) -> Sequence[ValuePath]:
    """Return the paths of texts with two operators each, or with all if only some use the field."""
    found: dict[str, dict[Operator, ValuePath]] = {}
    for case in cases:
        for path in value_paths(harness.kind, case.fields):
            if path.spec.type.kind is FieldKind.TEXT and not (
                path.operator.negated or case.criterion.operator.negated
            ):
                found.setdefault(path.name, {}).setdefault(path.operator, path)
    return [
        path
        for by_operator in found.values()
        for number, path in enumerate(by_operator.values())
        if number < 2 or path.spec.form.used_with is not None
    ]


def check_lists(harness: Harness, cases: Sequence[Case]) -> Iterator[Finding]:
    """Check that a list matches the union or intersection of its values' members."""
    tried: list[tuple[Operator, Sequence[Case]]] = []
    for case in harness.one_per_shape(cases):
        operator = case.criterion.operator
        for spec in harness.kind.fields() if operator.value in OF_LISTS else ():
            if not (spec.multiple and spec.required and spec.name in case.fields):
                continue
            pool = harness.filler.values(spec, operator, document=case.fields)
            for one, other in pairwise(pool[:MOST_IN_A_LIST]):
                made = [
                    harness.case({**case.fields, spec.name: values})
                    for values in ([one, other], [one], [other])
                ]
                whole = [each for each in made if each is not None]
                if len(whole) == len(made):
                    tried.append((operator, whole))
    harness.answers([case for _, whole in tried for case in whole], harness.shop)
    for operator, listed in tried:
        both, one_of_them, other_of_them = harness.members(listed, harness.shop)
        name, combine = OF_LISTS[operator.value]
        if both != combine(one_of_them, other_of_them):
            yield Finding(
                f"{operator} of two values does not match the {name} of their members.",
                f"Make {operator} of a list match the {name}, with the other fields unchanged.",
                listed[0].example,
            )
