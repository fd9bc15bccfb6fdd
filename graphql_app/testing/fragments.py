"""Check a rule's SQL before the other checks evaluate it."""

import re
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import BindParameter
from sqlalchemy.sql.functions import Function
from sqlmodel import col

from graphql_app.audience.tables import Contact, StoreTable, sql_table
from graphql_app.errors import AppError
from graphql_app.segments.sql_guard import ForbiddenFragmentError
from graphql_app.testing.findings import Finding, describe_error
from graphql_app.testing.harness import Case, Harness

CLOCKS = re.compile(
    "now.*|today|yesterday|current_?(timestamp|date|time)|local_?time.*|utc_?timestamp|sysdate|"
    "rand.*|generate.*|fuzzBits",
    re.IGNORECASE,
)


def check_sql(harness: Harness) -> dict[Case, Finding]:
    """Return the cases whose SQL cannot be built or depends on more than the facts."""
    found: dict[Case, Finding] = {}
    for case in harness.cases:
        if (finding := _check_building(case)) is not None:
            found[case] = finding
    whole = [case for case in harness.cases if case not in found]
    for case in harness.one_per_shape(whole):
        if (finding := _check_reading(harness, case)) is not None:
            alike = (other for other in whole if harness.one_per_shape([case, other]) == [case])
            found |= dict.fromkeys(alike, finding)
    return found


def _check_building(case: Case) -> Finding | None:
    try:
        _ = case.fragment  # builds and caches it
    except ForbiddenFragmentError as error:
        reason, _, part = str(error).partition(": ")
        return Finding(
            f"The host rejects its SQL: {reason}.",
            "Use only columns of the tables of facts, func and bound values.",
            f"{part} in {case.example}" if part else case.example,
        )
    except Exception as error:
        return Finding(
            f"Building its SQL raises {describe_error(error)}.",
            "Return SQL from matches, measure and interval for every valid rule of a positive "
            "operator.",
            case.example,
        )
    return None


def _check_reading(harness: Harness, case: Case) -> Finding | None:
    if not case.fragment.compare(case.criterion.fragment(harness.scope)):
        return Finding(
            "Its SQL differs from one call to the next.",
            "Compute times from scope.now; do not read the clock or use random values.",
            case.example,
        )
    return _check_tables(harness, case) or _check_functions(case)


def _check_tables(harness: Harness, case: Case) -> Finding | None:
    statement = select(col(Contact.id)).where(case.fragment)
    beside = sorted(str(source) for source in statement.get_final_froms())
    if beside != [Contact.__tablename__]:
        return Finding(
            f"It combines {' and '.join(beside)} without a join condition.",
            "Read other tables in a subquery: col(Contact.id).in_(select(col(Table.contact_id)))",
            case.example,
        )
    known = {sql_table(table) for table in harness.services.audience.tables}
    tables = {*StoreTable.metadata.tables.values()}
    for element in visitors.iterate(statement):
        if element in tables and element not in known:
            return Finding(
                f"It reads the table {element}, which check_criterion does not know.",
                "Pass the table's class: check_criterion(..., tables=[...]).",
                case.example,
            )
    return None


def _check_functions(case: Case) -> Finding | None:
    for element in visitors.iterate(case.fragment):
        if isinstance(element, Function) and CLOCKS.fullmatch(element.name):
            return Finding(
                f"It calls {element.name}() in the engine.",
                "Use scope.now and scope.today, so that all parts of a rule use the same instant.",
                case.example,
            )
        if isinstance(element, BindParameter) and element.value == case.scope.timezone.key:
            return Finding(
                "It passes the name of the shop's time zone to the engine.",
                "Compare with instants, such as scope.start_of(day), or use month_and_day: the "
                "engine has its own rules of time zones.",
                case.example,
            )
    return None


def rejected_by_engine(harness: Harness, cases: Sequence[Case]) -> dict[Case, Finding]:
    """Return the cases that the engine cannot evaluate."""
    try:
        harness.answers(cases, harness.shop)
    except AppError as error:
        if len(cases) > 1:
            first, rest = cases[: len(cases) // 2], cases[len(cases) // 2 :]
            return rejected_by_engine(harness, first) | rejected_by_engine(harness, rest)
        # The engine's error code describes the fault; its text describes the rule.
        code, _, words = describe_error(error).partition(". ")
        return {
            cases[0]: Finding(
                f"The engine rejects its SQL: {code}.",
                "Return a condition that ClickHouse can evaluate for every contact.",
                f"{words} for {cases[0].example}" if words else cases[0].example,
            )
        }
    return {}
