"""Segments that a plugin gives every shop: defaults that stay, and templates to start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class DefaultSegment:
    """A segment that every shop has from its creation and that nobody can change.

    ``key`` names it for good, so that a later version may improve its name and rule.
    """

    key: str
    name: str
    description: str
    rule: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Suggested:
    """A value inside a template's rule that the shop's own data supplies.

    It becomes the criterion's suggestion at ``position`` (0 is the best) for the field that it
    stands in, or ``otherwise`` in a shop that has none there yet.
    """

    position: int
    otherwise: str


@dataclass(frozen=True, slots=True)
class SegmentTemplate:
    """An example to start a segment from; lists in its rule may hold ``Suggested`` values."""

    key: str
    name: str
    description: str
    rule: Mapping[str, Any]
