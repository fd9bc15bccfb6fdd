"""Suggestions: values to offer for a field, and the labels of values."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError
from sqlalchemy import func, select

from graphql_app.audience.tables import Statement
from graphql_app.criteria import Criterion, FieldKind, FieldSpec, Form, Option, Scope
from graphql_app.criteria.field_types import MAX_VALUES
from graphql_app.criteria.texts import FOLDED_VALUE
from graphql_app.errors import AppError, ErrorCode
from graphql_app.folding import fold
from graphql_app.plugins import Registry
from graphql_app.segments.fact_reader import FactReader
from graphql_app.segments.failures import RuleTimeoutError, blaming, failed
from graphql_app.segments.sql_guard import checked

MAX_SUGGESTIONS = 100

SegmentOptions = Callable[[str, int], Sequence[Option]]
SegmentNames = Callable[[Sequence[str]], Mapping[str, str]]


def no_segments(search: str, first: int) -> Sequence[Option]:
    """Find no saved segments."""
    return ()


def suggestions(
    reader: FactReader,
    registry: Registry,
    criterion: str,
    field: str,
    search: str = "",
    first: int = 1,
    *,
    given: Mapping[str, Any] = MappingProxyType({}),
    segments: SegmentOptions = no_segments,
) -> Sequence[Option]:
    """Return up to ``first`` values to offer for a field of a criterion, the best first.

    Args:
        field: The field's name; for a field of a condition, ``list.field``.
        search: Part of a value or of its label.
        given: The values of the criterion's other fields so far, unchecked.
        segments: Finds saved segments by part of their name.

    Raises:
        AppError: The criterion or field is unknown, ``first`` is out of range, or the criterion
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
        # The host searches the labels of fixed options; the criterion searches its own values.
        wanted = "" if spec.type.options else search
        statement = suggestion_statement(kind, field, wanted, reader.scope, given)
        if statement is None:
            return options[:first]
        found = _options(reader, kind, statement.limit(len(spec.type.options) or first))
        if not spec.type.options:
            return found
        rank = {option.value: position for position, option in enumerate(found)}
        options = sorted(options, key=lambda option: rank.get(option.value, len(rank)))
    return options[:first]


def labels(
    reader: FactReader,
    registry: Registry,
    criterion: str,
    field: str,
    values: Sequence[str],
    *,
    given: Mapping[str, Any],
    segments: SegmentNames,
) -> dict[str, str]:
    """Return the labels of values of a field; values without a label are left out.

    The arguments are as for ``suggestions``, but ``segments`` returns names of segments by id.

    Raises:
        AppError: As ``suggestions``; or there are more than ``MAX_VALUES`` values.
    """
    kind, spec = _field(registry, criterion, field)
    if len(values) > MAX_VALUES:
        raise AppError(ErrorCode.LIMIT_EXCEEDED, f"Send at most {MAX_VALUES} values.", ("values",))
    if spec.type.kind is FieldKind.SEGMENT:
        return dict(segments(values))
    if spec.type.options:
        wanted = frozenset(values)
        return {
            option.value: option.label for option in spec.type.options if option.value in wanted
        }
    suggests = bool(values) and spec.form.suggests
    statement = suggestion_statement(kind, field, "", reader.scope, given) if suggests else None
    if statement is None:
        return {}
    # Everything the criterion would offer, limited to the wanted values: the same texts in any
    # spelling, if the statement has their folded form.
    folded = statement.get_execution_options().get(FOLDED_VALUE)
    keys = {value: value if folded is None else fold(value) for value in values}
    if folded is None:
        offered, label, *_ = statement.order_by(None).subquery().c
    else:
        _, label, offered = statement.order_by(None).add_columns(folded).subquery().c
    value = func.toString(offered)
    found = select(value, func.any(label)).where(value.in_({*keys.values()})).group_by(value)
    known = {option.value: option.label for option in _options(reader, kind, found)}
    return {each: known[key] for each, key in keys.items() if key in known}


def _field(registry: Registry, criterion: str, field: str) -> tuple[type[Criterion], FieldSpec]:
    kind = registry.criteria.get(criterion)
    if kind is None:
        raise AppError(
            ErrorCode.UNKNOWN_CRITERION,
            f"Unknown criterion {criterion!r}; `criteria` lists all.",
            ("criterion",),
        )
    spec = all_fields(kind).get(field)
    if spec is None:
        raise AppError(
            ErrorCode.NOT_FOUND,
            f"The criterion {criterion} has no field {field!r}; `criterion` lists all.",
            ("field",),
        )
    return kind, spec


def suggestion_statement(
    kind: type[Criterion], field: str, search: str, scope: Scope, given: Mapping[str, Any]
) -> Statement | None:
    """Return the criterion's statement for values of a field; ``None`` without one.

    Raises:
        CriterionFailedError: Its code failed, or its SQL contains something forbidden.
    """
    with blaming(kind):
        statement = kind.suggest(field, search, scope, _checked(all_fields(kind), given))
        return None if statement is None else checked(statement, kind.key)


def _options(reader: FactReader, kind: type[Criterion], statement: Statement) -> list[Option]:
    try:
        rows = reader.rows(statement)
    except Exception as error:
        if isinstance(error, AppError):
            if error.code is ErrorCode.TIMEOUT:
                raise RuleTimeoutError([kind], str(error)) from error
            if error.code is not ErrorCode.UNAVAILABLE:
                raise
            reader.audience.ping()  # raises when the store is down, which is not the plugin's fault
        raise failed(kind, error) from error
    with blaming(kind):
        return [_option(row) for row in rows]


def all_fields(form: type[Form], prefix: str = "") -> dict[str, FieldSpec]:
    """Return the fields of a form and of its conditions, by name."""
    found = {}
    for spec in form.fields():
        found[prefix + spec.name] = spec
        if spec.condition is not None:
            found |= all_fields(spec.condition, f"{prefix}{spec.name}.")
    return found


def _checked(fields: Mapping[str, FieldSpec], given: Mapping[str, Any]) -> Mapping[str, Any]:
    values = {}
    for name in given.keys() & fields.keys():
        with suppress(ValidationError):
            values[name] = fields[name].adapter.validate_python(given[name])
    return values


def _option(row: Sequence[Any]) -> Option:
    value, label, *more = row
    return Option(str(value), str(label), tuple(map(str, more[0])) if more else None)


def _matching(spec: FieldSpec, search: str) -> list[Option]:
    wanted = fold(search)
    return [
        option
        for option in spec.type.options
        if wanted in fold(option.label) or wanted in fold(option.value)
    ]
