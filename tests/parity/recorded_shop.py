"""A shop whose facts are validated and recorded by the application and queried in SQL."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import count, groupby
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from sqlalchemy import select
from sqlmodel import col

from graphql_app.audience.facts import (
    CONTACTS,
    EVENTS,
    KEYWORDS,
    LINES,
    ORDER_LINES,
    ORDERS,
    PRODUCTS,
    TEXTS,
    FactType,
    check_batch,
)
from graphql_app.audience.tables import Contact, Expression
from graphql_app.catalog.shops import stored_id
from graphql_app.catalog.tables import Shop
from graphql_app.criteria import Option, Scope
from graphql_app.ids import SEGMENT, encode
from graphql_app.runtime.services import Services
from graphql_app.runtime.shop_engine import shop_engine
from graphql_app.segments.default_segments import create_shop
from graphql_app.segments.editor import Changes, SegmentEditor
from graphql_app.segments.engine import ShopEngine
from graphql_app.segments.members import Page, Person
from graphql_app.segments.predicate import predicate
from graphql_app.segments.repository import SavedSegments
from graphql_app.segments.rules.parser import parse
from graphql_app.segments.rules.tree import Rule
from graphql_app.segments.size import SegmentSize
from tests.parity.evaluation import facts
from tests.parity.evaluation.facts import Batch, Document, Fact
from tests.parity.strategies import Situation

# The type of a batch, by the type of its facts.
BATCHES: Mapping[type, Any] = {
    facts.Contact: facts.Contacts,
    facts.Order: facts.Orders,
    facts.Product: facts.Products,
    facts.Text: facts.Texts,
    facts.KeywordUse: facts.Keywords,
    facts.Event: facts.Events,
}

NOW = datetime(2024, 7, 15, 16, 0, 0, 250_000, tzinfo=UTC)

# Far above the ids of the catalog's shops, whose facts are in the same tables.
_shop_ids = count(10_000_000)


def as_table(fact: FactType, items: Sequence[Any], prefix: str = "") -> pa.Table:
    """Return items as a validated table with all or some of a fact's fields.

    Their ids, which are whole numbers, get the prefix.
    """
    prefixes = {field.name: prefix for field in fact.fields if field.id_of}
    values = {
        field.name: [_plain(getattr(item, field.name), prefixes.get(field.name)) for item in items]
        for field in fact.fields
        if items and hasattr(items[0], field.name)
    }
    table, bad = check_batch(fact, values, len(items))
    assert bad == []
    return table


def _plain(value: Any, prefix: str | None = None) -> Any:
    """Return a value as sources send it: a list instead of a frozen item's tuple."""
    if prefix is not None:
        return f"{prefix}{value}"
    return list(value) if isinstance(value, tuple) else value


