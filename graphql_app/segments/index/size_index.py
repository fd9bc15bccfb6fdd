"""The size index of all shops: evaluates rules from vectors, within a memory budget."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from operator import and_, or_
from typing import TypeAlias

import numpy as np

from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.audience.upcoming import UpcomingFacts
from graphql_app.criteria import Criterion, MeasuredCriterion, Scope
from graphql_app.segments.failures import blaming
from graphql_app.segments.index.cache_key import Kind, QueryBuilder, VectorQuery, WatchedScope
from graphql_app.segments.index.contact_ids import BYTES_OF_CONTACT, ContactIndex, Flags
from graphql_app.segments.index.fallback import NotIndexableError
from graphql_app.segments.index.loader import VectorLoader, naming_query
from graphql_app.segments.index.shop_cache import ShopCache
from graphql_app.segments.index.vectors import Integers, Vector
from graphql_app.segments.predicate import key
from graphql_app.segments.rules.tree import Rule, combine, criteria

Queries: TypeAlias = Mapping[Hashable, VectorQuery]
Loaded: TypeAlias = tuple[ContactIndex, Mapping[Hashable, Vector]]
Load: TypeAlias = Callable[[Queries], tuple[Loaded, int]]

MAX_NOT_INDEXABLE = 10_000


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The answers of some criteria for every contact of a shop, at one state of its facts.

    Attributes:
        answers: Which contacts each criterion matches, by its key.
        steady: Whether only new facts can change the answers, as opposed to time alone.
        columns: Values of columns of ``Contact``, by position; ``MISSING`` for NULL.
        writes: The number of the shop's writes that the state includes.
    """

    contact_index: ContactIndex
    answers: Mapping[str, Flags]
    steady: bool
    columns: Mapping[str, Integers]
    writes: int

    def each(self, rules: Sequence[Rule]) -> Iterator[Flags]:
        """Yield which contacts each rule matches, by position. The rules use these criteria."""
        known: dict[int, Flags] = {}
        for rule in rules:
            yield combine(
                rule,
                lambda leaf: self.answers[key(leaf)],
                lambda flags: reduce(and_, flags) if flags else self.contact_index.alive,
                lambda flags: reduce(or_, flags),
                np.logical_not,
                known,
            )

    def count(self, matching: Flags) -> int:
        if not self.contact_index.everyone:
            matching = matching & self.contact_index.alive
        return int(np.count_nonzero(matching))

    def count_textable(self, matching: Flags) -> int:
        return int(np.count_nonzero(matching & self.contact_index.textable))


def _answer(leaf: Criterion, query: VectorQuery, vector: Vector, scope: Scope) -> Flags:
    """Return which contacts a criterion matches."""
    criterion, interval = query.criterion, None
    if query.kind is not Kind.CONDITION and isinstance(criterion, MeasuredCriterion):
        with blaming(criterion):
            interval = criterion.interval(scope)
    with naming_query(query):
        matching = vector.mask(interval, query.absent)
    return ~matching if leaf.operator.negated else matching


