"""Doubt: why something is not answered from memory."""

from __future__ import annotations

from collections.abc import Hashable


class DoubtError(Exception):
    """An answer from memory might differ from the engine's, so the engine is to be asked.

    Attributes:
        key: The question whose values cannot be kept, if it is that.
    """

    key: Hashable = None
