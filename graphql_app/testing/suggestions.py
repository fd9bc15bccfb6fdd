"""Check a form's suggestions from the shop's facts."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphql_app.criteria import FieldSpec, Form, Option
from graphql_app.testing.findings import Finding, describe_error, format_example
from graphql_app.testing.form_filling import is_valid, suggested_fields
from graphql_app.testing.harness import Harness
from graphql_app.testing.hostile_texts import NOBODYS, OTHERS, PATTERNS, plain

SEARCHED_AGAIN = 3


def check_suggestions(harness: Harness) -> Iterator[Finding]:
    """Check that every field with ``suggests`` returns valid values and finds them again."""
    for name, spec in suggested_fields(harness.kind):
        try:
            given, offered = _offered(harness, name)
        except Exception as error:
            yield Finding(
                f"suggest raises for {name}: {describe_error(error)}",
                "Return a statement of (value, label) rows for every search, with or without other "
                "fields in `given`; or None if there is nothing to suggest.",
            )
            continue
        if not offered:
            yield Finding(
                f"suggest returns nothing for {name} in a shop with facts of every table.",
                "Return a statement of (value, label) rows, or declare the field without "
                "suggests=True. If it looks for certain names, pass examples with them to "
                "check_criterion, so that the generated shops contain them.",
            )
        yield from _check_values(harness.kind, name, spec, offered)
        yield from _check_found_again(harness, name, given, offered)
        yield from _check_searches(harness, name, given)


def _offered(harness: Harness, name: str) -> tuple[Mapping[str, Any], Sequence[Option]]:
    """Return suggestions, and the other fields that they need."""
    if offered := harness.suggest(harness.shop, name):
        return {}, offered
    for case in harness.cases:
        given = _flat(case.fields)
        if offered := harness.suggest(harness.shop, name, given={**given, name: None}):
            return given, offered
    return {}, ()


def _flat(fields: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return fields by the names that suggestions use, including the first condition's."""
    found: dict[str, Any] = {}
    for name, value in fields.items():
        found[prefix + name] = value
        if isinstance(value, list) and isinstance(value[0], dict):
            found |= _flat(value[0], f"{prefix}{name}.")
    return found


def _check_values(
    kind: type[Form], name: str, spec: FieldSpec, offered: Sequence[Option]
) -> Iterator[Finding]:
    owner = kind
    for part in name.split(".")[:-1]:
        owner = next(s.condition for s in owner.fields() if s.name == part and s.condition)
    for option in offered:
        if not is_valid(spec, option.value):
            yield Finding(
                f"suggest returns a value for {name} that the field rejects.",
                "Return only values that the field's type accepts.",
                format_example(option.value),
            )
        if not option.label.strip():
            yield Finding(
                f"suggest returns a value for {name} without a label.",
                "Select (value, label); the value itself can be the label.",
                format_example(option.value),
            )
        unknown = {*(option.operators or ())} - {*owner.operators()}
        if unknown:
            yield Finding(
                f"suggest returns operators for {name} that its form does not have: "
                f"{', '.join(sorted(unknown))}.",
                "Select names of the form's operators in the third column.",
                format_example(option.value),
            )


def _check_found_again(
    harness: Harness, name: str, given: Mapping[str, Any], offered: Sequence[Option]
) -> Iterator[Finding]:
    hostile = [option for option in offered if plain(option.value) != option.value]
    for option in (*offered[:SEARCHED_AGAIN], *hostile[:SEARCHED_AGAIN]):
        try:
            again = harness.suggest(harness.shop, name, option.value, given)
        except Exception as error:
            yield _search_fails(name, option.value, error)
            continue
        if option.value not in [found.value for found in again]:
            yield Finding(
                f"Searching for a suggested value of {name} does not find it.",
                "Search for the text anywhere in the value or label, ignoring case: "
                "func.positionCaseInsensitiveUTF8(column, search) > 0.",
                format_example(option.value),
            )


def _check_searches(harness: Harness, name: str, given: Mapping[str, Any]) -> Iterator[Finding]:
    nothing = harness.suggest(harness.plain_shop, name, NOBODYS, given)
    for search in (*PATTERNS, *OTHERS[::5]):
        try:
            found = harness.suggest(harness.plain_shop, name, search, given)
        except Exception as error:
            yield _search_fails(name, search, error)
            continue
        if found != nothing:
            yield Finding(
                f"Searching for a text that no contact has finds values for {name}.",
                "Treat the search as plain text: func.positionCaseInsensitiveUTF8(column, search) "
                "> 0, without LIKE or regular expressions.",
                format_example(search),
            )


def _search_fails(name: str, search: str, error: Exception) -> Finding:
    return Finding(
        f"Searching for values of {name} fails: {describe_error(error)}",
        "Treat the search as plain text and bind it.",
        format_example(search),
    )
