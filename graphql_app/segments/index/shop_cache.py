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
        self._refresh_lock = threading.Lock()
        self._lock = threading.Lock()
        self._loading: dict[Hashable, threading.Event] = {}
        self.contact_index: ContactIndex | None = None
        self._count = 0
        self._last_layout = 0
        self._arrivals: deque[tuple[int, Ids]] = deque()
        self._arrivals_known_since = 0
        self.vectors: dict[Hashable, Vector] = {}

    @property
    def nbytes(self) -> int:
        contacts = 0 if self.contact_index is None else self.contact_index.nbytes
        return contacts + sum(vector.nbytes for vector in [*self.vectors.values()])

    def refresh_contacts(self, loader: VectorLoader, count: int) -> ContactIndex:
        """Return the contact index with at least ``count`` writes."""
        with loader.holding(self._refresh_lock):
            writes = self._writes_between(self._count, count)
            contact_index = self.contact_index
            contacts = NOBODY if writes is None else _affected_contacts(writes, {"contacts"})
            if contact_index is None or writes is None or len(contacts) > MAX_RELOADED:
                contact_index = self._load_contacts(loader, count)
            elif len(contacts):
                contact_index = self._update_contacts(contact_index, loader, contacts, count)
            self._count = max(self._count, count)
            return contact_index

    def _load_contacts(self, loader: VectorLoader, count: int) -> ContactIndex:
        """Load all contacts and start over."""
        found = loader.fetch_contacts()
        with self._lock:
            self._last_layout += 1
            self._arrivals.clear()
            self._arrivals_known_since = count
            self.vectors = {}
            self.contact_index = ContactIndex.of(*found, self._last_layout)
            return self.contact_index

    def _update_contacts(
        self, contact_index: ContactIndex, loader: VectorLoader, contacts: Ids, count: int
    ) -> ContactIndex:
        contact_index, arrived = contact_index.updated(contacts, *loader.fetch_contacts(contacts))
        newcomers = contact_index.ids[arrived]
        with self._lock:
            if contact_index.scattered:
                layout = contact_index.layout
                contact_index, before = contact_index.ordered(self._last_layout + 1)
                self.vectors = {
                    key: vector.reordered(before, contact_index.layout)
                    for key, vector in self.vectors.items()
                    if vector.layout == layout
                }
                self._last_layout += 1
            if len(newcomers):
                self._arrivals.append((count, newcomers))
                while len(self._arrivals) > MAX_ARRIVALS:
                    self._arrivals_known_since, _ = self._arrivals.popleft()
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
            to_load: dict[Hashable, VectorQuery] = {}
            earlier: dict[Hashable, Vector | None] = {}
            for key, query in missing.items():
                vector = earlier[key] = self.vectors.get(key)
                changed = None
                if vector is not None and vector.layout == contact_index.layout:
                    vector, changed = self._changed_contacts(query, vector, loader, count)
                if vector is None or changed is None or len(changed) > MAX_RELOADED:
                    to_load[key] = query
                    continue
                found[key] = vector
                if len(changed):
                    stale[key] = changed
            loaded = self._load(to_load, earlier, contact_index, loader, count)
            found |= loaded
            missing = {key: query for key, query in to_load.items() if key not in loaded}
        if stale:
            self._reload(queries, contact_index, loader, found, stale)
        size = len(contact_index)
        for key, vector in found.items():
            current = vector
            instants = tuple(moving.at for moving in queries[key].moving)
            if vector.count < count or vector.moving != instants:
                current = replace(vector, count=max(vector.count, count), moving=instants)
            found[key] = self._keep(key, current.extended_to(size)).truncated_to(size)
        return found

    def _changed_contacts(
        self, query: VectorQuery, vector: Vector, loader: VectorLoader, count: int
    ) -> tuple[Vector, Ids | None]:
        """Return the vector with its crossings, and the contacts whose value may have changed.

        These are ``None`` if they are not known.
        """
        writes = self._writes_between(vector.count, count)
        if writes is None or vector.count < self._arrivals_known_since:
            return vector, None
        if any("products" in write.tables for write in writes) and "products" in query.reads:
            return vector, None
        arrived = [ids for number, ids in [*self._arrivals] if number > vector.count]
        affected = _affected_contacts(writes, query.reads)
        contacts = np.concatenate([affected, *arrived])
        if not query.moving:
            return vector, contacts
        if len(affected) and vector.crossings is not None:
            new = loader.crossings(query, vector.crossings.spans, affected)
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
        stale_positions = contact_index.find(contacts)
        stale_positions = stale_positions[stale_positions != NOT_FOUND]
        vectors = {key: found[key].extended_to(len(contact_index)) for key in stale}
        stale_queries = [queries[key] for key in stale]
        for key, ids, values in loader.reload(stale_queries, vectors, contacts):
            positions = contact_index.find(ids)
            known = positions != NOT_FOUND
            updated = vectors[key].values.copy()
            updated[stale_positions] = vectors[key].fill
            updated[positions[known]] = values[known]
            found[key] = replace(vectors[key], values=updated, masks={})

    def _load(
        self,
        queries: Mapping[Hashable, VectorQuery],
        earlier: Mapping[Hashable, Vector | None],
        contact_index: ContactIndex,
        loader: VectorLoader,
        count: int,
    ) -> dict[Hashable, Vector]:
        """Load vectors; wait for those that another thread is loading or has just loaded."""
        found: dict[Hashable, Vector] = {}
        done = threading.Event()
        with self._lock:
            others = [self._loading[key] for key in queries if key in self._loading]
            ours = {
                key: query
                for key, query in queries.items()
                if key not in self._loading and self.vectors.get(key) is earlier[key]
            }
            self._loading.update(dict.fromkeys(ours, done))
        try:
            for key, vector in loader.load([*ours.values()], contact_index, count):
                found[key] = self._keep(key, vector)
        finally:
            with self._lock:
                for key in ours:
                    del self._loading[key]
            done.set()
        for other in others:
            loader.wait(other)
        return found

    def _keep(self, key: Hashable, vector: Vector) -> Vector:
        """Keep a vector, unless a newer one is kept."""
        with self._lock:
            other = self.vectors.get(key)
            is_newest = (
                other is None or other.layout != vector.layout or other.count <= vector.count
            )
            layout = None if self.contact_index is None else self.contact_index.layout
            if is_newest and vector.layout == layout:
                self.vectors[key] = vector
        return vector


def _affected_contacts(writes: Iterable[AffectedContacts], tables: Iterable[str]) -> Ids:
    """Return the contacts that writes affected in some tables, or erased."""
    found = [NOBODY]
    for write in writes:
        found += [write.tables[name] for name in tables if name in write.tables]
        found.append(write.erased)
    return np.unique(np.concatenate(found)) if len(found) > 1 else NOBODY
