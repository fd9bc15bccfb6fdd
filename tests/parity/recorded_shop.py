"""A shop whose facts go through the application: checked, recorded and asked about in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from sqlalchemy import select
from sqlmodel import col

from graphql_app.audience.facts import (
    CONTACTS,
    KEYWORDS,
    LINE_FIELDS,
    ORDER_LINES,
    ORDERS,
    TEXTS,
    Fact,
    check,
)
from graphql_app.audience.tables import Contact, Expression
from graphql_app.criteria import Scope
from graphql_app.schema.context import Services
from graphql_app.segments.members import members
from graphql_app.segments.predicate import predicate
from graphql_app.segments.rule import Rule, parse
from graphql_app.segments.size import SegmentSize, size
from graphql_app.segments.suggestions import suggestions
from tests.parity import evaluator
from tests.parity.evaluator import Batch, Document

NOW = datetime(2024, 7, 15, 16, 0, 0, 250_000, tzinfo=UTC)
LINES = Fact("lines", LINE_FIELDS)

# Far above the shops of the catalog, whose facts lie in the same tables.
_shop_ids = count(10_000_000)


def checked(fact: Fact, items: Sequence[Any]) -> pa.Table:
    """Items with a fact's fields, or some of them, as a checked table."""
    names = [field.name for field in fact.fields]
    values = {
        name: [getattr(item, name) for item in items]
        for name in names
        if items and hasattr(items[0], name)
    }
    table, bad = check(fact, values, len(items))
    assert bad == []
    return table


@dataclass
class RecordedShop:
    """A new shop of the process's one audience."""

    services: Services
    zone: str = "UTC"
    now: datetime = NOW
    id: int = field(default_factory=lambda: next(_shop_ids))

    @property
    def scope(self) -> Scope:
        """The scope of the shop's rules."""
        return Scope(ZoneInfo(self.zone), "USD", self.now)

    def record(self, *batches: Batch) -> None:
        """Record batches, one after another."""
        for batch in batches:
            self._record(batch)

    def _record(self, batch: Batch) -> None:
        recorder = self.services.recorder
        match batch:
            case evaluator.Contacts(contacts):
                recorder.record(self.id, CONTACTS, checked(CONTACTS, contacts))
            case evaluator.Orders(orders, keep_lines):
                lines = None if keep_lines else _lines([order.lines for order in orders])
                recorder.orders(self.id, checked(ORDERS, orders), lines)
            case evaluator.OrderLines(items):
                table = checked(LINES, [line for _, line in items])
                ids = pa.array([order_id for order_id, _ in items], pa.uint64())
                table = table.add_column(0, "order_id", ids)
                assert table.schema == ORDER_LINES.schema
                recorder.order_lines(self.id, table)
            case evaluator.Texts(texts):
                recorder.record(self.id, TEXTS, checked(TEXTS, texts))
            case evaluator.Keywords(uses):
                recorder.record(self.id, KEYWORDS, checked(KEYWORDS, uses))
            case evaluator.Forget(gone):
                recorder.forget(self.id, gone)

    def rule(self, document: Document) -> Rule:
        """A rule, read as any other."""
        return parse(document, self.services.registry.criteria, ("rule",))

    def matching(self, document: Document) -> set[int]:
        """The ids of the contacts that match a rule; also its members, and as many as its size."""
        rule = self.rule(document)
        (ids,) = self.matching_each([rule])
        listed = members(self.services.audience, self.id, rule, self.scope, limit=1_000)
        assert [person.id for person in listed] == sorted(ids)
        assert self.size(document).members == len(ids)
        return ids

    def answers(self, documents: Sequence[Document]) -> list[set[int]]:
        """The ids of the contacts that match each of some rules, as many as its size says."""
        found = self.matching_each([self.rule(document) for document in documents])
        sizes = {part.path: part.members for part in self.size({"any": list(documents)}).parts}
        assert [sizes["rule", "any", number] for number in range(len(found))] == list(
            map(len, found)
        )
        return found

    def matching_each(self, rules: Sequence[Rule]) -> list[set[int]]:
        """The ids of the contacts that match each of some rules, in one statement."""
        answers: list[Expression] = [
            predicate(rule, self.scope).label(f"r{number}") for number, rule in enumerate(rules)
        ]
        rows = self.services.audience.rows(select(col(Contact.id), *answers), self.id)
        assert len(rows) == len({row[0] for row in rows})
        return [{row[0] for row in rows if row[1 + number]} for number in range(len(rules))]

    def size(self, document: Document) -> SegmentSize:
        """The size of a rule."""
        return size(self.services.audience, self.id, self.rule(document), self.scope)

    def textable(self) -> int:
        """How many contacts can be texted."""
        return self.size({"all": []}).textable

    def suggest(self, criterion: str, name: str, search: str) -> list[str]:
        """The values suggested for a field."""
        found = suggestions(
            self.services.registry,
            self.services.audience,
            self.id,
            criterion,
            name,
            search,
            100,
            self.scope,
        )
        return [option.value for option in found]


def _lines(orders: Sequence[Sequence[evaluator.Line]]) -> pa.Table:
    """The lines of orders, with the row of their order."""
    table = checked(LINES, [line for lines in orders for line in lines])
    rows = [row for row, lines in enumerate(orders) for _ in lines]
    return table.append_column("row", pa.array(rows, pa.int64()))
