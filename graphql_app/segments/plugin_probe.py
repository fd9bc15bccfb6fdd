"""Probing plugins at startup: their tables, and every operator for a shop without rows."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from graphql_app.audience.store import Audience
from graphql_app.audience.table_setup import create_tables
from graphql_app.criteria import (
    Criterion,
    FieldKind,
    Form,
    Operator,
    Scope,
    SegmentReference,
    json_forms_ui_schema,
    json_schema,
    ui_schema,
)
from graphql_app.errors import AppError, ErrorCode
from graphql_app.plugins import HOST, Failure, Plugin, Registry
from graphql_app.segments.attribution import distinct_criteria, try_criteria
from graphql_app.segments.fact_reader import FactReader
from graphql_app.segments.rules.parser import read_form
from graphql_app.segments.rules.sentences import sentence
from graphql_app.segments.rules.tree import All, Reference
from graphql_app.segments.suggestions import all_fields, suggestion_statement

NOBODY = 0
SECONDS = 5.0
MAX_DETAIL = 300


def create_plugin_tables(audience: Audience, registry: Registry) -> Iterable[Failure]:
    """Create the plugins' tables; return the plugins with a table that cannot be created."""
    for plugin, contribution in registry.contributions.items():
        if not contribution.tables:
            continue
        try:
            create_tables(audience, contribution.tables)
        except AppError as error:
            yield Failure(plugin, "has an audience table that cannot be used", str(error))


def probe_criteria(audience: Audience, registry: Registry) -> Iterable[Failure]:
    """Execute every third-party criterion for a shop without rows; return the plugins that fail.

    The project's tests execute the built-in criteria, so a start does not.

    Raises:
        AppError: The store is down.
    """
    audience.ping()
    scope = Scope(ZoneInfo("UTC"), "USD", datetime.now(UTC))
    for plugin, contribution in registry.contributions.items():
        if plugin.distribution == HOST:
            continue
        for kind in contribution.criteria:
            failure = _failure(audience, plugin, kind, scope)
            if failure is not None:
                yield failure


def _failure(
    audience: Audience, plugin: Plugin, kind: type[Criterion], scope: Scope
) -> Failure | None:
    for what, probe in STEPS.items():
        try:
            probe(audience, kind, scope)
        except (Exception, SystemExit) as error:
            slow = isinstance(error, AppError) and error.code is ErrorCode.TIMEOUT
            how = f"takes longer than {SECONDS:g} seconds" if slow else "fails"
            return Failure(
                plugin, f"has a criterion, {kind.key!r}, whose {what} {how}", _detail(error)
            )
    return None


def _detail(error: BaseException) -> str:
    """Describe the original exception. The probed shop has no rows, so it quotes nobody's data."""
    while isinstance(error, AppError) and error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {str(getattr(error, 'orig', error))[:MAX_DETAIL]}"


def _probe_form(audience: Audience, kind: type[Criterion], scope: Scope) -> None:
    json_schema(kind)
    ui_schema(kind)
    json_forms_ui_schema(kind)
    list(_examples(kind))


def _probe_sentence(audience: Audience, kind: type[Criterion], scope: Scope) -> None:
    for criterion in _examples(kind):
        if isinstance(criterion, SegmentReference):
            sentence(Reference(criterion, "Another", All(())), scope)
        else:
            sentence(criterion, scope)


def _probe_sql(audience: Audience, kind: type[Criterion], scope: Scope) -> None:
    """Execute all operators in one statement, and one by one only to find which fails.

    A negative operator has the SQL of its positive counterpart.
    """
    if issubclass(kind, SegmentReference):
        return
    examples = (c.model_copy(update={"operator": c.operator.positive}) for c in _examples(kind))
    criteria = distinct_criteria(examples)
    reader = FactReader(audience, NOBODY, scope)
    if try_criteria(reader, criteria, timeout=SECONDS) is None:
        return
    for criterion in criteria:
        error = try_criteria(reader, [criterion], timeout=SECONDS)
        if error is not None:
            raise error


def _probe_suggestions(audience: Audience, kind: type[Criterion], scope: Scope) -> None:
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
    "form": _probe_form,
    "sentence": _probe_sentence,
    "SQL": _probe_sql,
    "suggestion": _probe_suggestions,
}


def _examples(kind: type[Criterion]) -> Iterator[Criterion]:
    """Make valid criteria with every operator."""
    for values in _values(kind):
        criterion, problems = read_form(kind, values)
        if criterion is not None and not problems:
            yield criterion


def _values(form: type[Form]) -> Iterator[dict[str, Any]]:
    """Fill in only the required fields once, all fields for every operator, and each condition."""
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