class SizeIndex:
    """The vectors of recent queries, up to a budget in bytes of memory.

    The least recently used vectors are evicted first.
    """

    def __init__(self, audience: Audience, recorder: Recorder, budget: int) -> None:
        self._audience = audience
        self._recorder = recorder
        self.upcoming = UpcomingFacts(audience, recorder.write_log)
        self.budget = budget
        self._queries = QueryBuilder(audience)
        self._lock = threading.Lock()
        self._shops: dict[int, ShopCache] = {}
        self._recent: OrderedDict[tuple[int, Hashable], None] = OrderedDict()
        self._bytes: dict[int, int] = {}
        # Queries with values that cannot be kept, each with its shop.
        self._not_indexable: dict[tuple[int, Hashable], None] = {}

    @property
    def nbytes(self) -> int:
        return self.usage[2]

    @property
    def usage(self) -> tuple[int, int, int]:
        """The number of shops and vectors, and their bytes."""
        with self._lock:
            shops = [*self._shops.values()]
        vectors = sum(len(shop.vectors) for shop in shops)
        return len(shops), vectors, sum(shop.nbytes for shop in shops)

    def evaluate(
        self, shop_id: int, rules: Collection[Rule], scope: Scope, columns: Collection[str] = ()
    ) -> Evaluation | None:
        """Evaluate all criteria of some rules; ``None`` if only a statement can.

        ``columns`` are columns of ``Contact`` with numbers or instants to return, too.

        Raises:
            AppError: A statement failed, or the evaluation takes too long.
            CriterionFailedError: A criterion's code fails, or its SQL is refused.
        """
        loader = self._loader(shop_id, scope)

        def load(queries: Queries) -> tuple[Loaded, int]:
            shop = self._shop(shop_id)
            self._refuse_if_too_large(shop, queries, loader)

            def load_at(writes: int) -> Loaded:
                contact_index = shop.refresh_contacts(loader, writes)
                return contact_index, shop.vectors_of(queries, contact_index, loader, writes)

            try:
                return self._consistent(shop_id, scope, load_at)
            finally:  # vectors that were loaded before a failure are kept
                self._note_use(shop_id, queries)

        return self._evaluate(shop_id, rules, scope, load, columns)

    def of_contacts(
        self, shop_id: int, rules: Collection[Rule], scope: Scope, contacts: Collection[int]
    ) -> Evaluation | None:
        """Evaluate for a few contacts; vectors that are not in memory are loaded for them only.

        Raises:
            AppError, CriterionFailedError: As for ``evaluate``.
        """
        loader = self._loader(shop_id, scope)
        few = np.unique(np.array([*contacts], np.uint64))

        def load(queries: Queries) -> tuple[Loaded, int]:
            shop = self._shop(shop_id)
            kept = {key: query for key, query in queries.items() if key in shop.vectors}
            others = [query for key, query in queries.items() if key not in kept]

            def load_at(writes: int) -> Loaded:
                if not kept:
                    contact_index = ContactIndex.of(*loader.fetch_contacts(few), layout=0)
                    return contact_index, dict(loader.load(others, contact_index, writes, few))
                everyone = shop.refresh_contacts(loader, writes)
                found = shop.vectors_of(kept, everyone, loader, writes)
                contact_index = everyone.only(few)
                positions = everyone.find(contact_index.ids)
                vectors = {key: vector.only(positions) for key, vector in found.items()}
                return contact_index, vectors | dict(
                    loader.load(others, contact_index, writes, few)
                )

            try:
                return self._consistent(shop_id, scope, load_at)
            finally:
                self._note_use(shop_id, kept)

        return self._evaluate(shop_id, rules, scope, load)

    def _loader(self, shop_id: int, scope: Scope) -> VectorLoader:
        as_of = partial(self.upcoming.as_of, shop_id, scope.now)
        return VectorLoader(self._audience, shop_id, as_of, self._recorder.catch_up)

    def _consistent(
        self, shop_id: int, scope: Scope, load_at: Callable[[int], Loaded]
    ) -> tuple[Loaded, int]:
        """Call ``load_at`` with the number of the shop's writes; return its result and the number.

        The result includes no later write. A concurrent write may be in one vector and not in
        another. Then ``load_at`` is called again while the shop's writes are paused.
        """
        self._recorder.catch_up_if_stale()
        self.upcoming.as_of(shop_id, scope.now)  # logs facts whose time has come
        write_log = self._recorder.write_log
        writes = write_log.count_writes(shop_id)
        found = load_at(writes)
        if write_log.is_unchanged_since(shop_id, writes):
            return found, writes
        with self._recorder.quiesce(shop_id):
            writes = write_log.count_writes(shop_id)
            return load_at(writes), writes

    def _evaluate(
        self,
        shop_id: int,
        rules: Collection[Rule],
        scope: Scope,
        load: Load,
        columns: Collection[str] = (),
    ) -> Evaluation | None:
        """Evaluate; when the values of a query cannot be kept, use its condition instead."""
        leaves = {key(leaf): leaf for rule in rules for leaf in criteria(rule)}
        of_columns = {name: VectorQuery.of_contact(name) for name in columns}
        while True:
            try:
                of_leaves = {
                    name: self._query(shop_id, leaf, scope) for name, leaf in leaves.items()
                }
                queries = (*of_leaves.values(), *of_columns.values())
                loaded, writes = load({query.key: query for query in queries})
                contact_index, vectors = loaded
                watched = WatchedScope(scope)
                answers = {
                    name: _answer(leaves[name], query, vectors[query.key], watched)
                    for name, query in of_leaves.items()
                }
                values = {
                    name: vectors[query.key].values.astype(np.int64, copy=False)
                    for name, query in of_columns.items()
                }
                all_steady = all(query.steady for query in of_leaves.values())
                steady = all_steady and not watched.was_read
                return Evaluation(contact_index, answers, steady, values, writes)
            except NotIndexableError as error:
                query_of_shop = shop_id, error.key
                if error.key is None or query_of_shop in self._not_indexable:
                    return None
                if len(self._not_indexable) >= MAX_NOT_INDEXABLE:
                    self._not_indexable.clear()
                self._not_indexable[query_of_shop] = None

    def _query(self, shop_id: int, leaf: Criterion, scope: Scope) -> VectorQuery:
        if type(leaf).fragment is not Criterion.fragment:
            raise NotIndexableError(f"{leaf.key} overrides fragment")
        if leaf.operator.negated:
            leaf = leaf.model_copy(update={"operator": leaf.operator.positive})
        with blaming(leaf):
            measured = leaf.as_measured()
        if measured is not None:
            query = self._queries.build(measured, scope, measured=True)
            if (shop_id, query.key) not in self._not_indexable:
                return query
        return self._queries.build(leaf, scope, measured=False)

    def _shop(self, shop_id: int) -> ShopCache:
        with self._lock:
            if shop_id not in self._shops:
                self._shops[shop_id] = ShopCache(shop_id, self._recorder.write_log)
            return self._shops[shop_id]

    def _refuse_if_too_large(self, shop: ShopCache, queries: Queries, loader: VectorLoader) -> None:
        contact_index = shop.contact_index
        contacts = loader.count_contacts() if contact_index is None else len(contact_index)
        width = sum(1 if q.kind is Kind.CONDITION else 8 for q in queries.values())
        if contacts * (BYTES_OF_CONTACT + width) > self.budget:
            raise NotIndexableError("the contacts and criteria exceed the memory budget")

    def _note_use(self, shop_id: int, queries: Collection[Hashable]) -> None:
        """Note what was used, and evict the least recently used vectors if there are too many."""
        with self._lock:
            shop = self._shops.get(shop_id)
            if shop is None:
                return
            kept = [name for name in queries if name in shop.vectors]
            for name in [*kept, None]:  # None is the contact index, evicted after its vectors
                self._recent[shop_id, name] = None
                self._recent.move_to_end((shop_id, name))
            self._bytes[shop_id] = shop.nbytes
            while sum(self._bytes.values()) > self.budget and self._recent:
                (owner, name), _ = self._recent.popitem(last=False)
                if owner not in self._shops:
                    continue
                if name is None:
                    del self._shops[owner], self._bytes[owner]
                else:
                    self._shops[owner].vectors.pop(name, None)
                    self._bytes[owner] = self._shops[owner].nbytes
