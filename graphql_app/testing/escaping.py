"""Checks that a text matches itself and nothing else, whatever it holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from graphql_app.criteria import FieldKind, Operator
from graphql_app.testing.findings import Finding
from graphql_app.testing.harness import Bench, Case
from graphql_app.testing.hostile_texts import NOBODYS, OTHERS, PATTERNS, plain
from graphql_app.testing.value_paths import Place, places

APART = 5
MOST_IN_A_LIST = 4
REMEDY = (
    "Compare texts with ==, in_, func.startsWith, func.position or func.has, and the value bound: "
    "no LIKE and no regular expression made of it."
)
# Operators of lists, and what the members of two values are of those of each.
OF_LISTS: dict[str, tuple[str, Callable[[frozenset[int], frozenset[int]], frozenset[int]]]] = {
    "ANY_OF": ("those of one value and those of the other", frozenset.union),
    "ALL_OF": ("those of one value who are those of the other", frozenset.intersection),
}


def like_plain_ones(bench: Bench, cases: Sequence[Case]) -> Iterator[Finding]:
    """A shop full of hostile texts answers as the same shop with plain ones does."""
    twins = {
        case: twin
        for case in cases
        if (fields := plain(case.fields)) != case.fields
        and (twin := bench.case(fields)) is not None
    }
    answers = bench.members(list(twins), bench.shop)
    plain_answers = bench.members(list(twins.values()), bench.twin)
    for case, answer, plain_answer in zip(twins, answers, plain_answers, strict=True):
        if answer != plain_answer:
            yield Finding(
                "A hostile text matches otherwise than a plain one in its place.",
                REMEDY,
                case.shown,
            )


def of_nobody(bench: Bench, cases: Sequence[Case]) -> Iterator[Finding]:
    """A hostile text that nobody has matches what any other text that nobody has does."""
    tried: list[tuple[Case, Case]] = []
    for number, place in enumerate(_places_of_texts(bench, cases)):
        unknown = bench.case(place.put(NOBODYS))
        # The patterns everywhere, and of the other texts some here, some there.
        for text in (*PATTERNS, *OTHERS[number % APART :: APART]):
            case = bench.case(place.put(text)) if unknown is not None else None
            if case is not None and unknown is not None:
                tried.append((case, unknown))
    bench.answers([each for pair in tried for each in pair], bench.twin)
    for case, unknown in tried:
        answer, other = bench.members([case, unknown], bench.twin)
        if answer != other:
            yield Finding(
                "A text that nobody has matches otherwise than another that nobody has.",
                REMEDY,
                case.shown,
            )


def _places_of_texts(bench: Bench, cases: Sequence[Case]) -> Sequence[Place]:
    """The places of texts: those for some operators with each of these, others with two."""
    found: dict[str, dict[Operator, Place]] = {}
    for case in cases:
        for place in places(bench.kind, case.fields):
            if place.spec.type.kind is FieldKind.TEXT and not (
                place.operator.negated or case.criterion.operator.negated
            ):
                found.setdefault(place.name, {}).setdefault(place.operator, place)
    return [
        place
        for by_operator in found.values()
        for number, place in enumerate(by_operator.values())
        if number < 2 or place.spec.form.used_with is not None
    ]


def lists(bench: Bench, cases: Sequence[Case]) -> Iterator[Finding]:
    """Two values in a list mean what the operator says of what each means by itself."""
    tried: list[tuple[Operator, Sequence[Case]]] = []
    for case in bench.one_per_shape(cases):
        operator = case.criterion.operator
        for spec in bench.kind.fields() if operator.value in OF_LISTS else ():
            if not (spec.multiple and spec.required and spec.name in case.fields):
                continue
            pool = bench.filler.values(spec, operator, document=case.fields)
            for one, other in pairwise(pool[:MOST_IN_A_LIST]):
                made = [
                    bench.case({**case.fields, spec.name: values})
                    for values in ([one, other], [one], [other])
                ]
                whole = [each for each in made if each is not None]
                if len(whole) == len(made):
                    tried.append((operator, whole))
    bench.answers([case for _, whole in tried for case in whole], bench.shop)
    for operator, listed in tried:
        both, one_of_them, other_of_them = bench.members(listed, bench.shop)
        said, combined = OF_LISTS[operator.value]
        if both != combined(one_of_them, other_of_them):
            yield Finding(
                f"The members with {operator} of two values are not {said}.",
                f"Have {operator} of a list mean that, with the other fields as they are.",
                listed[0].shown,
            )