@dataclass
class RecordedShop:
    """A new shop of the process's one audience.

    A country and saved segments belong to a shop of the catalog. Rules name segments, and ``rule``
    replaces the names by ids. The ids of contacts, orders, texts and events get the prefix.
    """

    services: Services
    zone: str = "UTC"
    now: datetime = NOW
    id: int = field(default_factory=lambda: next(_shop_ids))
    segments: dict[str, str] = field(default_factory=dict)
    first_weekday: int = 0
    country: str | None = None
    prefix: str = ""

    def __post_init__(self) -> None:
        if self.country is not None:
            self.id = stored_id(self.saved.shop)

    @property
    def scope(self) -> Scope:
        zone = ZoneInfo(self.zone)
        return Scope(zone, "USD", self.now, self.first_weekday, country=self.country)

    def record(self, *given: Batch | Fact) -> None:
        """Record batches in order; facts of one type in a row are a batch."""
        for kind, items in groupby(given, type):
            for batch in [BATCHES[kind](tuple(items))] if kind in BATCHES else items:
                self._record(batch)

    def _record(self, batch: Any) -> None:
        recorder = self.services.recorder
        match batch:
            case facts.Contacts(contacts):
                recorder.record(self.id, CONTACTS, as_table(CONTACTS, contacts, self.prefix))
            case facts.Orders(orders, keep_lines):
                lines = None if keep_lines else _lines([order.lines for order in orders])
                recorder.record_orders(self.id, as_table(ORDERS, orders, self.prefix), lines)
            case facts.OrderLines(items):
                table = as_table(LINES, [line for _, line in items])
                ids = pa.array([f"{self.prefix}{order_id}" for order_id, _ in items], pa.string())
                table = table.add_column(0, "order_id", ids)
                assert table.schema == ORDER_LINES.arrow_schema
                recorder.record_order_lines(self.id, table)
            case facts.Texts(texts):
                recorder.record(self.id, TEXTS, as_table(TEXTS, texts, self.prefix))
            case facts.Products(products):
                recorder.record(self.id, PRODUCTS, as_table(PRODUCTS, products))
            case facts.Events(events):
                recorder.record(self.id, EVENTS, as_table(EVENTS, events, self.prefix))
            case facts.Keywords(uses):
                recorder.record(self.id, KEYWORDS, as_table(KEYWORDS, uses, self.prefix))
            case facts.Forget(gone):
                recorder.forget(self.id, [f"{self.prefix}{contact}" for contact in gone])

    @cached_property
    def saved(self) -> SavedSegments:
        name = f"recorded-{self.id}"
        shop = Shop(
            handle=name, name=name, timezone=self.zone, currency="USD", country=self.country
        )
        services = self.services
        return SavedSegments(
            services.catalog,
            services.registry,
            create_shop(services.catalog, services.registry, shop),
        )

    def save(self, segments: Mapping[str, Document]) -> None:
        """Save segments, each of which may refer to those before it."""
        for name, document in segments.items():
            segment = SegmentEditor(self.saved).create(
                Changes(name=name, rule=self.with_ids(document))
            )
            self.segments[name] = encode(SEGMENT, segment.id)

    def with_ids(self, document: Document) -> dict[str, Any]:
        """Return a rule with segments' ids instead of their names."""
        ((key, body),) = document.items()
        match key:
            case "all" | "any":
                return {key: [self.with_ids(inner) for inner in body]}
            case "not":
                return {key: self.with_ids(body)}
            case "inSegment":
                return {key: {**body, "segment": self.segments[body["segment"]]}}
        return {key: body}

    @property
    def engine(self) -> ShopEngine:
        return shop_engine(self.services, self.id, self.scope, with_labels=False)

    @property
    def without_index(self) -> ShopEngine:
        return replace(self.engine, index=None)

    def rule(self, document: Document) -> Rule:
        if self.segments:
            return self.saved.parse(self.with_ids(document))
        return parse(document, self.services.registry, ("rule",))

    def matching(self, document: Document) -> set[int]:
        """Return the ids of the contacts who match a rule, the same in SQL and from the index."""
        [ids] = self.answers([document])
        return ids

    def members(self, rule: Rule, **page: Any) -> Sequence[Person]:
        """Return a page of a rule's members, the same from the index and in one statement."""
        found = self.engine.members(rule, Page(**page))
        assert found == self.without_index.members(rule, Page(**page))
        return found

    def answers(self, documents: Sequence[Document]) -> list[set[int]]:
        """Return the ids of the contacts who match each rule, the same in SQL and from the index.

        Rules that the index cannot evaluate are only evaluated in SQL.
        """
        rules = [self.rule(document) for document in documents]
        found = self.matching_each(rules)
        from_index = self._from_index(rules)
        if from_index is not None:
            assert from_index == found
        elif len(rules) > 1:
            for rule, ids in zip(rules, found, strict=True):
                assert self._from_index([rule]) in ([ids], None)
        return found

    def _from_index(self, rules: Sequence[Rule]) -> list[set[int]] | None:
        """Return the ids of the contacts who match each rule, if the index can evaluate all."""
        evaluation = self.services.index.evaluate(self.id, rules, self.scope)
        if evaluation is None:
            return None
        ids, alive = evaluation.contact_index.ids, evaluation.contact_index.alive
        return [{*ids[matches & alive].tolist()} for matches in evaluation.each(rules)]

    def check(self, *expected: tuple[Document, Set[int]]) -> None:
        """Check which contacts match each rule."""
        found = self.answers([document for document, _ in expected])
        for (document, matching), ids in zip(expected, found, strict=True):
            assert ids == matching, document

    def matching_each(self, rules: Sequence[Rule]) -> list[set[int]]:
        """Return the ids of the contacts who match each rule, in one statement."""
        answers: list[Expression] = [
            predicate(rule, self.scope).label(f"r{number}") for number, rule in enumerate(rules)
        ]
        rows = self.engine.rows(select(col(Contact.id), *answers))
        assert len(rows) == len({row[0] for row in rows})
        return [{row[0] for row in rows if row[1 + number]} for number in range(len(rules))]

    def size(self, document: Document) -> SegmentSize:
        """Return the size of a rule, the same from the index and in one statement."""
        rule = self.rule(document)
        found = self.engine.size(rule)
        assert found == self.without_index.size(rule)
        return found

    def textable(self) -> int:
        return self.size({"all": []}).textable

    def suggest(
        self,
        criterion: str,
        name: str,
        search: str = "",
        given: Mapping[str, Any] = MappingProxyType({}),
    ) -> list[str]:
        return [option.value for option in self.options(criterion, name, search, given)]

    def options(
        self,
        criterion: str,
        name: str,
        search: str = "",
        given: Mapping[str, Any] = MappingProxyType({}),
    ) -> Sequence[Option]:
        return self.engine.suggest(criterion, name, search, 100, given)

    def labels(
        self,
        criterion: str,
        name: str,
        values: Sequence[str],
        given: Mapping[str, Any] = MappingProxyType({}),
    ) -> dict[str, str]:
        return self.engine.labels(
            criterion, name, values, given, lambda ids: {id: f"Segment {id}" for id in ids}
        )


def shop_of(services: Services, situation: Situation, prefix: str = "") -> RecordedShop:
    """Return a new shop at the place and time of a situation, without its facts."""
    return RecordedShop(
        services,
        situation.zone,
        situation.now,
        first_weekday=situation.first_weekday,
        country=situation.country,
        prefix=prefix,
    )


def _lines(orders: Sequence[Sequence[facts.Line]]) -> pa.Table:
    """Return the lines of orders, with the row of their order."""
    table = as_table(LINES, [line for lines in orders for line in lines])
    rows = [row for row, lines in enumerate(orders) for _ in lines]
    return table.append_column("row", pa.array(rows, pa.int64()))
