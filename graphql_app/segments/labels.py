"""Labels beside the values in sentences, such as the titles of products."""

import dataclasses
import threading
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from time import monotonic
from typing import Any

from sqlalchemy import Join, func, select
from sqlalchemy.sql import visitors

from graphql_app.audience.cancellation import WorkCancelledError
from graphql_app.audience.tables import Statement, tables_read
from graphql_app.audience.write_log import WriteLog
from graphql_app.criteria import Criterion
from graphql_app.segments.fact_reader import FactReader
from graphql_app.segments.failures import blaming
from graphql_app.segments.rules.sentences import sentences
from graphql_app.segments.rules.tree import Rule
from graphql_app.segments.suggestions import all_fields, suggestion_statement

MAX_VALUES = 1_000  # per statement; other values get their labels in a later call
MAX_LABELS = 100_000  # of all shops
SECONDS = 2.0  # time limit of a statement
RETRY_AFTER = 30.0  # seconds after a statement that failed

Field = tuple[type[Criterion], str]


@dataclass(slots=True)
class _Labels:
    """The labels of one field in one shop, as they were after a number of writes.

    A value without a label has ``None``. ``tables`` are the tables that the labels come from.
    After a failure ``retry_at`` says when to try again, on the monotonic clock.
    """

    writes: int
    tables: frozenset[str] = frozenset()
    values: dict[str, str | None] = dataclasses.field(default_factory=dict)
    retry_at: float = 0.0


class LabelCache:
    """The labels that the sentences of all shops show.

    One statement, built from the criterion's suggestions, loads a field's missing labels. Labels
    are dropped when a table that they come from is written to. If a value has no label, or loading
    it fails, sentences show the value itself.
    """

    def __init__(self, write_log: WriteLog, max_labels: int = MAX_LABELS) -> None:
        self._write_log = write_log
        self._max_labels = max_labels
        self._shops: OrderedDict[int, dict[Field, _Labels]] = OrderedDict()
        self._changes: Counter[int] = Counter()
        self._lock = threading.Lock()

    def changes(self, shop_id: int) -> int:
        """Return a number that grows whenever a shop's labels may have changed."""
        with self._lock:
            shop = self._shops.get(shop_id, {})
            for field in [key for key, labels in shop.items() if self._is_stale(shop_id, labels)]:
                del shop[field]
                self._changes[shop_id] += 1
            return self._changes[shop_id]

    def sentences(self, reader: FactReader, rules: Sequence[Rule]) -> list[str]:
        """Write rules as sentences with labels; see ``sentences``."""
        missing: dict[Field, list[str]] = {}
        known: dict[Field, _Labels] = {}

        def label(kind: type[Criterion], name: str, value: str) -> str | None:
            field = (kind, name)
            if field not in known:
                known[field] = self._current(reader.shop_id, field)
            labels = known[field]
            if value not in labels.values and not labels.retry_at:
                missing.setdefault(field, []).append(value)
            return labels.values.get(value)

        found = sentences(rules, reader.scope, label)
        if not missing:
            return found
        for field, values in [*missing.items()]:
            known[field] = self._load(reader, field, list(dict.fromkeys(values)))
        return sentences(rules, reader.scope, label)

    def _current(self, shop_id: int, field: Field) -> _Labels:
        """Return a field's labels, without those that a write may have changed."""
        self.changes(shop_id)
        with self._lock:
            shop = self._shops.setdefault(shop_id, {})
            self._shops.move_to_end(shop_id)
            if field not in shop:
                shop[field] = _Labels(self._write_log.count_writes(shop_id))
            return shop[field]

    def _is_stale(self, shop_id: int, labels: _Labels) -> bool:
        if labels.retry_at:
            return monotonic() >= labels.retry_at
        now = self._write_log.count_writes(shop_id)
        writes = self._write_log.writes_since(shop_id, labels.writes)
        if writes is None or any(
            len(write.erased) or not labels.tables.isdisjoint(write.tables) for write in writes
        ):
            return True
        labels.writes = now
        return False

    def _load(self, reader: FactReader, field: Field, missing: Sequence[str]) -> _Labels:
        kind, name = field
        values = missing[:MAX_VALUES]
        labels = self._current(reader.shop_id, field)
        # A write during the statement may change what it reads.
        writes = labels.writes
        tables: frozenset[str] = frozenset()
        found: dict[str, str] = {}
        retry_at = 0.0
        try:
            statement = _statement(kind, name, reader)
            if statement is not None:
                tables = tables_read(statement)
                found = _read(reader, kind, statement, values)
        except WorkCancelledError:
            raise
        except Exception:  # the sentences show the values themselves
            retry_at = monotonic() + RETRY_AFTER
        with self._lock:
            labels.writes = min(labels.writes, writes)
            labels.tables, labels.retry_at = tables, retry_at
            labels.values.update((value, found.get(value)) for value in values)
            if len(missing) > len(values):  # the next call loads more
                self._changes[reader.shop_id] += 1
            self._forget_oldest()
        return labels

    def _forget_oldest(self) -> None:
        kept = {
            shop_id: sum(len(labels.values) for labels in shop.values())
            for shop_id, shop in self._shops.items()
        }
        total = sum(kept.values())
        for shop_id in [*self._shops][:-1]:
            if total <= self._max_labels:
                return
            del self._shops[shop_id]
            self._changes[shop_id] += 1
            total -= kept[shop_id]


def _statement(kind: type[Criterion], name: str, reader: FactReader) -> Statement | None:
    """Return the statement of all values and labels of a field, if they differ."""
    spec = all_fields(kind).get(name)
    if spec is None or not spec.form.suggests:
        return None
    statement = suggestion_statement(kind, name, "", reader.scope, {})
    if statement is None:
        return None
    value, label, *_ = (each["expr"] for each in statement.column_descriptions)
    return None if value is label else _without_order(statement)


def _without_order(statement: Statement) -> Statement:
    """Drop the order of a statement, and an outer join that only the order uses.

    A join with the sales of products takes longer than all the rest, and changes with every order.
    """
    statement = statement.order_by(None)
    columns: list[Any] = [each["expr"] for each in statement.column_descriptions]
    where = statement.whereclause
    [source, *others] = statement.get_final_froms()
    if others or not isinstance(source, Join) or not source.isouter or statement._group_by_clauses:
        return statement
    used = chain.from_iterable(
        map(visitors.iterate, columns if where is None else [*columns, where])
    )
    if any(getattr(each, "table", None) is source.right for each in used):
        return statement
    smaller: Statement = select(*columns).select_from(source.left)
    return smaller if where is None else smaller.where(where)


def _read(
    reader: FactReader, kind: type[Criterion], statement: Statement, values: Sequence[str]
) -> dict[str, str]:
    offered, label, *_ = statement.subquery().c
    value = func.toString(offered)
    wanted = select(value, func.min(label)).where(value.in_(values)).group_by(value)
    rows = reader.rows(wanted, timeout=SECONDS)
    with blaming(kind):
        return {str(value): str(label) for value, label in rows}
