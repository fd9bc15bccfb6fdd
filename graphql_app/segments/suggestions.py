"""Values to offer for a field, from the shop's own facts or the field's fixed options."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError
from sqlalchemy import func, select

from graphql_app.audience.store import Audience
from graphql_app.audience.tables import Statement
from graphql_app.criteria import Criterion, FieldKind, FieldSpec, Form, Option, Scope
from graphql_app.criteria.field_types import MAX_VALUES
from graphql_app.errors import AppError, ErrorCode
from graphql_app.plugins import Registry
from graphql_app.segments.failures import RuleTimeoutError, blaming, failed
from graphql_app.segments.sql_guard import checked

MAX_SUGGESTIONS = 100

SegmentOptions = Callable[[str, int], Sequence[Option]]
SegmentNames = Callable[[Sequence[str]], Mapping[str, str]]


def no_segments(search: str, first: int) -> Sequence[Option]:
    """For those who may refer to no saved segment."""
    return ()


def suggestions(
    registry: Registry,
    audience: Audience,
    shop_id: int,
    criterion: str,
    field: str,
    search: str,
    first: int,
    scope: Scope,
    given: Mapping[str, Any] = MappingProxyType({}),
    segments: SegmentOptions = no_segments,
) -> Sequence[Option]:
    """Values for a field of a criterion, the best first.

    Args:
        registry: The criteria there are.
        audience: Where the facts are.
        shop_id: The shop that asks.
        criterion: The criterion's key.
        field: The field's name; a condition's after that of its list and a point.
        search: A part of a value or its label.
        first: How many at most.
        scope: As for the rule.
        given: What the criterion's other fields have so far, by the same names, unchecked.
        segments: Saved segments by a part of the name.

    Raises:
        AppError: There is no such criterion or field, ``first`` is out of range, or the criterion
            failed or took too long.
    """
    kind, spec = _field(registry, criterion, field)
    if not 1 <= first <= MAX_SUGGESTIONS:
        raise AppError(
            ErrorCode.LIMIT_EXCEEDED, f"first must be from 1 to {MAX_SUGGESTIONS}.", ("first",)
        )
    if spec.type.kind is FieldKind.SEGMENT:
        return segments(search, first)
    options = _matching(spec, search)
    if spec.form.suggests:
        # Labels of fixed options are the host's to search; other values are the criterion's.
        wanted = "" if spec.type.options else search
        statement = suggestion_statement(kind, field, wanted, scope, given)
        if statement is None:
            return options[:first]
        found = _found(audience, shop_id, kind, statement.limit(len(spec.type.options) or first))
        if not spec.type.options:
            return found
        rank = {option.value: position for position, option in enumerate(found)}
        options = sorted(options, key=lambda option: rank.get(option.value, len(rank)))
    return options[:first]


def labels(
    registry: Registry,
    audience: Audience,
    shop_id: int,
    criterion: str,
    field: str,
    values: Sequence[str],
    scope: Scope,
    given: Mapping[str, Any],
    segments: SegmentNames,
) -> dict[str, str]:
    """What people see for values that a rule has; those that nothing names are missing.

    Args:
        registry: The criteria there are.
        audience: Where the facts are.
        shop_id: The shop that asks.
        criterion: The criterion's key.
        field: As for ``suggestions``.
        values: Of the field.
        scope: As for the rule.
        given: As for ``suggestions``.
        segments: The names of saved segments by their ids.

    Raises:
        AppError: As for ``suggestions``; or there are too many values.
    """
    kind, spec = _field(registry, criterion, field)
    if len(values) > MAX_VALUES:
        raise AppError(
            ErrorCode.LIMIT_EXCEEDED, f"At most {MAX_VALUES} values are labelled.", ("values",)
        )
    if spec.type.kind is FieldKind.SEGMENT:
        return dict(segments(values))
    if spec.type.options:
        wanted = frozenset(values)
        return {
            option.value: option.label for option in spec.type.options if option.value in wanted
        }
    statement = (
        suggestion_statement(kind, field, "", scope, given)
        if values and spec.form.suggests
        else None
    )
    if statement is None:
        return {}
    # All that the criterion would offer, of which these are picked.
    offered, label, *_ = statement.order_by(None).subquery().c
    value = func.toString(offered)
    found = select(value, func.any(label)).where(value.in_(values)).group_by(value)
    return {option.value: option.label for option in _found(audience, shop_id, kind, found)}


def _field(registry: Registry, criterion: str, field: str) -> tuple[type[Criterion], FieldSpec]:
    kind = registry.criteria.get(criterion)
    if kind is None:
        raise AppError(
            ErrorCode.UNKNOWN_CRITERION, f"There is no criterion {criterion!r}.", ("criterion",)
        )
    spec = all_fields(kind).get(field)
    if spec is None:
        raise AppError(ErrorCode.NOT_FOUND, f"{criterion} has no field {field!r}.", ("field",))
    return kind, spec


def suggestion_statement(
    kind: type[Criterion], field: str, search: str, scope: Scope, given: Mapping[str, Any]
) -> Statement | None:
    """What a criterion itself would ask for values of a field; ``None`` where it has none.

    Raises:
        CriterionFailedError: Its code failed, or its SQL holds something forbidden.
    """
    with blaming(kind):
        statement = kind.suggest(field, search, scope, _checked(all_fields(kind), given))
        return None if statement is None else checked(statement, kind.key)


def _found(
    audience: Audience, shop_id: int, kind: type[Criterion], statement: Statement
) -> list[Option]:
    try:
        rows = audience.fetch_rows(statement, shop_id)
    except Exception as error:
        if isinstance(error, AppError):
            if error.code is ErrorCode.TIMEOUT:
                raise RuleTimeoutError([kind], str(error)) from error
            if error.code is not ErrorCode.UNAVAILABLE:
                raise
            audience.ping()  # the criterion is not to blame for a store that is down
        raise failed(kind, error) from error
    with blaming(kind):
        return [_option(row) for row in rows]


def all_fields(form: type[Form], prefix: str = "") -> dict[str, FieldSpec]:
    """The fields of a form and of its conditions, by their names."""
    found = {}
    for spec in form.fields():
        found[prefix + spec.name] = spec
        if spec.condition is not None:
            found |= all_fields(spec.condition, f"{prefix}{spec.name}.")
    return found


def _checked(fields: Mapping[str, FieldSpec], given: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is given, without what no rule could have."""
    values = {}
    for name in given.keys() & fields.keys():
        with suppress(ValidationError):
            values[name] = fields[name].adapter.validate_python(given[name])
    return values


def _option(row: Sequence[Any]) -> Option:
    value, label, *more = row
    return Option(str(value), str(label), tuple(map(str, more[0])) if more else None)


def _matching(spec: FieldSpec, search: str) -> list[Option]:
    wanted = search.casefold()
    return [
        option
        for option in spec.type.options
        if wanted in option.label.casefold() or wanted in option.value.casefold()
    ]
