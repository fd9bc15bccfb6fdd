"""Vectors: one exact value per contact, compared as the engine compares.

This module is long because of integer arithmetic on decimals, which keeps comparisons exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from graphql_app.audience.write_log import NO_IDS, Ids
from graphql_app.criteria import Interval
from graphql_app.criteria.interval import MONEY_SCALE
from graphql_app.segments.index.contact_ids import Flags, Positions
from graphql_app.segments.index.fallback import NotIndexableError
from graphql_app.timezones import milliseconds

Integers = NDArray[np.int64]

# The value of a contact without one; no interval includes it.
MISSING = int(np.iinfo(np.int64).min)
LARGEST = int(np.iinfo(np.int64).max)
# How far ahead to look for rows that a moving instant will pass. Looking costs a scan, and each
# row 16 bytes.
LOOK_AHEAD = timedelta(hours=6)

# Within these limits, dividing 128 bits by a power of ten fits into 64-bit steps.
MAX_PLACES = 14
MAX_HIGH = 2**17

MAX_MASKS = 2  # masks kept per vector, each a byte per contact

FIRST_DAY = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Unit:
    """How values of an Arrow type become integers: in parts of 1.

    Values with more decimals than a bound can have are truncated and doubled: an odd number stands
    for everything between two possible bounds. So nothing is rounded.
    """

    type: pa.DataType
    parts: int

    @classmethod
    def of(cls, type: pa.DataType) -> Unit:
        """Return the unit of a type; raise ``NotIndexableError`` if its values cannot be kept."""
        if pa.types.is_decimal(type):
            return cls(type, 10**type.scale if type.scale <= MONEY_SCALE else 2 * 10**MONEY_SCALE)
        whole = pa.types.is_integer(type) or pa.types.is_date32(type)
        if whole or type == pa.timestamp("ms", "UTC"):
            return cls(type, 1)
        raise NotIndexableError(f"values of {type} cannot be kept")

    def numbers(self, values: pa.Array) -> Integers:
        """Convert values to integers, with ``MISSING`` for NULL.

        Raises:
            NotIndexableError: A value is too large.
        """
        if not values.null_count:
            return self._numbers(values)
        numbers = np.full(len(values), MISSING, np.int64)
        numbers[_numpy(values.is_valid())] = self._numbers(values.drop_null())
        return numbers

    def _numbers(self, values: pa.Array) -> Integers:
        try:
            if pa.types.is_decimal(self.type):
                return self._of_decimals(values)
            if pa.types.is_date32(self.type):
                values = values.cast(pa.int32())
            return _numpy(values.cast(pa.int64()))
        except pa.ArrowInvalid as error:
            raise NotIndexableError("a value is too large to keep") from error

    def _of_decimals(self, values: pa.Array) -> Integers:
        if self.type.scale <= MONEY_SCALE:
            return _units(values)
        positive = _halves(values)
        if positive is not None:
            return positive
        floor = pc.round(values, MONEY_SCALE, "down")
        numbers = _units(floor.cast(pa.decimal128(38, MONEY_SCALE)))
        if len(numbers) and max(-int(numbers.min()), int(numbers.max())) > LARGEST // 4:
            raise NotIndexableError("a value is too large to keep")
        halves: Integers = numbers * 2 + _numpy(pc.not_equal(floor, values))
        return halves

    def limits(self, interval: Interval[Any]) -> tuple[int, int]:
        """Return the smallest and largest integer in an interval; the interval is empty if crossed.

        Raises:
            NotIndexableError: The bounds are not values of this unit.
        """
        low, high = MISSING + 1, LARGEST
        if interval.low is not None:
            bound = self._parts(interval.low)
            low = max(low, math.floor(bound) + 1 if interval.low_open else math.ceil(bound))
        if interval.high is not None:
            bound = self._parts(interval.high)
            high = min(high, math.ceil(bound) - 1 if interval.high_open else math.floor(bound))
        return low, high

    def _parts(self, bound: Any) -> Fraction:
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
                if found.denominator == 1:  # the engine cuts further decimals
                    return Fraction(bound) * self.parts
        raise NotIndexableError(f"{bound!r} cannot be compared with {self.type}")

    @property
    def _is_number(self) -> bool:
        return bool(pa.types.is_decimal(self.type) or pa.types.is_integer(self.type))


def _numpy(values: pa.Array) -> NDArray[Any]:
    found: NDArray[Any] = values.to_numpy(zero_copy_only=False)
    return found


def _units(values: pa.Array) -> Integers:
    """Return the unscaled integers of decimals, from their 128 bits."""
    if not pa.types.is_decimal128(values.type):
        raise NotIndexableError(f"values of {values.type} cannot be kept")
    low, high = _words(values)
    if not np.array_equal(high, low >> 63):
        raise NotIndexableError("a value is too large to keep")
    return low


def _words(values: pa.Array) -> tuple[Integers, Integers]:
    """Return the low and high 64 bits of decimals."""
    buffer = values.buffers()[1]
    if buffer is None or not len(values):
        return np.zeros(len(values), np.int64), np.zeros(len(values), np.int64)
    words = np.frombuffer(buffer, np.int64)[2 * values.offset : 2 * (values.offset + len(values))]
    return words[0::2], words[1::2]


def _halves(values: pa.Array) -> Integers | None:
    """Convert decimals with more places than bounds have to halves of a bound's last place.

    See ``Unit``. Return ``None`` for negative and very large values, which Arrow divides instead,
    in eight times the time.
    """
    places = values.type.scale - MONEY_SCALE
    if not pa.types.is_decimal128(values.type) or places > MAX_PLACES:
        return None
    low, high = _words(values)
    divisor = np.uint64(10**places)
    quotient, remainder = (np.uint64(part) for part in divmod(2**64, 10**places))
    # Then the halves fit into 63 bits, and the remainder of the high bits into 64.
    most = min(MAX_HIGH, LARGEST // 4 // int(quotient))
    if len(high) and not 0 <= high.min() <= high.max() < most:
        return None
    ones, rest = low.view(np.uint64), high.view(np.uint64)
    # Not divmod: numpy divides by a constant with a multiplication, but computes remainders slowly.
    whole = ones // divisor
    left = ones - whole * divisor
    more = rest * remainder
    carried = more // divisor
    left += more - carried * divisor
    whole += rest * quotient + carried + (left >= divisor)
    halves: Integers = whole.astype(np.int64) * 2 + ((left != 0) & (left != divisor))
    return halves


def within(numbers: Integers, low: int, high: int, complete: bool = False) -> Flags:
    """Return which numbers lie between two bounds, inclusive; ``low`` is above ``MISSING``.

    ``complete`` says that no number is ``MISSING``.
    """
    if low > high:
        return np.zeros(len(numbers), np.bool_)
    if low == high:
        same: Flags = numbers == low
        return same
    if high == LARGEST:
        return numbers >= low
    if low == MISSING + 1 and complete:
        return numbers <= high
    return (numbers >= low) & (numbers <= high)


@dataclass(frozen=True)
class Vector:
    """The result of one query for all contacts, at one state of the facts and one instant.

    Attributes:
        values: The measured integers, or whether the condition holds, by position.
        unit: The unit of the integers; ``None`` for a condition.
        fill: The value of a contact that the query does not return.
        layout: The layout of the contact index that the positions are from.
        writes: The number of the shop's writes that the values include.
        moving: The query's moving instants at the time.
        crossings: The rows that the moving instants pass next, if they were looked up.
        masks: Which contacts were in the latest intervals. An edit of a rule changes one criterion,
            so the others compare the same interval again.
    """

    values: Integers | Flags
    unit: Unit | None
    fill: int
    layout: int
    writes: int
    moving: tuple[datetime, ...]
    crossings: Crossings | None = None
    masks: dict[tuple[int, int], tuple[Integers | Flags, Flags]] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        masks = sum(mask.nbytes for _, mask in [*self.masks.values()])
        crossings = 0 if self.crossings is None else self.crossings.nbytes
        return self.values.nbytes + masks + crossings

    def mask(self, interval: Interval[Any] | None, absent: int | None) -> Flags:
        """Return the contacts for which the condition holds, or whose value is in the interval.

        Raises:
            NotIndexableError: The interval has another type; or it is unbounded, and would include
                contacts without facts but not those whose value is NULL.
        """
        if self.unit is None or interval is None:
            return self.values.astype(np.bool_, copy=False)
        if absent is not None and interval.low is None and interval.high is None:
            raise NotIndexableError("the interval is unbounded")
        mask = self._within(self.unit.limits(interval))
        while interval.also is not None:
            interval = interval.also
            mask = mask | self._within(self.unit.limits(interval))
        return mask

    def _within(self, limits: tuple[int, int]) -> Flags:
        values, mask = self.masks.get(limits, (None, None))
        if mask is None or values is not self.values:
            numbers = self.values.astype(np.int64, copy=False)
            mask = within(numbers, *limits, complete=self.fill != MISSING)
            if len(self.masks) >= MAX_MASKS:
                self.masks.clear()
            self.masks[limits] = self.values, mask
        return mask

    def only(self, positions: Positions) -> Vector:
        return replace(self, values=self.values[positions], layout=0, crossings=None, masks={})

    def extended_to(self, size: int) -> Vector:
        """Return the vector with more positions, which have no value."""
        missing = size - len(self.values)
        if missing <= 0:
            return self
        more = np.full(missing, self.fill, self.values.dtype)
        return replace(self, values=np.concatenate([self.values, more]), masks={})

    def truncated_to(self, size: int) -> Vector:
        if len(self.values) <= size:
            return self
        return replace(self, values=self.values[:size], masks={})

    def reordered(self, before: Positions, layout: int) -> Vector:
        """Return the vector in another layout, given the earlier position of each contact."""
        values = self.extended_to(int(before.max(initial=-1)) + 1).values[before]
        return replace(self, values=values, layout=layout, masks={})

    def converted(self, values: pa.Array) -> Integers | Flags:
        """Convert the engine's values; raise ``NotIndexableError`` if one cannot be kept."""
        if self.unit is None:
            return _numpy(values.cast(pa.bool_()).fill_null(False))
        numbers = self.unit.numbers(values)
        filled: Integers = np.where(numbers == MISSING, self.fill, numbers)
        return filled


