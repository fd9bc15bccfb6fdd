"""Check that SQL receives a rule's values as bound values."""

import logging
from collections.abc import Iterator
from typing import Any

from graphql_app.criteria import FieldKind, FieldSpec
from graphql_app.testing.findings import Finding
from graphql_app.testing.form_filling import is_valid, suggested_fields
from graphql_app.testing.harness import Case, Harness
from graphql_app.testing.hostile_texts import MARKER
from graphql_app.testing.sql import compile_sql
from graphql_app.testing.value_paths import value_paths

logger = logging.getLogger(__name__)

REMEDY = (
    "Compare columns with the value, or pass it to func.name(...), so that SQLAlchemy binds it. "
    "Never put it into a name, a label, a type or a literal."
)
# Values that SQL does not contain by chance, by kind of field. A field gets the first that it
# accepts.
MARKERS: dict[FieldKind, tuple[Any, ...]] = {
    FieldKind.TEXT: (MARKER,),
    FieldKind.COUNT: (918_273_645, 27_183),
    FieldKind.MONEY: ("918273.6455",),
    FieldKind.NUMBER: ("918273.6455", "71.8281"),
    FieldKind.DATE: ("2187-11-23",),
    FieldKind.TIME_WINDOW: ({"since": "2187-11-23"},),
}


def check_binding(harness: Harness) -> Iterator[Finding]:
    """Check that no SQL contains a rule's value or a search as text."""
    unbound = "Its SQL contains a value of the rule as text instead of binding it."
    for case, marker in _cases_with_marker(harness):
        if _contains(_text(case), marker):
            yield Finding(unbound, REMEDY, case.example)
    for (case, value), (other_case, other_value) in _cases_with_two_values(harness):
        text, other_text = _text(case), _text(other_case)
        own = _contains(text, value) and _contains(other_text, other_value)
        swapped = _contains(text, other_value) or _contains(other_text, value)
        # A value that is only in its own rule's text is not there by chance.
        if own and not swapped:
            yield Finding(unbound, REMEDY, case.example)
    fields_that_suggest = dict(suggested_fields(harness.kind))
    for name in fields_that_suggest:
        given = {other: MARKER for other in fields_that_suggest if other != name}
        try:
            sql = harness.kind.suggest(name, MARKER, harness.scope, given)
            text = "" if sql is None else compile_sql(sql)[0]
        except Exception as error:  # reported by the checks of suggestions
            logger.debug("no suggestions for %s", name, exc_info=error)
            continue
        if _contains(text, MARKER):
            yield Finding(
                f"The SQL of the suggestions for {name} contains the search or a given field as "
                "text instead of binding it.",
                REMEDY,
            )


def _text(case: Case) -> str:
    """Return the text of a rule's SQL, empty if it cannot be built."""
    try:
        return compile_sql(case.criterion.fragment(case.scope))[0]
    except Exception as error:  # reported by the checks of fragments
        logger.debug("no SQL of %s", case.example, exc_info=error)
        return ""


def _contains(text: str, marker: str) -> bool:
    text, marker = text.casefold(), marker.casefold()
    return marker in text or marker.replace("-", "") in text


def _cases_with_marker(harness: Harness) -> Iterator[tuple[Case, str]]:
    """Yield a rule with a marker, and the marker, for every field with every operator."""
    seen = set()
    for case in harness.cases:
        for path in value_paths(harness.kind, case.fields):
            marker = _marker(path.spec)
            if marker is None or (path.name, path.operator) in seen:
                continue
            marked = harness.case(path.put(marker))
            if marked is not None:
                seen.add((path.name, path.operator))
                yield marked, str(marker["since"] if isinstance(marker, dict) else marker)


def _cases_with_two_values(harness: Harness) -> Iterator[tuple[tuple[Case, str], tuple[Case, str]]]:
    """Yield two rules and their values for every text field that accepts no marker.

    Leave out choices of enums, whose names may equal those of columns.
    """
    seen = set()
    for case in harness.cases:
        for path in value_paths(harness.kind, case.fields):
            spec = path.spec
            if (
                spec.type.kind not in (FieldKind.TEXT, FieldKind.CHOICE)
                or spec.choices is not None
                or _marker(spec) is not None
                or (path.name, path.operator) in seen
            ):
                continue
            prefix = path.name.removesuffix(spec.name)
            values = harness.filler.values(spec, path.operator, prefix)
            made = [(harness.case(path.put(value)), value) for value in values]
            pair = [(each, str(value)) for each, value in made if each is not None][:2]
            if len(pair) == 2:
                seen.add((path.name, path.operator))
                yield pair[0], pair[1]


def _marker(spec: FieldSpec) -> Any:
    markers = MARKERS.get(spec.type.kind, ())
    return next((marker for marker in markers if is_valid(spec, marker)), None)
