"""Values to offer for a field, from the shop's own facts or the field's fixed options."""

from __future__ import annotations

from collections.abc import Sequence

from graphql_app.audience.store import Audience
from graphql_app.criteria import FieldSpec, Option, Scope
from graphql_app.errors import AppError, ErrorCode
from graphql_app.plugins import Registry
from graphql_app.segments.predicate import checked

MAX_SUGGESTIONS = 100


def suggestions(
    registry: Registry,
    audience: Audience,
    shop_id: int,
    criterion: str,
    field: str,
    search: str,
    first: int,
    scope: Scope,
) -> Sequence[Option]:
    """Values for a field of a criterion, the best first.

    Raises:
        AppError: There is no such criterion or field, or ``first`` is out of range.
    """
    kind = registry.criteria.get(criterion)
    if kind is None:
        raise AppError(
            ErrorCode.UNKNOWN_CRITERION, f"There is no criterion {criterion!r}.", ("criterion",)
        )
    spec = next((spec for spec in kind.fields() if spec.name == field), None)
    if spec is None:
        raise AppError(ErrorCode.NOT_FOUND, f"{criterion} has no field {field!r}.", ("field",))
    if not 1 <= first <= MAX_SUGGESTIONS:
        raise AppError(
            ErrorCode.LIMIT_EXCEEDED, f"first must be from 1 to {MAX_SUGGESTIONS}.", ("first",)
        )
    options = _matching(spec, search)
    if spec.form.suggests:
        # Labels of fixed options are the host's to search; other values are the criterion's.
        statement = kind.suggest(field, "" if spec.type.options else search, scope)
        if statement is None:
            raise TypeError(f"{criterion}.suggest offers nothing for {field!r}")
        statement = checked(statement, criterion).limit(len(spec.type.options) or first)
        found = [
            Option(str(value), str(label)) for value, label in audience.rows(statement, shop_id)
        ]
        if not spec.type.options:
            return found
        rank = {option.value: position for position, option in enumerate(found)}
        options = sorted(options, key=lambda option: rank.get(option.value, len(rank)))
    return options[:first]


def _matching(spec: FieldSpec, search: str) -> list[Option]:
    wanted = search.casefold()
    return [
        option
        for option in spec.type.options
        if wanted in option.label.casefold() or wanted in option.value.casefold()
    ]
