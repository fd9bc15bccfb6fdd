"""Sizes: how many contacts a rule has, and each node of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, select

from graphql_app.audience.cancellation import WorkCancelledError
from graphql_app.audience.store import Audience
from graphql_app.criteria import Scope
from graphql_app.errors import AppError
from graphql_app.segments.attribution import asking, different, failing
from graphql_app.segments.failures import CriterionFailedError
from graphql_app.segments.index import Evaluation, SizeIndex
from graphql_app.segments.predicate import columns, key
from graphql_app.segments.rules.sentences import sentences
from graphql_app.segments.rules.tree import Part, Path, Rule, criteria, parts
from graphql_app.segments.timing import answering


@dataclass(frozen=True, slots=True)
class RulePartSize:
    """A node of the rule by itself: where it is, what it says, how many contacts match it."""

    path: Path
    summary: str
    members: int


@dataclass(frozen=True, slots=True)
class SegmentSize:
    """How many contacts a rule has, of them how many can be texted, out of how many.

    Attributes:
        steady: Whether it is known that time alone does not change it.
        from_memory: Whether it was counted from the index.
    """

    members: int
    textable: int
    contacts: int
    parts: tuple[RulePartSize, ...]
    as_of: datetime
    steady: bool = field(default=False, compare=False)
    from_memory: bool = field(default=False, compare=False)

    @property
    def share(self) -> float:
        """Members of contacts, from 0 to 1; 0 when there are no contacts."""
        return self.members / self.contacts if self.contacts else 0.0


def size(
    audience: Audience, shop_id: int, rule: Rule, scope: Scope, index: SizeIndex | None = None
) -> SegmentSize:
    """Count a rule and every node of it, from an index if it can be.

    Raises:
        AppError: It took too long, or a criterion or the engine failed; an error is never a size.
    """
    nodes = list(parts(rule))
    with asking(audience, shop_id, [rule], scope, what="size") as answer:
        evaluation = None if index is None else index.evaluate(shop_id, [rule], scope)
        if evaluation is not None:
            answer.is_from_index()
            return _from_memory(evaluation, nodes, scope)
        total, can_be_texted, *members = _counted(audience, shop_id, nodes, scope)
        answer.is_from_engine()
        return _size(nodes, members, can_be_texted, total, scope)


def sizes(
    audience: Audience, shop_id: int, rules: Sequence[Rule], scope: Scope, index: SizeIndex
) -> list[SegmentSize | Exception]:
    """Count several rules, in one pass if it can be; what fails is told of each by itself."""
    evaluation = None
    if len(rules) > 1:
        # An error is of one of them; it is told below.
        with suppress(AppError), answering(audience, shop_id, rules, "sizes") as answer:
            evaluation = index.evaluate(shop_id, rules, scope)
            if evaluation is not None:
                answer.is_from_index()

    def each(rule: Rule) -> SegmentSize | Exception:
        try:
            if evaluation is None:
                return size(audience, shop_id, rule, scope, index)
            return _from_memory(evaluation, list(parts(rule)), scope)
        except WorkCancelledError:
            raise
        except Exception as error:
            return error

    return [each(rule) for rule in rules]


def _size(
    nodes: Sequence[Part],
    members: Sequence[int],
    can_be_texted: int,
    total: int,
    scope: Scope,
    evaluation: Evaluation | None = None,
) -> SegmentSize:
    summaries = sentences([node.rule for node in nodes], scope)
    return SegmentSize(
        members=members[0],
        textable=can_be_texted,
        contacts=total,
        parts=tuple(
            RulePartSize(node.path, summary, count)
            for node, summary, count in zip(nodes, summaries, members, strict=True)
        ),
        as_of=scope.now,
        steady=evaluation is not None and evaluation.steady,
        from_memory=evaluation is not None,
    )


def _counted(
    audience: Audience, shop_id: int, nodes: Sequence[Part], scope: Scope
) -> Sequence[int]:
    """All contacts, textable members and the members of each node, in one statement."""
    rule = nodes[0].rule
    contacts = columns([rule], scope)
    statement = select(
        func.count(),
        func.countIf(and_(contacts.of(rule), contacts.textable)),
        *(func.countIf(contacts.of(node.rule)) for node in nodes),
    ).select_from(contacts.source)
    return audience.fetch_rows(statement, shop_id)[0]


def _from_memory(evaluation: Evaluation, nodes: Sequence[Part], scope: Scope) -> SegmentSize:
    """The size of a rule, the first of the nodes, of what is in memory."""
    matching = list(evaluation.each([node.rule for node in nodes]))
    return _size(
        nodes,
        [evaluation.count(each) for each in matching],
        evaluation.count_textable(matching[0]),
        evaluation.universe.contacts,
        scope,
        evaluation,
    )


def containing(
    audience: Audience,
    shop_id: int,
    rules: Mapping[int, Rule],
    contact_id: int,
    scope: Scope,
    index: SizeIndex,
) -> frozenset[int]:
    """Which of some rules, by any number of the caller's, a contact matches.

    Raises:
        AppError: As for ``size``.
    """
    if not rules:
        return frozenset()
    # Of the one contact in every table, so that the cost is one person's, not a shop's.
    with asking(
        audience, shop_id, rules.values(), scope, [contact_id], what="membership"
    ) as answer:
        evaluation = index.of_contacts(shop_id, rules.values(), scope, [contact_id])
        if evaluation is None:
            matching = _containing(audience, shop_id, rules, contact_id, scope)
            answer.is_from_engine()
            return matching
        answer.is_from_index()
    if not len(evaluation.universe):
        return frozenset()
    found = evaluation.each([*rules.values()])
    return frozenset(number for number, (matches,) in zip(rules, found, strict=True) if matches)


def _containing(
    audience: Audience, shop_id: int, rules: Mapping[int, Rule], contact_id: int, scope: Scope
) -> frozenset[int]:
    """The same in one statement."""
    contacts = columns(list(rules.values()), scope)
    answers: Sequence[ColumnElement[bool]] = [contacts.of(rule) for rule in rules.values()]
    counted = [func.countIf(answer) for answer in answers]
    statement = select(*counted).select_from(contacts.source)
    counts = audience.fetch_rows(statement, shop_id, [contact_id])[0]
    return frozenset(number for number, count in zip(rules, counts, strict=True) if count)


def containing_where_known(
    audience: Audience,
    shop_id: int,
    rules: Mapping[int, Rule],
    contact_id: int,
    scope: Scope,
    index: SizeIndex,
) -> frozenset[int]:
    """As ``containing``, but for the rules of which a criterion fails: they are left out.

    Raises:
        AppError: The engine failed, or it took too long.
    """
    try:
        return containing(audience, shop_id, rules, contact_id, scope, index)
    except CriterionFailedError:
        leaves = different(rules.values())
        failed = {key(leaf) for leaf in failing(audience, shop_id, leaves, scope, [contact_id])}
    whole = {
        number: rule
        for number, rule in rules.items()
        if failed.isdisjoint(map(key, criteria(rule)))
    }
    return containing(audience, shop_id, whole, contact_id, scope, index)
