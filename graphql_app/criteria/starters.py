"""Default segments and templates, which a plugin gives every shop."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class DefaultSegment:
    """A segment that every shop has and that nobody can change.

    ``key`` identifies it, so that a later version of the plugin can change its name and rule.
    """

    key: str
    name: str
    description: str
    rule: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Suggested:
    """A placeholder in a template's rule for a value from the shop's own facts.

    The host fills in the criterion's suggestion at ``position`` (0 is the best), or ``otherwise``
    in a shop with fewer suggestions.
    """

    position: int
    otherwise: str


@dataclass(frozen=True, slots=True)
class SegmentTemplate:
    """An example to start a segment from; lists in its rule can contain ``Suggested`` values."""

    key: str
    name: str
    description: str
    rule: Mapping[str, Any]
