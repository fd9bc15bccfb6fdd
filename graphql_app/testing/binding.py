"""Checks that what a rule says reaches SQL as bound values."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from graphql_app.criteria import FieldKind, FieldSpec
from graphql_app.testing.findings import Finding
from graphql_app.testing.form_filling import is_valid, suggesting
from graphql_app.testing.harness import Bench, Case
from graphql_app.testing.hostile_texts import MARKER
from graphql_app.testing.sql import compiled
from graphql_app.testing.value_paths import places

logger = logging.getLogger(__name__)

REMEDY = (
    "Let SQLAlchemy bind what a rule says: compare columns with it, or give it to func.name(...) "
    "as an argument. Never make it part of a name, a label, a type or a literal."
)
# Values that no SQL has by chance, by the kind of field; the first that the field takes is used.
MARKERS: dict[FieldKind, tuple[Any, ...]] = {
    FieldKind.TEXT: (MARKER,),
    FieldKind.COUNT: (918_273_645, 27_183),
    FieldKind.MONEY: ("918273.6455",),
    FieldKind.NUMBER: ("918273.6455", "71.8281"),
    FieldKind.DATE: ("2187-11-23",),
    FieldKind.TIME_WINDOW: ({"since": "2187-11-23"},),
}


def bound(bench: Bench) -> Iterator[Finding]:
    """No value of a rule is in the text of its SQL, and no search in that of the suggestions."""
    unbound = "Its SQL has a value of the rule in its text, not bound."
    for case, marker in _marked(bench):
        text = _text(case)
        if text is not None and _holds(text, marker):
            yield Finding(unbound, REMEDY, case.shown)
    for (case, value), (other_case, other_value) in _unlike(bench):
        text, other = _text(case), _text(other_case)
        if text is None or other is None:
            continue
        # Either value is in its own rule's text alone, so it is not there by chance.
        if (_holds(text, value), _holds(other, value)) == (True, False) and (
            _holds(text, other_value),
            _holds(other, other_value),
        ) == (False, True):
            yield Finding(unbound, REMEDY, case.shown)
    fields_that_suggest = dict(suggesting(bench.kind))
    for name in fields_that_suggest:
        given = {other: MARKER for other in fields_that_suggest if other != name}
        try:
            sql = bench.kind.suggest(name, MARKER, bench.scope, given)
            text = "" if sql is None else compiled(sql)[0]
        except Exception as error:  # told of by the checks of suggestions
            logger.debug("no suggestions for %s", name, exc_info=error)
            continue
        if _holds(text, MARKER):
            yield Finding(
                f"The suggestions for {name} have the search, or a given field, in their SQL's "
                "text, not bound.",
                REMEDY,
            )


def _text(case: Case) -> str | None:
    """The text of a rule's SQL, if it has any."""
    try:
        text, _ = compiled(case.criterion.fragment(case.scope))
    except Exception as error:  # told of by the checks of fragments
        logger.debug("no SQL of %s", case.shown, exc_info=error)
        return None
    return text


def _holds(text: str, marker: str) -> bool:
    text, marker = text.casefold(), marker.casefold()
    return marker in text or marker.replace("-", "") in text


def _marked(bench: Bench) -> Iterator[tuple[Case, str]]:
    """For every field with every operator, a rule with a marker there, and the marker."""
    seen = set()
    for case in bench.cases:
        for place in places(bench.kind, case.fields):
            marker = _marker(place.spec)
            if marker is None or (place.name, place.operator) in seen:
                continue
            marked = bench.case(place.put(marker))
            if marked is not None:
                seen.add((place.name, place.operator))
                yield marked, str(marker["since"] if isinstance(marker, dict) else marker)


def _unlike(bench: Bench) -> Iterator[tuple[tuple[Case, str], tuple[Case, str]]]:
    """For every field of texts that takes no marker, with every operator, two rules and values.

    A choice of an enum is left out: its names may well be those of columns.
    """
    seen = set()
    for case in bench.cases:
        for place in places(bench.kind, case.fields):
            spec = place.spec
            if (
                spec.type.kind not in (FieldKind.TEXT, FieldKind.CHOICE)
                or spec.choices is not None
                or _marker(spec) is not None
                or (place.name, place.operator) in seen
            ):
                continue
            prefix = place.name.removesuffix(spec.name)
            values = bench.filler.values(spec, place.operator, prefix)
            made = [(bench.case(place.put(value)), value) for value in values]
            pair = [(each, str(value)) for each, value in made if each is not None][:2]
            if len(pair) == 2:
                seen.add((place.name, place.operator))
                yield pair[0], pair[1]


def _marker(spec: FieldSpec) -> Any:
    markers = MARKERS.get(spec.type.kind, ())
    return next((marker for marker in markers if is_valid(spec, marker)), None)
