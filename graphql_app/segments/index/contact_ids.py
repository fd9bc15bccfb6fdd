"""The contacts of a shop, each with one position in every vector."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from graphql_app.audience.write_log import Ids

Positions = NDArray[np.int64]
Flags = NDArray[np.bool_]

NOT_FOUND = -1
FEW = 4_096  # up to this many ids are looked up by binary search
CLOSE = 2  # the largest span of ids per contact for which a lookup table pays off
CROWDED = 16  # the most ids in a bucket before binary search is used instead
BYTES_OF_CONTACT = 8 + 1 + 1 + 8  # the id, two flags, and the lookup table


@dataclass(frozen=True)
class ContactIndex:
    """All contacts of a shop by position: the initial ones sorted by id, then later arrivals.

    A forgotten contact keeps its position; it is neither ``alive`` nor ``textable``.
    """

    ids: Ids
    sorted: int  # the number of leading positions that are sorted by id
    alive: Flags
    textable: Flags
    layout: int  # identifies this assignment of positions

    @classmethod
    def of(cls, ids: Ids, textable: Flags, layout: int) -> ContactIndex:
        """Make an index of contacts who are given in any order."""
        order = np.argsort(ids, kind="stable")
        return cls(ids[order], len(ids), np.ones(len(ids), np.bool_), textable[order], layout)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def nbytes(self) -> int:
        return len(self) * BYTES_OF_CONTACT

    @cached_property
    def contacts(self) -> int:
        """The number of contacts who exist."""
        return int(np.count_nonzero(self.alive))

    @cached_property
    def everyone(self) -> bool:
        """Whether there is a contact at every position."""
        return self.contacts == len(self)

    def find(self, ids: Ids) -> Positions:
        """Return the position of each id, ``NOT_FOUND`` for unknown ids."""
        first = self.ids[: self.sorted]
        positions = np.full(len(ids), NOT_FOUND, np.int64)
        table = self._table if len(ids) > FEW else None
        if table is not None:
            inside = np.flatnonzero(ids - first[0] < np.uint64(len(table)))
            positions[inside] = table[ids[inside] - first[0]]
        elif self.sorted:
            found = np.minimum(self._first_not_below(ids), self.sorted - 1)
            hit = first[found] == ids
            positions[hit] = found[hit]
        if self.sorted < len(self.ids):
            late = self.ids[self.sorted :]
            order = np.argsort(late)
            found = order[np.minimum(np.searchsorted(late, ids, sorter=order), len(late) - 1)]
            hit = late[found] == ids
            positions[hit] = found[hit] + self.sorted
        return positions

    @cached_property
    def _table(self) -> NDArray[np.int32] | None:
        """A table of the position of every id in the sorted range; ``None`` if ids are sparse."""
        first = self.ids[: self.sorted]
        if not len(first) or int(first[-1]) - int(first[0]) >= CLOSE * len(first):
            return None
        table = np.full(int(first[-1] - first[0]) + 1, NOT_FOUND, np.int32)
        table[first - first[0]] = np.arange(len(first))
        return table

    def _first_not_below(self, ids: Ids) -> Positions:
        """Return, for each id, the first sorted position whose id is not smaller."""
        first = self.ids[: self.sorted]
        buckets = self._buckets if len(ids) > FEW else None
        if buckets is None:
            return np.searchsorted(first, ids)
        shift, starts = buckets
        inside = np.clip(ids, first[0], first[-1])
        positions: Positions = starts[((inside - first[0]) >> shift).astype(np.int64)]
        below = np.flatnonzero(first[positions] < inside)
        while len(below):
            positions[below] += 1
            below = below[first[positions[below]] < inside[below]]
        return positions

    @cached_property
    def _buckets(self) -> tuple[np.uint64, Positions] | None:
        """Buckets of equal spans of ids: the bits in a span, and the first position of each.

        Most systems assign ids in order, so ids are spread evenly. A few vectorized steps then find
        many ids, where each binary search would miss the CPU cache twenty times. ``None`` if ids
        are not spread evenly.
        """
        first = self.ids[: self.sorted]
        span = int(first[-1]) - int(first[0])
        shift = np.uint64(max(0, span.bit_length() - len(first).bit_length()))
        edges = np.arange((span >> int(shift)) + 1, dtype=np.uint64) << shift
        starts = np.searchsorted(first - first[0], edges)
        return (shift, starts) if int(np.diff(starts).max(initial=0)) <= CROWDED else None

    def updated(self, changed: Ids, found: Ids, textable: Flags) -> tuple[ContactIndex, Positions]:
        """Return the index after contacts changed, and the positions of new contacts.

        Of the contacts who may have ``changed``, those ``found`` exist. ``textable`` says
        which of these can be texted.
        """
        new = found[self.find(found) == NOT_FOUND]
        added = len(new)
        contact_index = replace(
            self,
            ids=np.concatenate([self.ids, new]),
            alive=np.concatenate([self.alive, np.zeros(added, np.bool_)]),
            textable=np.concatenate([self.textable, np.zeros(added, np.bool_)]),
        )
        positions = contact_index.find(changed)
        positions = positions[positions != NOT_FOUND]
        present = contact_index.find(found)
        arrived = present[~contact_index.alive[present]]
        contact_index.alive[positions] = False
        contact_index.textable[positions] = False
        contact_index.alive[present] = True
        contact_index.textable[present] = textable
        return contact_index, arrived

    def only(self, ids: Ids) -> ContactIndex:
        """Return an index of those of some contacts who exist."""
        positions = self.find(ids)
        positions = positions[positions != NOT_FOUND]
        positions = positions[self.alive[positions]]
        return ContactIndex.of(self.ids[positions], self.textable[positions], layout=0)

    @property
    def scattered(self) -> bool:
        """Whether enough contacts have come or gone to sort the index again."""
        return len(self) - min(self.sorted, self.contacts) > self.sorted // 8 + FEW

    def ordered(self, layout: int) -> tuple[ContactIndex, Positions]:
        """Return the index sorted by id, and the earlier position of each contact."""
        alive = np.flatnonzero(self.alive)
        before = alive[np.argsort(self.ids[alive])]
        there = np.ones(len(before), np.bool_)
        ids, textable = self.ids[before], self.textable[before]
        return ContactIndex(ids, len(before), there, textable, layout), before
