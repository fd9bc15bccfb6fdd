"""The contacts of a shop, each with a place of its own in every vector."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from graphql_app.audience.write_log import Ids

Places = NDArray[np.int64]
Flags = NDArray[np.bool_]

NOWHERE = -1
FEW = 4_096  # identifiers that are looked up one by one
CLOSE = 2  # ids of a span for each that there is, so that a table of all of them is worth it
CROWDED = 16  # identifiers that may share a bucket; more of them are looked up one by one
BYTES_OF_CONTACT = 8 + 1 + 1 + 8  # the id, two flags, and what finding takes


@dataclass(frozen=True)
class Universe:
    """Contacts by place: those that there were at first, by id, then those that came since.

    Attributes:
        ids: The id at each place.
        sorted: How many of the places are in the order of ids.
        alive: Whether the contact at a place is there; one that was forgotten keeps its place.
        textable: Whether it is, and can be texted.
        layout: A number of its own for each assignment of places.
    """

    ids: Ids
    sorted: int
    alive: Flags
    textable: Flags
    layout: int

    @classmethod
    def of(cls, ids: Ids, textable: Flags, layout: int) -> Universe:
        """The universe of some contacts, in any order."""
        order = np.argsort(ids, kind="stable")
        return cls(ids[order], len(ids), np.ones(len(ids), np.bool_), textable[order], layout)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return len(self) * BYTES_OF_CONTACT

    @cached_property
    def contacts(self) -> int:
        """How many contacts there are."""
        return int(np.count_nonzero(self.alive))

    @cached_property
    def everyone(self) -> bool:
        """Whether there is a contact at every place."""
        return self.contacts == len(self)

    def find(self, ids: Ids) -> Places:
        """The place of each id, ``NOWHERE`` where there is none."""
        first = self.ids[: self.sorted]
        places = np.full(len(ids), NOWHERE, np.int64)
        table = self._table if len(ids) > FEW else None
        if table is not None:
            inside = np.flatnonzero(ids - first[0] < np.uint64(len(table)))
            places[inside] = table[ids[inside] - first[0]]
        elif self.sorted:
            found = np.minimum(self._first_not_below(ids), self.sorted - 1)
            hit = first[found] == ids
            places[hit] = found[hit]
        if self.sorted < len(self.ids):
            late = self.ids[self.sorted :]
            order = np.argsort(late)
            found = order[np.minimum(np.searchsorted(late, ids, sorter=order), len(late) - 1)]
            hit = late[found] == ids
            places[hit] = found[hit] + self.sorted
        return places

    @cached_property
    def _table(self) -> NDArray[np.int32] | None:
        """The place of each id from the first to the last of those in order, where ids are close.

        ``None`` where they are not; finding them takes longer.
        """
        first = self.ids[: self.sorted]
        if not len(first) or int(first[-1]) - int(first[0]) >= CLOSE * len(first):
            return None
        table = np.full(int(first[-1] - first[0]) + 1, NOWHERE, np.int32)
        table[first - first[0]] = np.arange(len(first))
        return table

    def _first_not_below(self, ids: Ids) -> Places:
        """The place of the first contact, of those in order, whose id is not below each id."""
        first = self.ids[: self.sorted]
        buckets = self._buckets if len(ids) > FEW else None
        if buckets is None:
            return np.searchsorted(first, ids)
        shift, starts = buckets
        inside = np.clip(ids, first[0], first[-1])
        places: Places = starts[((inside - first[0]) >> shift).astype(np.int64)]
        below = np.flatnonzero(first[places] < inside)
        while len(below):
            places[below] += 1
            below = below[first[places[below]] < inside[below]]
        return places

    @cached_property
    def _buckets(self) -> tuple[np.uint64, Places] | None:
        """Equal spans of ids, about one for each id: the bits within a span, and where each begins.

        Ids are mostly given out in order, so they are spread evenly, and finding many takes a few
        steps for all of them at once, where binary searches would miss the cache twenty times each.
        ``None`` if they are not.
        """
        first = self.ids[: self.sorted]
        span = int(first[-1]) - int(first[0])
        shift = np.uint64(max(0, span.bit_length() - len(first).bit_length()))
        edges = np.arange((span >> int(shift)) + 1, dtype=np.uint64) << shift
        starts = np.searchsorted(first - first[0], edges)
        return (shift, starts) if int(np.diff(starts).max(initial=0)) <= CROWDED else None

    def updated(self, asked: Ids, found: Ids, textable: Flags) -> tuple[Universe, Places]:
        """The universe after some contacts changed, and the places where somebody has arrived.

        Args:
            asked: The contacts that may have changed.
            found: Those of them that there are.
            textable: Which of these can be texted.
        """
        new = found[self.find(found) == NOWHERE]
        added = len(new)
        universe = replace(
            self,
            ids=np.concatenate([self.ids, new]),
            alive=np.concatenate([self.alive, np.zeros(added, np.bool_)]),
            textable=np.concatenate([self.textable, np.zeros(added, np.bool_)]),
        )
        places = universe.find(asked)
        places = places[places != NOWHERE]
        present = universe.find(found)
        arrived = present[~universe.alive[present]]
        universe.alive[places] = False
        universe.textable[places] = False
        universe.alive[present] = True
        universe.textable[present] = textable
        return universe, arrived

    def only(self, ids: Ids) -> Universe:
        """The universe of those of some contacts that are there."""
        places = self.find(ids)
        places = places[places != NOWHERE]
        places = places[self.alive[places]]
        return Universe.of(self.ids[places], self.textable[places], layout=0)

    @property
    def scattered(self) -> bool:
        """Whether so many have come or gone that it is time to put them in order."""
        return len(self) - min(self.sorted, self.contacts) > self.sorted // 8 + FEW

    def ordered(self, layout: int) -> tuple[Universe, Places]:
        """The same contacts by id, and the place that each had before."""
        alive = np.flatnonzero(self.alive)
        before = alive[np.argsort(self.ids[alive])]
        there = np.ones(len(before), np.bool_)
        ids, textable = self.ids[before], self.textable[before]
        return Universe(ids, len(before), there, textable, layout), before
