"""Generated shops, recorded like other facts."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from graphql_app.audience.facts import (
    CONTACTS,
    LINES,
    ORDER_LINES,
    ORDERS,
    PRODUCTS,
    FactType,
    check_batch,
)
from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.catalog.tables import Shop
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.catalog.tokens import Access
from graphql_app.testing.hostile_texts import plain
from graphql_app.testing.sample_facts import FactMaker, Row

ZONE, CURRENCY = "America/New_York", "USD"


@dataclass(frozen=True, slots=True)
class MadeShop:
    """A shop of generated facts; with ``plain_texts``, none is hostile."""

    audience: Audience
    recorder: Recorder
    id: int
    seed: str
    words: Sequence[str] = ()
    plain_texts: bool = False

    @property
    def access(self) -> Access:
        """Return the access of a token with every scope."""
        shop = Shop(id=self.id, handle="made", name="Made", timezone=ZONE, currency=CURRENCY)
        return Access(shop, frozenset(TokenScope))

    def record(self) -> None:
        maker = FactMaker(self.seed, self.words)
        orders = maker.rows(ORDERS)
        lines = [(row, line) for row in range(len(orders)) for line in maker.lines()]
        lines_table = self._table(LINES, [line for _, line in lines])
        rows = pa.array([row for row, _ in lines], pa.int64())
        self.recorder.record_orders(
            self.id, self._table(ORDERS, orders), lines_table.append_column("row", rows)
        )
        makers = {CONTACTS.name: maker.contacts, PRODUCTS.name: maker.products}
        for fact in self.audience.facts.values():
            if fact not in (ORDERS, ORDER_LINES):
                made = makers.get(fact.name, maker.rows)(fact)
                self.recorder.record(self.id, fact, self._table(fact, made))

    def _table(self, fact: FactType, rows: Sequence[Row]) -> pa.Table:
        """Return rows as a checked batch."""
        values = {field.name: [row[field.name] for row in rows] for field in fact.fields}
        if self.plain_texts:
            values = {name: plain(column) for name, column in values.items()}
        table, bad = check_batch(fact, values, len(rows))
        if bad:
            raise ValueError(f"generated {fact.name} are invalid: {bad[0]}")
        return table
