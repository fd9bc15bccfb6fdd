"""One shop's part of the size index: its contacts and vectors, refreshed when they are used."""

import threading
from collections import deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from graphql_app.audience.write_log import AffectedContacts, Ids, WriteLog
from graphql_app.segments.index.cache_key import VectorQuery
from graphql_app.segments.index.contact_ids import NOT_FOUND, ContactIndex
from graphql_app.segments.index.loader import VectorLoader
from graphql_app.segments.index.vectors import Vector, look_ahead

# Up to this many changed contacts are loaded again; beyond that, the whole vector is.
MAX_RELOADED = 20_000
MAX_ARRIVALS = 1_000

NOBODY = np.array([], np.uint64)


class ShopCache:
    """The contact index and the vectors of one shop.

    Both are replaced, never changed, so an answer in progress keeps a consistent state.
    """

    def __init__(self, shop_id: int, write_log: WriteLog) -> None:
        self._shop_id = shop_id
        self._write_log = write_log
        self._renewing = threading.Lock()
        self._guard = threading.Lock()
        self._loading: dict[Hashable, threading.Event] = {}
        self.contact_index: ContactIndex | None = None
        self._count = 0
        self._layouts = 0
        self._arrivals: deque[tuple[int, Ids]] = deque()
        self._forgotten = 0
        self.vectors: dict[Hashable, Vector] = {}

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        kept = 0 if self.contact_index is None else self.contact_index.nbytes
        return kept + sum(vector.nbytes for vector in [*self.vectors.values()])

    def refresh_contacts(self, loader: VectorLoader, count: int) -> ContactIndex:
        """Return the contact index with at least ``count`` writes."""
        with loader.holding(self._renewing):
            touched = self._writes_between(self._count, count)
            contact_index = self.contact_index
            contacts = NOBODY if touched is None else _touched_contacts(touched, {"contacts"})
            if contact_index is None or touched is None or len(contacts) > MAX_RELOADED:
                contact_index = self._load_contacts(loader, count)
            elif len(contacts):
                contact_index = self._update_contacts(contact_index, loader, contacts, count)
            self._count = max(self._count, count)
            return contact_index

    def _load_contacts(self, loader: VectorLoader, count: int) -> ContactIndex:
        """Load all contacts and start over."""
        found = loader.fetch_contacts()
        with self._guard:
            self._layouts += 1
            self._arrivals.clear()
            self._forgotten = count
            self.vectors = {}
            self.contact_index = ContactIndex.of(*found, self._layouts)
            return self.contact_index

    def _update_contacts(
        self, contact_index: ContactIndex, loader: VectorLoader, contacts: Ids, count: int
    ) -> ContactIndex:
        contact_index, arrived = contact_index.updated(contacts, *loader.fetch_contacts(contacts))
        newcomers = contact_index.ids[arrived]
        with self._guard:
            if contact_index.scattered:
                layout = contact_index.layout
                contact_index, before = contact_index.ordered(self._layouts + 1)
                self.vectors = {
                    key: vector.reordered(before, contact_index.layout)
                    for key, vector in self.vectors.items()
                    if vector.layout == layout
                }
                self._layouts += 1
            if len(newcomers):
                self._arrivals.append((count, newcomers))
                while len(self._arrivals) > MAX_ARRIVALS:
                    self._forgotten, _ = self._arrivals.popleft()
            self.contact_index = contact_index
            return contact_index

    def _writes_between(self, count: int, until: int) -> Sequence[AffectedContacts] | None:
        """Return the writes after ``count``, up to ``until`` or later; ``None`` if forgotten."""
        return () if count >= until else self._write_log.writes_since(self._shop_id, count)

    def vectors_of(
        self,
        queries: Mapping[Hashable, VectorQuery],
        contact_index: ContactIndex,
        loader: VectorLoader,
        count: int,
    ) -> dict[Hashable, Vector]:
        """Return the vectors of some queries with at least ``count`` writes.

        Raises:
            NotIndexableError: The values of a query cannot be kept; ``key`` names the query.
            AppError: A statement failed.
        """
        found: dict[Hashable, Vector] = {}
        stale: dict[Hashable, Ids] = {}
        missing = queries
        while missing:
            unknown: dict[Hashable, VectorQuery] = {}
            seen: dict[Hashable, Vector | None] = {}
            for key, query in missing.items():
                vector = seen[key] = self.vectors.get(key)
                again = None
                if vector is not None and vector.layout == contact_index.layout:
                    vector, again = self._changed_contacts(query, vector, loader, count)
                if vector is None or again is None or len(again) > MAX_RELOADED:
                    unknown[key] = query
                    continue
                found[key] = vector
                if len(again):
                    stale[key] = again
            loaded = self._load(unknown, seen, contact_index, loader, count)
            found |= loaded
            missing = {key: each for key, each in unknown.items() if key not in loaded}
        if stale:
            self._reload(queries, contact_index, loader, found, stale)
        for key, vector in found.items():
            at = tuple(moving.at for moving in queries[key].moving)
            if vector.count < count or vector.moving != at or key in stale:
                found[key] = replace(vector, count=max(vector.count, count), moving=at)
        for key, vector in found.items():
            found[key] = self._keep(key, vector.extended_to(len(contact_index))).truncated_to(
                len(contact_index)
            )
        return found

    def _changed_contacts(
        self, query: VectorQuery, vector: Vector, loader: VectorLoader, count: int
    ) -> tuple[Vector, Ids | None]:
        """Find the contacts whose value may have changed.

        Returns:
            The vector, with the crossings that were looked up, and the ids of the contacts, or
            ``None`` if they are not known.
        """
        touched = self._writes_between(vector.count, count)
        if touched is None or vector.count < self._forgotten:
            return vector, None
        if any("products" in write.tables for write in touched) and "products" in query.reads:
            return vector, None
        arrived = [ids for number, ids in [*self._arrivals] if number > vector.count]
        facts_changed = _touched_contacts(touched, query.reads)
        contacts = np.concatenate([facts_changed, *arrived])
        if not query.moving:
            return vector, contacts
        if len(facts_changed) and vector.crossings is not None:
            new = loader.crossings(query, vector.crossings.spans, facts_changed)
            vector = replace(vector, crossings=vector.crossings.merged(new))
        moves = [(at, moving.at) for at, moving in zip(vector.moving, query.moving, strict=True)]
        if all(before == now for before, now in moves):
            return vector, contacts
        crossed = None if vector.crossings is None else vector.crossings.between(moves)
        if crossed is None:
            crossings = loader.crossings(query, look_ahead(moves))
            crossed = crossings.between(moves)
            vector = replace(vector, crossings=crossings)
        return vector, None if crossed is None else np.concatenate([contacts, crossed])

    def _reload(
        self,
        queries: Mapping[Hashable, VectorQuery],
        contact_index: ContactIndex,
        loader: VectorLoader,
        found: dict[Hashable, Vector],
        stale: Mapping[Hashable, Ids],
    ) -> None:
        """Load the stale vectors of ``found`` again for all changed contacts."""
        contacts = np.unique(np.concatenate([*stale.values()]))
        gone = contact_index.find(contacts)
        gone = gone[gone != NOT_FOUND]
        vectors = {key: found[key].extended_to(len(contact_index)) for key in stale}
        asked = [queries[key] for key in stale]
        for key, ids, values in loader.reload(asked, vectors, contacts):
            places = contact_index.find(ids)
            here = places != NOT_FOUND
            changed = vectors[key].values.copy()
            changed[gone] = vectors[key].fill
            changed[places[here]] = values[here]
            found[key] = replace(vectors[key], values=changed, masks={})

    def _load(
        self,
        queries: Mapping[Hashable, VectorQuery],
        seen: Mapping[Hashable, Vector | None],
        contact_index: ContactIndex,
        loader: VectorLoader,
        count: int,
    ) -> dict[Hashable, Vector]:
        """Load vectors; wait for those that another thread is loading or has just loaded."""
        found: dict[Hashable, Vector] = {}
        done = threading.Event()
        with self._guard:
            others = [self._loading[key] for key in queries if key in self._loading]
            ours = {
                key: each
                for key, each in queries.items()
                if key not in self._loading and self.vectors.get(key) is seen[key]
            }
            self._loading.update(dict.fromkeys(ours, done))
        try:
            for key, vector in loader.load([*ours.values()], contact_index, count):
                found[key] = self._keep(key, vector)
        finally:
            with self._guard:
                for key in ours:
                    del self._loading[key]
            done.set()
        for other in others:
            loader.wait(other)
        return found

    def _keep(self, key: Hashable, vector: Vector) -> Vector:
        """Keep a vector, unless a newer one is kept."""
        with self._guard:
            other = self.vectors.get(key)
            newer = other is None or other.layout != vector.layout or other.count <= vector.count
            if (
                newer
                and self.contact_index is not None
                and self.contact_index.layout == vector.layout
            ):
                self.vectors[key] = vector
        return vector


def _touched_contacts(touched: Iterable[AffectedContacts], tables: Iterable[str]) -> Ids:
    """Return the contacts that writes touched in some tables, or erased."""
    found = [NOBODY]
    for write in touched:
        found += [write.tables[name] for name in tables if name in write.tables]
        found.append(write.erased)
    return np.unique(np.concatenate(found)) if len(found) > 1 else NOBODY
