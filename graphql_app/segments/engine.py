"""The engine of one shop, which answers all queries about rules and contacts."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select

from graphql_app.audience.cancellation import WorkCancelledError
from graphql_app.criteria import Option, SegmentTemplate
from graphql_app.errors import AppError
from graphql_app.plugins import Registry
from graphql_app.segments.attribution import (
    attributed_answer,
    distinct_criteria,
    find_failing_criteria,
)
from graphql_app.segments.counts import ContactCounts, count_contacts
from graphql_app.segments.explanation import (
    MembershipExplanation,
    explanation_statement,
    explanations,
)
from graphql_app.segments.fact_reader import FactReader
from graphql_app.segments.failures import CriterionFailedError
from graphql_app.segments.index import Evaluation, SizeIndex
from graphql_app.segments.labels import LabelCache
from graphql_app.segments.members import (
    Page,
    Person,
    count_statement,
    member_ids,
    members_statement,
    people_statement,
    person_of,
)
from graphql_app.segments.predicate import columns, key
from graphql_app.segments.rules.sentences import sentences
from graphql_app.segments.rules.tree import Part, Rule, criteria, parts
from graphql_app.segments.size import SegmentSize, size_from_counts, size_from_index, size_statement
from graphql_app.segments.suggestions import (
    SegmentNames,
    SegmentOptions,
    labels,
    no_segments,
    suggestions,
)
from graphql_app.segments.templates import fill_template
from graphql_app.segments.timing import Answer, timed_answer


@dataclass(frozen=True, slots=True)
class ShopEngine(FactReader):
    """One shop at one instant: its sizes, members, explanations and suggestions.

    An answer comes from the size index when the index has it, otherwise from one SQL statement.
    Both give the same answer. All methods that take a rule raise:

    - ``CriterionFailedError`` when a criterion's code or SQL fails,
    - ``RuleTimeoutError`` when the statement exceeds the time limit,
    - ``AppError`` when the store fails. An error is never an empty answer.
    """

    index: SizeIndex | None = None  # without it, every query goes to a statement
    label_cache: LabelCache | None = None  # without it, sentences show ids
    registry: Registry = field(default_factory=Registry, kw_only=True)

    def sentences(self, rules: Sequence[Rule]) -> list[str]:
        if self.label_cache is None:
            return sentences(rules, self.scope)
        return self.label_cache.sentences(self, rules)

    def _summaries(self, nodes: Sequence[Part]) -> list[str]:
        """Write the nodes of a rule as sentences."""
        return self.sentences([node.rule for node in nodes])

    def size(self, rule: Rule) -> SegmentSize:
        """Count the contacts who match a rule, and those who match each of its nodes."""
        nodes = list(parts(rule))
        with attributed_answer(self, [rule], "size") as answer:
            evaluation = self.from_index([rule], answer)
            if evaluation is not None:
                return size_from_index(nodes, self._summaries(nodes), evaluation, self.scope)
            counts = self.rows(size_statement(nodes, self.scope))[0]
            answer.came_from_engine()
            return size_from_counts(nodes, self._summaries(nodes), counts, self.scope)

    def sizes(self, rules: Sequence[Rule]) -> list[SegmentSize | Exception]:
        """Count several rules, in one pass if the index can; a rule that fails gets its error."""
        evaluation = None
        if len(rules) > 1:
            # An error belongs to one of the rules, which is found below.
            with suppress(AppError), timed_answer(self, rules, "sizes") as answer:
                evaluation = self.from_index(rules, answer)

        def size(rule: Rule) -> SegmentSize | Exception:
            try:
                if evaluation is None:
                    return self.size(rule)
                nodes = list(parts(rule))
                return size_from_index(nodes, self._summaries(nodes), evaluation, self.scope)
            except WorkCancelledError:
                raise
            except Exception as error:
                return error

        return [size(rule) for rule in rules]

    def count(self, rule: Rule) -> int:
        with attributed_answer(self, [rule], "count") as answer:
            evaluation = self.from_index([rule], answer)
            if evaluation is not None:
                return evaluation.count(next(evaluation.each([rule])))
            found = int(self.rows(count_statement(rule, self.scope))[0][0])
            answer.came_from_engine()
            return found

    def members(self, rule: Rule, page: Page) -> Sequence[Person]:
        with attributed_answer(self, [rule], "members") as answer:
            sort_columns = () if page.column is None else (page.column,)
            evaluation = self.from_index([rule], answer, columns=sort_columns)
            if evaluation is not None:
                ids = member_ids(evaluation, rule, page)
                found = self.people(ids)
                return [found[id] for id in ids if id in found]
            rows = self.rows(members_statement(rule, self.scope, page))
            answer.came_from_engine()
        return [*map(person_of, reversed(rows) if page.backward else rows)]

    def people(self, ids: Sequence[int]) -> dict[int, Person]:
        """Return contacts by id; unknown ids are left out."""
        rows = self.rows(people_statement(), ids) if ids else ()
        return {person.id: person for person in map(person_of, rows)}

    def explain(self, rule: Rule, ids: Sequence[int]) -> dict[int, MembershipExplanation]:
        """Explain a rule for some contacts, by id; unknown ids are left out."""
        nodes = list(parts(rule))
        with attributed_answer(self, [rule], "explanation", ids) as answer:
            rows = self.rows(explanation_statement(nodes, self.scope), ids)
            answer.came_from_engine()
            return explanations(nodes, self._summaries(nodes), rows, self.scope)

    def contains(self, rule: Rule, contact_id: int) -> bool:
        return bool(self._matching({0: rule}, contact_id))

    def matching(self, rules: Mapping[int, Rule], contact_id: int) -> frozenset[int]:
        """Return the keys of the rules that a contact matches, without rules that fail."""
        try:
            return self._matching(rules, contact_id)
        except CriterionFailedError:
            leaves = distinct_criteria(rules.values())
            failing = {key(leaf) for leaf in find_failing_criteria(self, leaves, [contact_id])}
        working = {
            n: rule for n, rule in rules.items() if failing.isdisjoint(map(key, criteria(rule)))
        }
        return self._matching(working, contact_id)

    def _matching(self, rules: Mapping[int, Rule], contact_id: int) -> frozenset[int]:
        if not rules:
            return frozenset()
        # Only this contact's rows are read, so the cost does not grow with the shop.
        every = rules.values()
        with attributed_answer(self, every, "membership", [contact_id]) as answer:
            evaluation = self.from_index(every, answer, contact_id=contact_id)
            if evaluation is None:
                answers = columns([*every], self.scope)
                statement = select(*(func.countIf(answers.of(rule)) for rule in every))
                counts = self.rows(statement.select_from(answers.source), [contact_id])[0]
                answer.came_from_engine()
                return frozenset(number for number, n in zip(rules, counts, strict=True) if n)
        if not len(evaluation.contact_index):
            return frozenset()
        found = evaluation.each([*every])
        return frozenset(number for number, (matches,) in zip(rules, found, strict=True) if matches)

    def contact_counts(self) -> ContactCounts:
        return count_contacts(self)

    def suggest(
        self,
        criterion: str,
        field: str,
        search: str,
        first: int,
        given: Mapping[str, Any],
        segments: SegmentOptions = no_segments,
    ) -> Sequence[Option]:
        """Return values to offer for a field; see ``suggestions``."""
        return suggestions(
            self, self.registry, criterion, field, search, first, given=given, segments=segments
        )

    def labels(
        self,
        criterion: str,
        field: str,
        values: Sequence[str],
        given: Mapping[str, Any],
        segments: SegmentNames,
    ) -> dict[str, str]:
        """Return the labels of values of a field; see ``suggestions.labels``."""
        return labels(self, self.registry, criterion, field, values, given=given, segments=segments)

    def fill(self, template: SegmentTemplate) -> dict[str, Any]:
        """Return a template's rule with the shop's own values; see ``fill_template``."""
        return fill_template(template, self.registry, self)

    def from_index(
        self,
        rules: Collection[Rule],
        answer: Answer,
        *,
        columns: Collection[str] = (),
        contact_id: int | None = None,
    ) -> Evaluation | None:
        """Evaluate rules in the size index; ``None`` when only a statement can.

        ``columns`` are columns of ``Contact`` to evaluate, too. With ``contact_id``, only that
        contact is evaluated.
        """
        if self.index is None:
            return None
        shop = (self.shop_id, rules, self.scope)
        if contact_id is None:
            evaluation = self.index.evaluate(*shop, columns)
        else:
            evaluation = self.index.of_contacts(*shop, [contact_id])
        if evaluation is not None:
            answer.came_from_index()
            if self.reads is not None:
                self.reads.note_state(evaluation.writes)
        return evaluation
