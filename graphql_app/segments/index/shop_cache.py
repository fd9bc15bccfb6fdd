"""One shop's part of the index: its universe and its vectors, brought up to date when asked for."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from graphql_app.audience.write_log import AffectedContacts, Ids, WriteLog
from graphql_app.segments.index.cache_key import Question
from graphql_app.segments.index.contact_ids import NOWHERE, Universe
from graphql_app.segments.index.loader import ShopFacts
from graphql_app.segments.index.vectors import Vector, ahead

# Contacts that are asked again one by one; of more of them all are.
MAX_AGAIN = 20_000
MAX_ARRIVALS = 1_000

NOBODY = np.array([], np.uint64)


class IndexedShop:
    """The universe and the vectors of one shop.

    Vectors and universes are never changed, only replaced, so an answer goes on with what it has
    whatever others do meanwhile.
    """

    def __init__(self, shop_id: int, write_log: WriteLog) -> None:
        self._shop_id = shop_id
        self._write_log = write_log
        self._renewing = threading.Lock()
        self._guard = threading.Lock()
        self._loading: dict[Hashable, threading.Event] = {}
        self.universe: Universe | None = None
        self._count = 0
        self._layouts = 0
        self._arrivals: deque[tuple[int, Ids]] = deque()
        self._forgotten = 0
        self.vectors: dict[Hashable, Vector] = {}

    @property
    def nbytes(self) -> int:
        """Bytes that are kept."""
        kept = 0 if self.universe is None else self.universe.nbytes
        return kept + sum(vector.nbytes for vector in [*self.vectors.values()])

    def renewed(self, facts: ShopFacts, count: int) -> Universe:
        """The universe after a number of writes, or more."""
        with facts.holding(self._renewing):
            touched = self._since(self._count, count)
            universe = self.universe
            contacts = NOBODY if touched is None else _of(touched, {"contacts"})
            if universe is None or touched is None or len(contacts) > MAX_AGAIN:
                universe = self._loaded(facts, count)
            elif len(contacts):
                universe = self._changed(universe, facts, contacts, count)
            self._count = max(self._count, count)
            return universe

    def _loaded(self, facts: ShopFacts, count: int) -> Universe:
        """All contacts, as if they were asked for first."""
        found = facts.universe()
        with self._guard:
            self._layouts += 1
            self._arrivals.clear()
            self._forgotten = count
            self.vectors = {}
            self.universe = Universe.of(*found, self._layouts)
            return self.universe

    def _changed(self, universe: Universe, facts: ShopFacts, contacts: Ids, count: int) -> Universe:
        universe, arrived = universe.updated(contacts, *facts.universe(contacts))
        newcomers = universe.ids[arrived]
        with self._guard:
            if universe.scattered:
                layout = universe.layout
                universe, before = universe.ordered(self._layouts + 1)
                self.vectors = {
                    key: vector.reordered(before, universe.layout)
                    for key, vector in self.vectors.items()
                    if vector.layout == layout
                }
                self._layouts += 1
            if len(newcomers):
                self._arrivals.append((count, newcomers))
                while len(self._arrivals) > MAX_ARRIVALS:
                    self._forgotten, _ = self._arrivals.popleft()
            self.universe = universe
            return universe

    def _since(self, count: int, until: int) -> Sequence[AffectedContacts] | None:
        """What was touched since a number of writes; later than asked for does no harm."""
        return () if count >= until else self._write_log.writes_since(self._shop_id, count)

    def answers(
        self,
        questions: Mapping[Hashable, Question],
        universe: Universe,
        facts: ShopFacts,
        count: int,
    ) -> dict[Hashable, Vector]:
        """The vectors of some questions, which have seen a number of writes, or more.

        Raises:
            DoubtError: The values of one cannot be kept; its ``key`` says of which.
            AppError: A statement failed.
        """
        found: dict[Hashable, Vector] = {}
        stale: dict[Hashable, Ids] = {}
        missing = questions
        while missing:
            unknown: dict[Hashable, Question] = {}
            seen: dict[Hashable, Vector | None] = {}
            for key, question in missing.items():
                vector = seen[key] = self.vectors.get(key)
                again = None
                if vector is not None and vector.layout == universe.layout:
                    vector, again = self._again(question, vector, facts, count)
                if vector is None or again is None or len(again) > MAX_AGAIN:
                    unknown[key] = question
                    continue
                found[key] = vector
                if len(again):
                    stale[key] = again
            loaded = self._load(unknown, seen, universe, facts, count)
            found |= loaded
            missing = {key: each for key, each in unknown.items() if key not in loaded}
        if stale:
            self._ask_again(questions, universe, facts, found, stale)
        for key, vector in found.items():
            at = tuple(moving.at for moving in questions[key].moving)
            if vector.count < count or vector.moving != at or key in stale:
                found[key] = replace(vector, count=max(vector.count, count), moving=at)
        for key, vector in found.items():
            found[key] = self._kept(key, vector.reaching(len(universe))).upto(len(universe))
        return found

    def _again(
        self, question: Question, vector: Vector, facts: ShopFacts, count: int
    ) -> tuple[Vector, Ids | None]:
        """The contacts of whom the answer may have changed, for all that is known without asking.

        Returns:
            The vector, with the crossings that were looked for; and the contacts, or ``None``
            where it is not remembered which.
        """
        touched = self._since(vector.count, count)
        if touched is None or vector.count < self._forgotten:
            return vector, None
        if any("products" in write.tables for write in touched) and "products" in question.reads:
            return vector, None
        arrived = [ids for number, ids in [*self._arrivals] if number > vector.count]
        facts_changed = _of(touched, question.reads)
        contacts = np.concatenate([facts_changed, *arrived])
        if not question.moving:
            return vector, contacts
        if len(facts_changed) and vector.crossings is not None:
            new = facts.crossings(question, vector.crossings.spans, facts_changed)
            vector = replace(vector, crossings=vector.crossings.joined(new))
        moves = [(at, moving.at) for at, moving in zip(vector.moving, question.moving, strict=True)]
        if all(before == now for before, now in moves):
            return vector, contacts
        crossed = None if vector.crossings is None else vector.crossings.between(moves)
        if crossed is None:
            crossings = facts.crossings(question, ahead(moves))
            crossed = crossings.between(moves)
            vector = replace(vector, crossings=crossings)
        return vector, None if crossed is None else np.concatenate([contacts, crossed])

    def _ask_again(
        self,
        questions: Mapping[Hashable, Question],
        universe: Universe,
        facts: ShopFacts,
        found: dict[Hashable, Vector],
        stale: Mapping[Hashable, Ids],
    ) -> None:
        """Ask the stale ones of ``found`` again, for every contact that any of them needs."""
        contacts = np.unique(np.concatenate([*stale.values()]))
        gone = universe.find(contacts)
        gone = gone[gone != NOWHERE]
        vectors = {key: found[key].reaching(len(universe)) for key in stale}
        asked = [questions[key] for key in stale]
        for key, ids, values in facts.again(asked, vectors, contacts):
            places = universe.find(ids)
            here = places != NOWHERE
            changed = vectors[key].values.copy()
            changed[gone] = vectors[key].fill
            changed[places[here]] = values[here]
            found[key] = replace(vectors[key], values=changed, masks={})

    def _load(
        self,
        questions: Mapping[Hashable, Question],
        seen: Mapping[Hashable, Vector | None],
        universe: Universe,
        facts: ShopFacts,
        count: int,
    ) -> dict[Hashable, Vector]:
        """Load vectors, but for those that somebody else has loaded since they were seen, or is
        loading: only wait for these.
        """
        found: dict[Hashable, Vector] = {}
        done = threading.Event()
        with self._guard:
            others = [self._loading[key] for key in questions if key in self._loading]
            ours = {
                key: each
                for key, each in questions.items()
                if key not in self._loading and self.vectors.get(key) is seen[key]
            }
            self._loading.update(dict.fromkeys(ours, done))
        try:
            for key, vector in facts.load([*ours.values()], universe, count):
                found[key] = self._kept(key, vector)
        finally:
            with self._guard:
                for key in ours:
                    del self._loading[key]
            done.set()
        for other in others:
            facts.wait(other)
        return found

    def _kept(self, key: Hashable, vector: Vector) -> Vector:
        """Keep a vector, unless the one that is kept has seen more."""
        with self._guard:
            other = self.vectors.get(key)
            newer = other is None or other.layout != vector.layout or other.count <= vector.count
            if newer and self.universe is not None and self.universe.layout == vector.layout:
                self.vectors[key] = vector
        return vector


def _of(touched: Iterable[AffectedContacts], tables: Iterable[str]) -> Ids:
    """The contacts that were touched in some tables, or erased."""
    found = [NOBODY]
    for write in touched:
        found += [write.tables[name] for name in tables if name in write.tables]
        found.append(write.erased)
    return np.unique(np.concatenate(found)) if len(found) > 1 else NOBODY
