"""One shop's part of the size index: its contacts and vectors, refreshed when they are used."""

import threading
from collections import deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from graphql_app.audience.write_log import NO_IDS, AffectedContacts, Ids, WriteLog
from graphql_app.segments.index.cache_key import VectorQuery
from graphql_app.segments.index.contact_ids import NOT_FOUND, ContactIndex
from graphql_app.segments.index.loader import VectorLoader
from graphql_app.segments.index.vectors import Vector, look_ahead

# If more contacts than this changed, the whole vector is loaded again.
MAX_RELOADED = 20_000
# Groups of new contacts to remember. Vectors from before the oldest one are loaded again.
MAX_ARRIVALS = 1_000


class ShopCache:
    """The contact index and the vectors of one shop.

    Both are replaced, never changed, so an answer in progress keeps a consistent state.
    """

    def __init__(self, shop_id: int, write_log: WriteLog) -> None:
        self._shop_id = shop_id
        self._write_log = write_log
        self._refresh_lock = threading.Lock()
        self._lock = threading.Lock()
        # By key: set when the thread that loads the vector is done.
        self._loading: dict[Hashable, threading.Event] = {}
        self.contact_index: ContactIndex | None = None
        self._writes = 0
        self._last_layout = 0
        self._arrivals: deque[tuple[int, Ids]] = deque()
        self._arrivals_known_since = 0
        self.vectors: dict[Hashable, Vector] = {}

    @property
    def nbytes(self) -> int:
        contacts = 0 if self.contact_index is None else self.contact_index.nbytes
        # Copied: other threads add vectors meanwhile.
        return contacts + sum(vector.nbytes for vector in [*self.vectors.values()])

    def refresh_contacts(self, loader: VectorLoader, writes: int) -> ContactIndex:
        """Return a contact index that includes at least the shop's first ``writes`` writes."""
        with loader.holding(self._refresh_lock):
            recent = self._writes_between(self._writes, writes)
            contact_index = self.contact_index
            contacts = NO_IDS if recent is None else _affected_contacts(recent, {"contacts"})
            if contact_index is None or recent is None or len(contacts) > MAX_RELOADED:
                contact_index = self._load_contacts(loader, writes)
            elif len(contacts):
                contact_index = self._update_contacts(contact_index, loader, contacts, writes)
            self._writes = max(self._writes, writes)
            return contact_index

    def _load_contacts(self, loader: VectorLoader, writes: int) -> ContactIndex:
        """Load all contacts and start over."""
        found = loader.fetch_contacts()
        with self._lock:
            self._last_layout += 1
            self._arrivals.clear()
            self._arrivals_known_since = writes
            self.vectors = {}
            self.contact_index = ContactIndex.of(*found, self._last_layout)
            return self.contact_index

    def _update_contacts(
        self, contact_index: ContactIndex, loader: VectorLoader, contacts: Ids, writes: int
    ) -> ContactIndex:
        contact_index, arrived = contact_index.updated(contacts, *loader.fetch_contacts(contacts))
        newcomers = contact_index.ids[arrived]
        with self._lock:
            if contact_index.scattered:
                layout = contact_index.layout
                self._last_layout += 1
                contact_index, before = contact_index.ordered(self._last_layout)
                self.vectors = {
                    key: vector.reordered(before, contact_index.layout)
                    for key, vector in self.vectors.items()
                    if vector.layout == layout
                }
            if len(newcomers):
                self._arrivals.append((writes, newcomers))
                while len(self._arrivals) > MAX_ARRIVALS:
                    self._arrivals_known_since, _ = self._arrivals.popleft()
            self.contact_index = contact_index
            return contact_index

    def _writes_between(self, first: int, last: int) -> Sequence[AffectedContacts] | None:
        """Return at least the writes after ``first`` up to ``last``.

        Return ``None`` if the log has dropped any.
        """
        return () if first >= last else self._write_log.writes_since(self._shop_id, first)

    def vectors_of(
        self,
        queries: Mapping[Hashable, VectorQuery],
        contact_index: ContactIndex,
        loader: VectorLoader,
        writes: int,
    ) -> dict[Hashable, Vector]:
        """Return the queries' vectors, including at least the shop's first ``writes`` writes.

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
                kept = self.vectors.get(key)
                reusable = self._reusable(kept, query, contact_index, loader, writes)
                if reusable is None:
                    to_load[key], earlier[key] = query, kept
                    continue
                found[key], changed = reusable
                if len(changed):
                    stale[key] = changed
            loaded = self._load(to_load, earlier, contact_index, loader, writes)
            found |= loaded
            missing = {key: query for key, query in to_load.items() if key not in loaded}
        if stale:
            found |= self._reload(queries, found, stale, contact_index, loader)
        size = len(contact_index)
        return {
            key: self._keep_current(key, queries[key], vector, size, writes)
            for key, vector in found.items()
        }

    def _reusable(
        self,
        kept: Vector | None,
        query: VectorQuery,
        contact_index: ContactIndex,
        loader: VectorLoader,
        writes: int,
    ) -> tuple[Vector, Ids] | None:
        """Return a vector to reuse, and the contacts whose values must be loaded again.

        Return ``None`` if the whole vector must be loaded.
        """
        if kept is None or kept.layout != contact_index.layout:
            return None
        vector, changed = self._changed_contacts(query, kept, loader, writes)
        return None if changed is None or len(changed) > MAX_RELOADED else (vector, changed)

    def _changed_contacts(
        self, query: VectorQuery, vector: Vector, loader: VectorLoader, writes: int
    ) -> tuple[Vector, Ids | None]:
        """Return the vector, with new crossings if it needed any, and the changed contacts.

        These are the contacts whose values may have changed: ``None`` if that is unknown.
        """
        recent = self._writes_between(vector.writes, writes)
        if recent is None or vector.writes < self._arrivals_known_since:
            return vector, None
        # Rows of products name no contact, so the value of every contact may have changed.
        if any("products" in write.tables for write in recent) and "products" in query.reads:
            return vector, None
        # Copied: other threads add arrivals meanwhile.
        arrived = [ids for number, ids in [*self._arrivals] if number > vector.writes]
        affected = _affected_contacts(recent, query.reads)
        contacts = np.concatenate([affected, *arrived])
        if not query.moving:
            return vector, contacts
        if len(affected) and vector.crossings is not None:
            new = loader.load_crossings(query, vector.crossings.spans, affected)
            vector = replace(vector, crossings=vector.crossings.merged(new))
        moves = [(at, moving.at) for at, moving in zip(vector.moving, query.moving, strict=True)]
        if all(before == now for before, now in moves):
            return vector, contacts
        crossed = None if vector.crossings is None else vector.crossings.between(moves)
        if crossed is None:
            crossings = loader.load_crossings(query, look_ahead(moves))
            crossed = crossings.between(moves)
            vector = replace(vector, crossings=crossings)
        return vector, None if crossed is None else np.concatenate([contacts, crossed])

    def _reload(
        self,
        queries: Mapping[Hashable, VectorQuery],
        found: Mapping[Hashable, Vector],
        stale: Mapping[Hashable, Ids],
        contact_index: ContactIndex,
        loader: VectorLoader,
    ) -> dict[Hashable, Vector]:
        """Load the changed contacts' values again, and return the updated stale vectors."""
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
            vectors[key] = replace(vectors[key], values=updated, masks={})
        return vectors

    def _load(
        self,
        queries: Mapping[Hashable, VectorQuery],
        earlier: Mapping[Hashable, Vector | None],
        contact_index: ContactIndex,
        loader: VectorLoader,
        writes: int,
    ) -> dict[Hashable, Vector]:
        """Load the vectors that no other thread is loading or has just loaded.

        Wait for those that other threads are loading, and return only those loaded here.
        """
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
            for key, vector in loader.load([*ours.values()], contact_index, writes):
                found[key] = self._keep(key, vector)
        finally:
            with self._lock:
                for key in ours:
                    del self._loading[key]
            done.set()
        for other in others:
            loader.wait(other)
        return found

    def _keep_current(
        self, key: Hashable, query: VectorQuery, vector: Vector, size: int, writes: int
    ) -> Vector:
        """Keep a vector that is up to date, and return it for the first ``size`` contacts."""
        instants = tuple(moving.at for moving in query.moving)
        if vector.writes < writes or vector.moving != instants:
            vector = replace(vector, writes=max(vector.writes, writes), moving=instants)
        return self._keep(key, vector.extended_to(size)).truncated_to(size)

    def _keep(self, key: Hashable, vector: Vector) -> Vector:
        """Keep a vector, unless a newer one is kept."""
        with self._lock:
            other = self.vectors.get(key)
            is_newest = (
                other is None or other.layout != vector.layout or other.writes <= vector.writes
            )
            layout = None if self.contact_index is None else self.contact_index.layout
            if is_newest and vector.layout == layout:
                self.vectors[key] = vector
        return vector


def _affected_contacts(writes: Iterable[AffectedContacts], tables: Iterable[str]) -> Ids:
    """Return the contacts that writes affected in some tables, or erased."""
    found = [NO_IDS]
    for write in writes:
        found += [write.tables[name] for name in tables if name in write.tables]
        found.append(write.erased)
    return np.unique(np.concatenate(found)) if len(found) > 1 else NO_IDS
