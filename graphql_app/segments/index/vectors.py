"""Vectors: one value for each contact, exact, and compared as the engine compares them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from graphql_app.audience.write_log import Ids
from graphql_app.criteria import Interval
from graphql_app.criteria.interval import MONEY_SCALE
from graphql_app.segments.index.contact_ids import Flags, Places
from graphql_app.segments.index.fallback import DoubtError

Whole = NDArray[np.int64]

# What a contact has where there is no value; no bound reaches down to it.
MISSING = int(np.iinfo(np.int64).min)
LARGEST = int(np.iinfo(np.int64).max)
# How far ahead of a moving instant to look for the rows that it will come across: looking takes a
# scan, remembering 16 bytes for each row.
AHEAD = timedelta(hours=6)

# Within these, the steps of a division of 128 bits by a power of ten fit into 64.
MAX_PLACES = 14
MAX_HIGH = 2**17

MAX_MASKS = 2  # of a vector; a byte for each contact

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_DAY = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Unit:
    """How values of an Arrow type are whole numbers: in which parts of 1.

    Values with more decimals than a bound can have are cut after as many, in halves of the last: an
    odd number stands for what lies between two that a bound can be. So nothing is rounded.
    """

    type: pa.DataType
    parts: int

    @classmethod
    def of(cls, type: pa.DataType) -> Unit:
        """The unit of a type.

        Raises:
            DoubtError: Its values are not kept.
        """
        if pa.types.is_decimal(type):
            return cls(type, 10**type.scale if type.scale <= MONEY_SCALE else 2 * 10**MONEY_SCALE)
        whole = pa.types.is_integer(type) or pa.types.is_date32(type)
        if whole or type == pa.timestamp("ms", "UTC"):
            return cls(type, 1)
        raise DoubtError(f"values of {type} are not kept")

    def numbers(self, values: pa.Array) -> Whole:
        """Values as whole numbers, ``MISSING`` where there is none.

        Raises:
            DoubtError: One is too large.
        """
        if values.null_count:
            filled = self._numbers(values.drop_null())
            numbers = np.full(len(values), MISSING, np.int64)
            numbers[_numpy(values.is_valid())] = filled
            return numbers
        return self._numbers(values)

    def _numbers(self, values: pa.Array) -> Whole:
        try:
            if pa.types.is_decimal(self.type):
                return self._of_decimals(values)
            if pa.types.is_date32(self.type):
                values = values.cast(pa.int32())
            return _numpy(values.cast(pa.int64()))
        except pa.ArrowInvalid as error:
            raise DoubtError("a value has more bits than are kept") from error

    def _of_decimals(self, values: pa.Array) -> Whole:
        if self.type.scale <= MONEY_SCALE:
            return _units(values)
        positive = _halves(values)
        if positive is not None:
            return positive
        floor = pc.round(values, MONEY_SCALE, "down")
        numbers = _units(floor.cast(pa.decimal128(38, MONEY_SCALE)))
        if len(numbers) and max(-int(numbers.min()), int(numbers.max())) > LARGEST // 4:
            raise DoubtError("a value has more bits than are kept")
        halves: Whole = numbers * 2 + _numpy(pc.not_equal(floor, values))
        return halves

    def limits(self, interval: Interval[Any]) -> tuple[int, int]:
        """The least and the largest whole number inside an interval; none, if out of order.

        Raises:
            DoubtError: It is not of values of this unit.
        """
        low, high = MISSING + 1, LARGEST
        if interval.low is not None:
            bound = self._parts(interval.low)
            least = math.floor(bound) + 1 if interval.low_open else math.ceil(bound)
            low = max(low, least)
        if interval.high is not None:
            bound = self._parts(interval.high)
            most = math.ceil(bound) - 1 if interval.high_open else math.floor(bound)
            high = min(high, most)
        return low, high

    def _parts(self, bound: Any) -> Fraction:
        """A bound in parts of the unit."""
        match bound:
            case datetime() if pa.types.is_timestamp(self.type) and not bound.microsecond % 1000:
                return Fraction(milliseconds(bound))
            case datetime() | bool():
                pass
            case date() if pa.types.is_date32(self.type):
                return Fraction((bound - FIRST_DAY).days)
            case int() if self._is_number:
                return Fraction(bound) * self.parts
            case Decimal() if self._is_number:
                found = Fraction(bound) * 10**MONEY_SCALE
                if found.denominator == 1:  # the engine cuts what has more decimals
                    return Fraction(bound) * self.parts
        raise DoubtError(f"{bound!r} is not compared with {self.type}")

    @property
    def _is_number(self) -> bool:
        return bool(pa.types.is_decimal(self.type) or pa.types.is_integer(self.type))


def milliseconds(instant: datetime) -> int:
    """Milliseconds since 1970."""
    delta = instant - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000


def _numpy(values: pa.Array) -> NDArray[Any]:
    found: NDArray[Any] = values.to_numpy(zero_copy_only=False)
    return found


def _units(values: pa.Array) -> Whole:
    """Decimals as whole numbers of their last place, from the 128 bits that they are kept in."""
    if not pa.types.is_decimal128(values.type):
        raise DoubtError(f"values of {values.type} are not kept")
    low, high = _words(values)
    if not np.array_equal(high, low >> 63):
        raise DoubtError("a value has more bits than are kept")
    return low


def _words(values: pa.Array) -> tuple[Whole, Whole]:
    """The low and the high halves of the 128 bits of decimals."""
    buffer = values.buffers()[1]
    if buffer is None or not len(values):
        return np.zeros(len(values), np.int64), np.zeros(len(values), np.int64)
    words = np.frombuffer(buffer, np.int64)[2 * values.offset : 2 * (values.offset + len(values))]
    return words[0::2], words[1::2]


def _halves(values: pa.Array) -> Whole | None:
    """Decimals of more places than bounds have, in halves of a bound's last; see ``Unit``.

    ``None`` for negative ones and those of millions, which Arrow divides, in eight times as long.
    """
    places = values.type.scale - MONEY_SCALE
    if not pa.types.is_decimal128(values.type) or places > MAX_PLACES:
        return None
    low, high = _words(values)
    divisor = np.uint64(10**places)
    quotient, remainder = (np.uint64(part) for part in divmod(2**64, 10**places))
    # So the halves have 63 bits, and what is left of the high bits 64.
    most = min(MAX_HIGH, LARGEST // 4 // int(quotient))
    if len(high) and not 0 <= high.min() <= high.max() < most:
        return None
    ones, rest = low.view(np.uint64), high.view(np.uint64)
    # Not divmod: dividing by one number is multiplying, in numpy too, but taking the rest is not.
    whole = ones // divisor
    left = ones - whole * divisor
    more = rest * remainder
    carried = more // divisor
    left += more - carried * divisor
    whole += rest * quotient + carried + (left >= divisor)
    halves: Whole = whole.astype(np.int64) * 2 + ((left != 0) & (left != divisor))
    return halves


def inside(numbers: Whole, low: int, high: int, whole: bool = False) -> Flags:
    """Which of some numbers are from the one to the other; ``whole`` if none is ``MISSING``."""
    if low > high:
        return np.zeros(len(numbers), np.bool_)
    if low == high:
        same: Flags = numbers == low
        return same
    if high == LARGEST:
        return numbers >= low
    if low == MISSING + 1 and whole:
        return numbers <= high
    return (numbers >= low) & (numbers <= high)


@dataclass(frozen=True)
class Vector:
    """The answers to one question, by place, at one state of the facts and one instant.

    Attributes:
        values: What was measured, as whole numbers; or whether the condition holds.
        unit: That of the numbers; ``None`` for a condition.
        fill: What a contact has of which the question finds nothing.
        layout: That of the universe whose places these are.
        count: How many writes of the shop it has seen.
        moving: Where the question's moving instants were.
        crossings: The rows that these come across next, if they were looked for.
        masks: Who was inside the last few intervals that were asked about, and of which values: an
            edit changes one criterion, and the others are asked the same again.
    """

    values: Whole | Flags
    unit: Unit | None
    fill: int
    layout: int
    count: int
    moving: tuple[datetime, ...]
    crossings: Crossings | None = None
    masks: dict[tuple[int, int], tuple[Whole | Flags, Flags]] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        masks = sum(mask.nbytes for _, mask in [*self.masks.values()])
        crossings = 0 if self.crossings is None else self.crossings.nbytes
        return self.values.nbytes + masks + crossings

    def mask(self, interval: Interval[Any] | None, absent: int | None) -> Flags:
        """Whom the condition holds for, or whose value is inside the interval.

        Raises:
            DoubtError: The interval is not of such values, or without bounds, inside which a value
                that is NULL and one that is absent are not the same.
        """
        if self.unit is None or interval is None:
            return self.values.astype(np.bool_, copy=False)
        if absent is not None and interval.low is None and interval.high is None:
            raise DoubtError("whatever there is, is inside")
        limits = self.unit.limits(interval)
        values, mask = self.masks.get(limits, (None, None))
        if mask is None or values is not self.values:
            numbers = self.values.astype(np.int64, copy=False)
            mask = inside(numbers, *limits, whole=self.fill != MISSING)
            if len(self.masks) >= MAX_MASKS:
                self.masks.clear()
            self.masks[limits] = self.values, mask
        return mask

    def only(self, places: Places) -> Vector:
        """The same for the contacts at some places."""
        return replace(self, values=self.values[places], layout=0, crossings=None, masks={})

    def reaching(self, size: int) -> Vector:
        """The same for more places, at which there is nothing."""
        missing = size - len(self.values)
        if missing <= 0:
            return self
        more = np.full(missing, self.fill, self.values.dtype)
        return replace(self, values=np.concatenate([self.values, more]), masks={})

    def upto(self, size: int) -> Vector:
        """The same for the first places, where others have come meanwhile."""
        if len(self.values) <= size:
            return self
        return replace(self, values=self.values[:size], masks={})

    def reordered(self, before: Places, layout: int) -> Vector:
        """The same in another layout, by the place that each contact had before."""
        values = self.reaching(int(before.max(initial=-1)) + 1).values[before]
        return replace(self, values=values, layout=layout, masks={})

    def stored(self, values: pa.Array) -> Whole | Flags:
        """Values that the engine gave, as they are kept here.

        Raises:
            DoubtError: They cannot be.
        """
        if self.unit is None:
            return _numpy(values.cast(pa.bool_()).fill_null(False))
        numbers = self.unit.numbers(values)
        filled: Whole = np.where(numbers == MISSING, self.fill, numbers)
        return filled


Span: TypeAlias = tuple[datetime, datetime]


def ahead(moves: Sequence[Span]) -> tuple[Span, ...]:
    """Where to look for rows when instants have moved: from there on, as far as is worth it."""
    return tuple((min(move), max(move) + AHEAD) for move in moves)


@dataclass(frozen=True)
class Crossings:
    """Rows that moving instants come across: whose they are, and when, for each of these instants.

    Attributes:
        spans: From when to when rows were looked for.
        rows: The times of the rows found, ascending, and the contacts.
    """

    spans: tuple[Span, ...]
    rows: tuple[tuple[Whole, Ids], ...]

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return sum(times.nbytes + contacts.nbytes for times, contacts in self.rows)

    def between(self, moves: Sequence[Span]) -> Ids | None:
        """The contacts with rows from one place of each instant to another; ``None`` beyond the
        spans.
        """
        found = [np.array([], np.uint64)]
        for (start, end), (times, contacts), move in zip(self.spans, self.rows, moves, strict=True):
            low, high = sorted(move)
            if not start <= low <= high <= end:
                return None
            first, last = np.searchsorted(times, [milliseconds(low), milliseconds(high) + 1])
            found.append(contacts[first:last])
        return np.unique(np.concatenate(found))

    def joined(self, others: Crossings) -> Crossings:
        """These and others of the same spans."""
        rows = []
        for ours, theirs in zip(self.rows, others.rows, strict=True):
            times = np.concatenate([ours[0], theirs[0]])
            order = np.argsort(times, kind="stable")
            rows.append((times[order], np.concatenate([ours[1], theirs[1]])[order]))
        return Crossings(self.spans, tuple(rows))
