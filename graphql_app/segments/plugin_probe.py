"""Trying plugins out at the start: their tables, and every operator for a shop with no rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from graphql_app.audience.store import Audience
from graphql_app.criteria import (
    Criterion,
    FieldKind,
    Form,
    Operator,
    Scope,
    SegmentReference,
    json_schema,
    ui_schema,
)
from graphql_app.errors import AppError, ErrorCode
from graphql_app.plugins import HOST, Failure, Plugin, Registry, without
from graphql_app.segments.attribution import distinct_criteria, error_of
from graphql_app.segments.fact_reader import FactReader
from graphql_app.segments.rules.parser import read_form
from graphql_app.segments.rules.sentences import sentence
from graphql_app.segments.rules.tree import All, Reference
from graphql_app.segments.suggestions import all_fields, suggestion_statement

NOBODY = 0
SECONDS = 5.0
MAX_TOLD = 300


def check_tables(audience: Audience, registry: Registry, strict: bool = True) -> Registry:
    """Create the plugins' tables; the registry without the plugins of which one cannot be.

    Raises:
        PluginError: There are any, and the host is strict.
    """
    failures = []
    adding = {plugin: each.tables for plugin, each in registry.contributions.items() if each.tables}
    for plugin, tables in adding.items():
        try:
            audience.create_tables(tables)
        except AppError as error:
            reason = "has an audience table that cannot be used"
            failures.append(Failure(plugin, reason, str(error)))
    return without(registry, failures, strict) if failures else registry


def check_criteria(audience: Audience, registry: Registry, strict: bool = True) -> Registry:
    """The registry without the third parties' plugins of which a criterion fails.

    The host's own are tried out by its tests, not at each of its starts.

    Raises:
        AppError: The store is down, which is no criterion's fault.
        PluginError: There are any, and the host is strict.
    """
    audience.ping()
    scope = Scope(ZoneInfo("UTC"), "USD", datetime.now(UTC))
    failures = [
        failure
        for plugin, contribution in registry.contributions.items()
        if plugin.distribution != HOST
        for kind in contribution.criteria
        if (failure := _failure(audience, plugin, kind, scope)) is not None
    ]
    return without(registry, failures, strict) if failures else registry


def _failure(
    audience: Audience, plugin: Plugin, kind: type[Criterion], scope: Scope
) -> Failure | None:
    for what, attempt_it in STEPS.items():
        try:
            attempt_it(audience, kind, scope)
        except (Exception, SystemExit) as error:
            slow = isinstance(error, AppError) and error.code is ErrorCode.TIMEOUT
            how = f"takes longer than {SECONDS:g} seconds" if slow else "fails"
            return Failure(
                plugin, f"has a criterion, {kind.key!r}, whose {what} {how}", _told(error)
            )
    return None


def _told(error: BaseException) -> str:
    """What was first raised. Nobody's rows are read here, so it may be told."""
    while isinstance(error, AppError) and error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {str(getattr(error, 'orig', error))[:MAX_TOLD]}"


def _try_form(audience: Audience, kind: type[Criterion], scope: Scope) -> None:
    json_schema(kind)
    ui_schema(kind)
    list(_examples(kind))


def _try_sentence(audience: Audience, kind: type[Criterion], scope: Scope) -> None:
    for criterion in _examples(kind):
        if isinstance(criterion, SegmentReference):
            sentence(Reference(criterion, "Another", All(())), scope)
        else:
            sentence(criterion, scope)


def _try_sql(audience: Audience, kind: type[Criterion], scope: Scope) -> None:
    """All in one statement; one by one only to say what is wrong.

    A negative operator has the SQL of its twin, with which it is one here.
    """
    if issubclass(kind, SegmentReference):
        return
    asked = (c.model_copy(update={"operator": c.operator.positive}) for c in _examples(kind))
    criteria = distinct_criteria(asked)
    reader = FactReader(audience, NOBODY, scope)
    if error_of(reader, criteria, timeout=SECONDS) is None:
        return
    for criterion in criteria:
        error = error_of(reader, [criterion], timeout=SECONDS)
        if error is not None:
            raise error


def _try_suggestions(audience: Audience, kind: type[Criterion], scope: Scope) -> None:
    fields = all_fields(kind)
    for name, spec in fields.items():
        if not spec.form.suggests or spec.type.kind is FieldKind.SEGMENT:
            continue
        others = {other: fields[other].example for other in fields if other != name}
        suggestion_statement(kind, name, "", scope, {})
        statement = suggestion_statement(kind, name, "a", scope, others)
        if statement is not None:
            audience.fetch_rows(statement.limit(1), NOBODY, timeout=SECONDS)


STEPS: Mapping[str, Callable[[Audience, type[Criterion], Scope], None]] = {
    "form": _try_form,
    "sentence": _try_sentence,
    "SQL": _try_sql,
    "suggestion": _try_suggestions,
}


def _examples(kind: type[Criterion]) -> Iterator[Criterion]:
    """Criteria with every operator, but those that the form itself finds something wrong with."""
    for values in _values(kind):
        criterion, problems = read_form(kind, values)
        if criterion is not None and not problems:
            yield criterion


def _values(form: type[Form]) -> Iterator[dict[str, Any]]:
    """For every operator all that it takes, once only what is needed, and every condition."""
    first, *others = form.operators()
    yield _filled(form, first, optional=False)
    yield from (_filled(form, operator) for operator in (first, *others))
    for spec in form.fields():
        if spec.condition is None or spec.most is None:
            continue
        conditions = list(_values(spec.condition))
        for start in range(0, len(conditions), spec.most):
            some = conditions[start : start + spec.most]
            yield {**_filled(form, spec.used_with[0], optional=False), spec.name: some}


def _filled(form: type[Form], operator: Operator, optional: bool = True) -> dict[str, Any]:
    values = {
        spec.name: spec.example
        for spec in form.fields()
        if operator in spec.used_with and (optional or spec.required)
    }
    return {"operator": operator.value, **values}
