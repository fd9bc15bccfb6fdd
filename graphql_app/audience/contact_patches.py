"""Changing some attributes of contacts, and leaving the others as they are."""

import json
from collections.abc import Mapping, Sequence, Set
from typing import Any

import pyarrow as pa

from graphql_app.audience.column_parser import BadValueError
from graphql_app.audience.facts import CONTACTS, BadFactsError, BadValue
from graphql_app.audience.properties_parser import parse_properties
from graphql_app.audience.value_parsers import MAX_TAGS
from graphql_app.audience.whole_numbers import restore_whole_numbers

Row = dict[str, Any]

NAMES = frozenset(field.name for field in CONTACTS.fields)


def apply_patches(
    contacts: Mapping[int, Row],
    numbers: Sequence[int],
    patches: pa.Table,
    given: Sequence[Set[str]],
) -> pa.Table:
    """Return the contacts after patches, one row for each patch.

    Args:
        contacts: The recorded contacts, with the fields of ``CONTACTS``, by number.
        numbers: The contact of each patch.
        patches: Checked rows of ``CONTACT_PATCHES``.
        given: The names of the fields that each patch has; null clears a field.

    Raises:
        BadFactsError: A contact is not recorded, or would have too many tags or properties.
    """
    current = dict(contacts)
    changed: list[Row] = []
    problems: list[BadValue] = []
    for position, patch in enumerate(patches.to_pylist()):
        row = current.get(numbers[position])
        if row is None:
            message = "is not the id of a recorded contact; record it with contactsUpsert"
            problems.append(BadValue(position, "id", message))
            continue
        after = dict(row)
        bad = _apply(after, patch, given[position])
        problems += (BadValue(position, field, message) for field, message in bad)
        if not bad:
            current[numbers[position]] = after
            changed.append(after)
    if problems:
        raise BadFactsError(problems)
    return pa.Table.from_pylist(changed, CONTACTS.arrow_schema)


def _apply(row: Row, patch: Row, given: Set[str]) -> list[tuple[str, str]]:
    """Apply a patch to a contact; return the fields that are bad, and why."""
    bad: list[tuple[str, str]] = []
    row |= {name: patch[name] for name in given & (NAMES - {"id", "tags", "properties"})}
    if "tags" in given:
        row["tags"] = patch["tags"] or []
    removed = {*(patch["remove_tags"] or [])}
    tags = dict.fromkeys([*row["tags"], *(patch["add_tags"] or [])])
    row["tags"] = [tag for tag in tags if tag not in removed]
    if len(row["tags"]) > MAX_TAGS:
        bad.append(("add_tags", f"would give the contact more than {MAX_TAGS} tags"))
    if "properties" in given:
        try:
            row["properties"] = _patch_properties(row["properties"], patch["properties"])
        except BadValueError as error:
            bad.append(("properties", str(error)))
    return bad


def _patch_properties(stored: str, patch: str | None) -> str:
    """Apply a JSON Merge Patch (RFC 7396) to properties; no patch clears them."""
    if patch is None:
        return "{}"
    document, change = (json.loads(restore_whole_numbers(text)) for text in (stored, patch))
    return parse_properties(_merge(document, change))


def _merge(document: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    merged = dict(document) if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merge(merged.get(name), value)
    return merged
