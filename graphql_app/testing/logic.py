"""Checks of what a rule means: two values, complements, measures, one contact or all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, select
from sqlmodel import col

from graphql_app.audience.tables import Contact
from graphql_app.criteria import MeasuredCriterion, Scope
from graphql_app.segments.sql_guard import checked
from graphql_app.testing.findings import Finding, told
from graphql_app.testing.harness import Bench, Case
from graphql_app.testing.sample_facts import WITHOUT_FACTS
from graphql_app.testing.sql import compiled

ALONE = 3


def two_valued(bench: Bench, cases: Sequence[Case]) -> Iterator[Finding]:
    """Every contact is in a rule or in its complement, and a negative operator is a complement."""
    everyone = bench.contacts()
    twins = [case.positive for case in cases]
    answers = bench.answers(cases, bench.shop)
    for case, answer, twin in zip(cases, answers, bench.answers(twins, bench.shop), strict=True):
        if answer.neither:
            yield Finding(
                "Its condition is neither true nor false of some contacts.",
                "Return a condition from `matches`, and leave `fragment` to the host, which makes "
                "of NULL no match.",
                case.shown,
            )
        elif answer.members | answer.others != everyone or answer.members & answer.others:
            yield Finding(
                "A rule and its complement are not everyone, each once.",
                "Leave `fragment` to the host.",
                case.shown,
            )
        elif case.criterion.operator.negated and answer.members != everyone - twin.members:
            yield Finding(
                f"{case.criterion.operator} is not the complement of "
                f"{case.criterion.operator.positive}.",
                "Leave `fragment` to the host: it asks `matches` of the positive operator and "
                "takes the complement.",
                case.shown,
            )


def one_at_a_time(bench: Bench, cases: Sequence[Case]) -> Iterator[Finding]:
    """What is said of one contact is the same whether or not there are others."""
    cases = bench.one_per_shape(cases)
    answers = bench.members(cases, bench.shop)
    for contact in _to_ask_alone(answers):
        alone = bench.ask(cases, bench.shop, [contact])
        for case, among, found in zip(cases, answers, alone, strict=True):
            if found.members != among & {contact}:
                yield Finding(
                    "A contact that is asked about alone gets another answer than among all.",
                    "Let the condition depend on the contact's own rows only, not on averages, "
                    "ranks or counts of all contacts.",
                    f"contact {contact}, {case.shown}",
                )


def _to_ask_alone(answers: Sequence[frozenset[int]]) -> Sequence[int]:
    """Contacts in as many different sets of rules as there are, and one without facts."""
    by_answers: dict[tuple[bool, ...], int] = {}
    for contact in sorted({contact for members in answers for contact in members}):
        by_answers.setdefault(tuple(contact in members for members in answers), contact)
    return [*list(by_answers.values())[:ALONE], WITHOUT_FACTS[0]]


def measures(bench: Bench, cases: Sequence[Case]) -> Iterator[Finding]:
    """A measure has one value per contact, has words for it, and compared it gives the members."""
    optional = {spec.name for spec in bench.kind.fields() if not spec.required}
    bare = [case for case in cases if optional.isdisjoint(case.fields)]
    kinds = [
        case
        for case in dict.fromkeys([*bare, *bench.one_per_shape(cases)])
        if isinstance(case.criterion, MeasuredCriterion)
    ]
    everyone = bench.contacts()
    known: dict[str, list[tuple[Any, ...]]] = {}
    for case, members in zip(kinds, bench.members(kinds, bench.shop), strict=True):
        criterion = case.positive.criterion
        if not isinstance(criterion, MeasuredCriterion):
            continue
        try:
            rows = _measured(bench, criterion, known)
            interval = criterion.interval(bench.scope)
            values = {row[0]: value for row in rows if (value := _value(row)) is not None}
            inside = {
                contact
                for contact in everyone
                if (value := values.get(contact, criterion.absent)) is not None
                and interval.contains(value)
            }
        except Exception as error:
            yield Finding(
                f"Its measure cannot be compared in Python: {told(error)}",
                "Have `measure` select (contact_id, value), and `interval` be of such values.",
                case.shown,
            )
            continue
        if len({row[0] for row in rows}) < len(rows):
            yield Finding(
                "Its measure has two rows of one contact.",
                "Group the measure by the contact: .group_by(Table.contact_id).",
                case.shown,
            )
        elif (everyone - inside if case.criterion.operator.negated else inside) != members:
            yield Finding(
                "Its members are not those whose measure is in the interval.",
                "Leave `matches` to the host, set `absent` to what a contact without a row has, "
                "and measure exact values: func.sum of amounts, quotient instead of averages.",
                case.shown,
            )
        yield from _in_words(criterion, values.values(), bench.scope)


def _in_words(
    criterion: MeasuredCriterion, values: Iterable[Any], scope: Scope
) -> Iterator[Finding]:
    """Every value can be shown to people."""
    remedy = "Return a text for every value of the measure, or leave describe_value to the host."
    for value in {*values, *([] if criterion.absent is None else [criterion.absent])}:
        try:
            words = criterion.describe_value(value, scope)
        except Exception as error:
            yield Finding(f"describe_value raises {told(error)}.", remedy, repr(value))
            continue
        if not isinstance(words, str) or not words.strip():
            yield Finding(f"describe_value returns {words!r}.", remedy, repr(value))


def _measured(
    bench: Bench, criterion: MeasuredCriterion, known: dict[str, list[tuple[Any, ...]]]
) -> list[tuple[Any, ...]]:
    """The rows of a measure; the same measure is taken once."""
    measure = criterion.measure(bench.scope)
    if not isinstance(measure, Select):
        measure = select(col(Contact.id), measure)
    name = str(compiled(measure))
    if name not in known:
        found = bench.services.audience.fetch_rows(checked(measure, criterion.key), bench.shop.id)
        known[name] = [tuple(row) for row in found]
    return known[name]


def _value(row: Sequence[Any]) -> Any:
    _, value = row
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value
