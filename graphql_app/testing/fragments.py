"""Checks of a rule's SQL, before anything is made of its answers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.sql import visitors
from sqlalchemy.sql.functions import Function
from sqlmodel import col

from graphql_app.audience.tables import Contact, StoreTable, sql_table
from graphql_app.errors import AppError
from graphql_app.segments.sql_guard import ForbiddenFragmentError
from graphql_app.testing.findings import Finding, told
from graphql_app.testing.harness import Bench, Case

CLOCKS = re.compile(
    "now.*|today|yesterday|current_?(timestamp|date|time)|local_?time.*|utc_?timestamp|sysdate|"
    "rand.*|generate.*|fuzzBits",
    re.IGNORECASE,
)


def wrong_with_sql(bench: Bench) -> dict[Case, Finding]:
    """The cases whose SQL cannot be run, or would mean something else each time."""
    found: dict[Case, Finding] = {}
    for case in bench.cases:
        finding = _wrong_with_making(case)
        if finding is not None:
            found[case] = finding
    whole = [case for case in bench.cases if case not in found]
    for case in bench.one_per_shape(whole):
        finding = _wrong_with_reading(bench, case)
        if finding is not None:
            alike = (other for other in whole if bench.one_per_shape([case, other]) == [case])
            found |= dict.fromkeys(alike, finding)
    return found


def _wrong_with_making(case: Case) -> Finding | None:
    try:
        case.fragment  # noqa: B018  # made, and kept
    except ForbiddenFragmentError as error:
        reason, _, part = str(error).partition(": ")
        return Finding(
            f"Its SQL is refused: {reason}.",
            "Write it with the columns of the tables of facts, func and bound values only.",
            f"{part} in {case.shown}" if part else case.shown,
        )
    except Exception as error:
        return Finding(
            f"Its SQL cannot be made, it raises {told(error)}.",
            "Have matches, measure and interval return SQL for every valid rule of a positive "
            "operator.",
            case.shown,
        )
    return None


def _wrong_with_reading(bench: Bench, case: Case) -> Finding | None:
    if not case.fragment.compare(case.criterion.fragment(bench.scope)):
        return Finding(
            "Its SQL is another each time it is asked for.",
            "Compute times from scope.now, and nothing from the clock or by chance.",
            case.shown,
        )
    return _wrong_with_tables(bench, case) or _wrong_with_functions(case)


def _wrong_with_tables(bench: Bench, case: Case) -> Finding | None:
    statement = select(col(Contact.id)).where(case.fragment)
    beside = sorted(str(source) for source in statement.get_final_froms())
    if beside != [Contact.__tablename__]:
        return Finding(
            f"It reads {' and '.join(beside)} side by side, every row with every other.",
            "Read another table in a subquery: col(Contact.id).in_(select(col(Table.contact_id)))",
            case.shown,
        )
    known = {sql_table(table) for table in bench.services.audience.tables}
    tables = {*StoreTable.metadata.tables.values()}
    for element in visitors.iterate(statement):
        if element in tables and element not in known:
            return Finding(
                f"It reads the table {element}, which the check was not given.",
                "Name the table's class: check_criterion(..., tables=[...]).",
                case.shown,
            )
    return None


def _wrong_with_functions(case: Case) -> Finding | None:
    for element in visitors.iterate(case.fragment):
        if isinstance(element, Function) and CLOCKS.fullmatch(element.name):
            return Finding(
                f"It asks the engine for {element.name}().",
                "Use scope.now and scope.today: a whole rule is evaluated at one instant, and the "
                "same whenever it is evaluated again.",
                case.shown,
            )
    return None


def refused_by_engine(bench: Bench, cases: Sequence[Case]) -> dict[Case, Finding]:
    """The cases that the engine cannot answer."""
    try:
        bench.answers(cases, bench.shop)
    except AppError as error:
        if len(cases) > 1:
            half = len(cases) // 2
            return refused_by_engine(bench, cases[:half]) | refused_by_engine(bench, cases[half:])
        # The engine's code is of the fault, its words are of the rule.
        code, _, words = told(error).partition(". ")
        return {
            cases[0]: Finding(
                f"The engine refuses its SQL: {code}.",
                "Mend the SQL: the fragment must be a condition that ClickHouse can evaluate for "
                "every contact.",
                f"{words} for {cases[0].shown}" if words else cases[0].shown,
            )
        }
    return {}
