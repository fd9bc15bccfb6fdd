"""Check complements, measures, and contacts evaluated alone."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, select
from sqlmodel import col

from graphql_app.audience.tables import Contact
from graphql_app.criteria import MeasuredCriterion, Scope
from graphql_app.segments.sql_guard import checked
from graphql_app.testing.findings import Finding, describe_error
from graphql_app.testing.harness import Case, Harness
from graphql_app.testing.sample_facts import WITHOUT_FACTS
from graphql_app.testing.sql import compile_sql

MAX_ALONE = 3  # contacts with different results, and one more without facts


def check_complements(harness: Harness, cases: Sequence[Case]) -> Iterator[Finding]:
    """Check that complements and negative operators match exactly the other contacts."""
    everyone = harness.contacts()
    answers = harness.answers(cases, harness.shop)
    positive_answers = harness.answers([harness.positive(case) for case in cases], harness.shop)
    for case, answer, positive in zip(cases, answers, positive_answers, strict=True):
        if answer.undecided:
            yield Finding(
                "Its condition is neither true nor false for some contacts.",
                "Return a condition from `matches` and do not override `fragment`, which treats "
                "NULL as no match.",
                case.example,
            )
        elif answer.members | answer.others != everyone or answer.members & answer.others:
            yield Finding(
                "A rule and its complement do not contain every contact exactly once.",
                "Do not override `fragment`.",
                case.example,
            )
        elif case.criterion.operator.negated and answer.members != everyone - positive.members:
            yield Finding(
                f"{case.criterion.operator} is not the complement of "
                f"{case.criterion.operator.positive}.",
                "Do not override `fragment`: it calls `matches` for the positive operator and "
                "takes the complement.",
                case.example,
            )


def check_single_contacts(harness: Harness, cases: Sequence[Case]) -> Iterator[Finding]:
    """Check that other contacts do not change whether a contact matches.

    Evaluate each rule for one member alone and one non-member alone.
    """
    cases = harness.one_per_shape(cases)
    answers = harness.members(cases, harness.shop)
    chosen = _contacts_to_evaluate_alone(answers)
    cases_of: dict[int, list[tuple[Case, bool]]] = {contact: [] for contact in chosen}
    for case, members in zip(cases, answers, strict=True):
        for is_member in (True, False):
            contact = next((one for one in chosen if (one in members) is is_member), None)
            if contact is not None:
                cases_of[contact].append((case, is_member))
    for contact, cases_to_check in cases_of.items():
        alone = harness.evaluate([case for case, _ in cases_to_check], harness.shop, [contact])
        for (case, is_member), found in zip(cases_to_check, alone, strict=True):
            if (contact in found) is not is_member:
                yield Finding(
                    "A contact evaluated alone gets a different result than when all contacts are "
                    "evaluated.",
                    "Make the condition depend on the contact's own rows only, not on averages, "
                    "ranks or counts of all contacts.",
                    f"contact {contact}, {case.example}",
                )


def _contacts_to_evaluate_alone(answers: Sequence[frozenset[int]]) -> Sequence[int]:
    """Return contacts who match different sets of rules, and one without facts."""
    by_answers: dict[tuple[bool, ...], int] = {}
    for contact in sorted({contact for members in answers for contact in members}):
        by_answers.setdefault(tuple(contact in members for members in answers), contact)
    return [*list(by_answers.values())[:MAX_ALONE], WITHOUT_FACTS[0]]


def check_measures(harness: Harness, cases: Sequence[Case]) -> Iterator[Finding]:
    """Check that a measure has one value per contact, can be shown, and determines the members."""
    optional = {spec.name for spec in harness.kind.fields() if not spec.required}
    # Rules without optional fields often differ only in their bounds. Such rules have the same
    # measure, which is read once, so checking all of them takes little time.
    bare = [case for case in cases if optional.isdisjoint(case.fields)]
    chosen = list(dict.fromkeys([*bare, *harness.one_per_shape(cases)]))
    everyone = harness.contacts()
    known: dict[str, list[tuple[Any, ...]]] = {}
    for case, members in zip(chosen, harness.members(chosen, harness.shop), strict=True):
        criterion = harness.positive(case).criterion
        if not isinstance(criterion, MeasuredCriterion):
            continue
        try:
            rows = _measured(harness, criterion, known)
            interval = criterion.interval(harness.scope)
            values = {row[0]: value for row in rows if (value := _value(row)) is not None}
            inside = {
                contact
                for contact in everyone
                if (value := values.get(contact, criterion.absent)) is not None
                and interval.contains(value)
            }
        except Exception as error:
            yield Finding(
                f"Its measure cannot be read or compared: {describe_error(error)}",
                "Select (contact_id, value) in `measure`, and return an interval of the same "
                "type from `interval`.",
                case.example,
            )
            continue
        if len({row[0] for row in rows}) < len(rows):
            yield Finding(
                "Its measure has two rows for one contact.",
                "Group the measure by the contact: .group_by(Table.contact_id).",
                case.example,
            )
        elif (everyone - inside if case.criterion.operator.negated else inside) != members:
            yield Finding(
                "Its members differ from the contacts whose measure is in the interval.",
                "Do not override `matches`, set `absent` to the value of contacts without a row, "
                "and measure exact values: `func.sum` of amounts, `quotient` instead of "
                "`func.avg`.",
                case.example,
            )
        yield from _check_value_texts(criterion, values.values(), harness.scope)


def _check_value_texts(
    criterion: MeasuredCriterion, values: Iterable[Any], scope: Scope
) -> Iterator[Finding]:
    remedy = "Return a text for every value of the measure, or do not override describe_value."
    for value in {*values, *([] if criterion.absent is None else [criterion.absent])}:
        try:
            words = criterion.describe_value(value, scope)
        except Exception as error:
            yield Finding(f"describe_value raises {describe_error(error)}.", remedy, repr(value))
            continue
        if not isinstance(words, str) or not words.strip():
            yield Finding(f"describe_value returns {words!r}.", remedy, repr(value))


def _measured(
    harness: Harness, criterion: MeasuredCriterion, known: dict[str, list[tuple[Any, ...]]]
) -> list[tuple[Any, ...]]:
    """Return the rows of a measure, from a cache if it was read before."""
    measure = criterion.measure(harness.scope)
    if not isinstance(measure, Select):
        measure = select(col(Contact.id), measure)
    name = str(compile_sql(measure))
    if name not in known:
        query = checked(measure, criterion.key)
        rows = harness.fetch_rows(query, harness.shop)
        known[name] = [tuple(row) for row in rows]
    return known[name]


def _value(row: Sequence[Any]) -> Any:
    _, value = row
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value
