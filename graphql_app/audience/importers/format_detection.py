"""Detecting the format of a file from its columns and its name."""

from collections.abc import Mapping

from graphql_app.audience.facts import LINES, ORDERS, SHOPIFY_EXPORTS, FactType
from graphql_app.audience.importers import shopify
from graphql_app.audience.importers.column_mapping import UnknownColumns
from graphql_app.audience.importers.report import bad_file
from graphql_app.audience.importers.source import Source


def format_names(facts: Mapping[str, FactType]) -> tuple[str, ...]:
    return (*facts, *SHOPIFY_EXPORTS)


def detect_format(
    source: Source, facts: Mapping[str, FactType], unknown: UnknownColumns = UnknownColumns.REFUSE
) -> str:
    """Detect the format of a file: its required columns are all there, and no others are unknown.

    If other columns may be unknown, the format that knows the most columns fits. If no format or
    several formats fit, the name of the file may decide, or the file is refused.
    """
    export = shopify.detect_export(source.columns) if source.file_type.has_cells else None
    if export:
        return export
    columns = set(source.columns)
    fitting = [fact.name for fact in facts.values() if _fits(fact, columns)]
    if not fitting and unknown is not UnknownColumns.REFUSE:
        complete = [fact for fact in facts.values() if _has_required(fact, columns)]
        most = max((len(columns & _known_columns(fact)) for fact in complete), default=0)
        fitting = [fact.name for fact in complete if len(columns & _known_columns(fact)) == most]
    if len(fitting) == 1:
        return fitting[0]
    if source.stem in (fitting or facts):
        return source.stem
    if fitting:
        names = ", ".join(fitting)
        message = f"its columns fit more than one format: {names}. Choose one with --format."
        raise bad_file(source.path, message)
    nearest = max(facts.values(), key=lambda fact: len(columns & {f.name for f in fact.fields}))
    problems = [f"{name!r} is unknown" for name in sorted(columns - _known_columns(nearest))]
    problems += [
        f"{field.name!r} is missing"
        for field in nearest.fields
        if field.required and field.name not in columns
    ]
    raise bad_file(
        source.path,
        f"its columns fit no format. In the closest one, {nearest.name}, {', '.join(problems)}. "
        f"Fix the names, or choose a format with --format: {', '.join(format_names(facts))}.",
    )


def _fits(fact: FactType, columns: set[str]) -> bool:
    return _has_required(fact, columns) and columns <= _known_columns(fact)


def _has_required(fact: FactType, columns: set[str]) -> bool:
    return {field.name for field in fact.fields if field.required} <= columns


def _known_columns(fact: FactType) -> set[str]:
    nested = {LINES.name} if fact is ORDERS else set()
    return {field.name for field in fact.fields} | nested | {*fact.derived_columns}