Span: TypeAlias = tuple[datetime, datetime]


def look_ahead(moves: Sequence[Span]) -> tuple[Span, ...]:
    """Return the spans in which to look for rows after instants moved."""
    return tuple((min(move), max(move) + LOOK_AHEAD) for move in moves)


@dataclass(frozen=True)
class Crossings:
    """The rows that moving instants pass, with one entry per instant."""

    spans: tuple[Span, ...]  # that were searched
    rows: tuple[tuple[Integers, Ids], ...]  # the times of the rows, ascending, and their contacts

    @property
    def nbytes(self) -> int:
        return sum(times.nbytes + contacts.nbytes for times, contacts in self.rows)

    def between(self, moves: Sequence[Span]) -> Ids | None:
        """Return the contacts with rows that the moves passed; ``None`` outside the spans."""
        found = [NO_IDS]
        for (start, end), (times, contacts), move in zip(self.spans, self.rows, moves, strict=True):
            low, high = sorted(move)
            if not start <= low <= high <= end:
                return None
            first, last = np.searchsorted(times, [milliseconds(low), milliseconds(high) + 1])
            found.append(contacts[first:last])
        return np.unique(np.concatenate(found))

    def merged(self, others: Crossings) -> Crossings:
        """Return the rows of both, which have the same spans."""
        rows = []
        for ours, theirs in zip(self.rows, others.rows, strict=True):
            times = np.concatenate([ours[0], theirs[0]])
            order = np.argsort(times, kind="stable")
            rows.append((times[order], np.concatenate([ours[1], theirs[1]])[order]))
        return Crossings(self.spans, tuple(rows))
