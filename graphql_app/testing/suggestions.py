"""Checks of what a form offers: suggestions from the shop's own facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphql_app.criteria import FieldSpec, Form, Option
from graphql_app.testing.findings import Finding, shown, told
from graphql_app.testing.form_filling import is_valid, suggesting
from graphql_app.testing.harness import Bench
from graphql_app.testing.hostile_texts import NOBODYS, OTHERS, PATTERNS, plain

SEARCHED_AGAIN = 3


def suggested(bench: Bench) -> Iterator[Finding]:
    """Each field that says so offers valid values, and finds them again."""
    for name, spec in suggesting(bench.kind):
        try:
            given, offered = _offered(bench, name)
        except Exception as error:
            yield Finding(
                f"suggest raises for {name}: {told(error)}",
                "Return a statement of (value, label) rows for every search, whether or not "
                "`given` has the other fields; or None where there is nothing to offer.",
            )
            continue
        if not offered:
            yield Finding(
                f"suggest offers nothing for {name} in a shop with facts of every table.",
                "Return a statement of (value, label) rows, or declare the field without "
                "suggests=True. If it looks for facts of some names only, give check_criterion "
                "examples with them: the generated shops then have them.",
            )
        yield from _values(bench.kind, name, spec, offered)
        yield from _found_again(bench, name, given, offered)
        yield from _searches(bench, name, given)


def _offered(bench: Bench, name: str) -> tuple[Mapping[str, Any], Sequence[Option]]:
    """What is offered, and with which other fields filled in it is."""
    offered = bench.suggested(bench.shop, name)
    filled = [_flat(case.fields) for case in bench.cases]
    for given in filled:
        if offered or not given:
            break
        offered = bench.suggested(bench.shop, name, given={**given, name: None})
        if offered:
            return given, offered
    return {}, offered


def _flat(fields: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Fields by the names that suggestions know, those of the first condition among them."""
    found: dict[str, Any] = {}
    for name, value in fields.items():
        found[prefix + name] = value
        if isinstance(value, list) and isinstance(value[0], dict):
            found |= _flat(value[0], f"{prefix}{name}.")
    return found


def _values(
    kind: type[Form], name: str, spec: FieldSpec, offered: Sequence[Option]
) -> Iterator[Finding]:
    owner = kind
    for part in name.split(".")[:-1]:
        owner = next(s.condition for s in owner.fields() if s.name == part and s.condition)
    for option in offered:
        if not is_valid(spec, option.value):
            yield Finding(
                f"suggest offers a value for {name} that the field refuses.",
                "Offer only values of facts that the field's type accepts.",
                shown(option.value),
            )
        if not option.label.strip():
            yield Finding(
                f"suggest offers a value for {name} without a label.",
                "Select (value, label); the value itself is a label.",
                shown(option.value),
            )
        unknown = {*(option.operators or ())} - {*owner.operators()}
        if unknown:
            yield Finding(
                f"suggest names operators for {name} that the form does not have: "
                f"{', '.join(sorted(unknown))}.",
                "The third column holds names of operators of the field's own form.",
                shown(option.value),
            )


def _found_again(
    bench: Bench, name: str, given: Mapping[str, Any], offered: Sequence[Option]
) -> Iterator[Finding]:
    hostile = [option for option in offered if plain(option.value) != option.value]
    for option in (*offered[:SEARCHED_AGAIN], *hostile[:SEARCHED_AGAIN]):
        try:
            again = bench.suggested(bench.shop, name, option.value, given)
        except Exception as error:
            yield _search_fails(name, option.value, error)
            continue
        if option.value not in [found.value for found in again]:
            yield Finding(
                f"A search for a value that is offered for {name} does not find it.",
                "Look for the search as a part of the value or label, capitals apart: "
                "func.positionCaseInsensitiveUTF8(column, search) > 0.",
                shown(option.value),
            )


def _searches(bench: Bench, name: str, given: Mapping[str, Any]) -> Iterator[Finding]:
    nothing = bench.suggested(bench.twin, name, NOBODYS, given)
    for search in (*PATTERNS, *OTHERS[::5]):
        try:
            found = bench.suggested(bench.twin, name, search, given)
        except Exception as error:
            yield _search_fails(name, search, error)
            continue
        if found != nothing:
            yield Finding(
                f"A search for what nobody has finds values for {name}.",
                "Take the search as plain text: func.positionCaseInsensitiveUTF8(column, search) "
                "> 0, and no LIKE or regular expression.",
                shown(search),
            )


def _search_fails(name: str, search: str, error: Exception) -> Finding:
    return Finding(
        f"A search for values of {name} fails: {told(error)}",
        "Take the search as plain text, bound.",
        shown(search),
    )
