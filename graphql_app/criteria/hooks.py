"""The hooks that a plugin implements, and the marker it implements them with."""

from __future__ import annotations

from collections.abc import Sequence

import pluggy

from graphql_app.audience.tables import AudienceTable
from graphql_app.criteria.base import Criterion
from graphql_app.criteria.starters import DefaultSegment, SegmentTemplate

PROJECT = "graphql_app"
ENTRY_POINT_GROUP = "graphql_app.criteria"

CONTRACT_VERSION = 1
"""The version of this contract. A plugin says in a constant of this name which one it is for."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function of a plugin as the implementation of the hook of its name."""


class Hooks:
    """What a plugin may supply; it implements any of these with ``@hookimpl``."""

    @hookspec
    def register_criteria(self) -> Sequence[type[Criterion]]:
        """The criteria that the plugin adds."""
        return ()

    @hookspec
    def register_default_segments(self) -> Sequence[DefaultSegment]:
        """Segments that every shop gets at its creation."""
        return ()

    @hookspec
    def register_segment_templates(self) -> Sequence[SegmentTemplate]:
        """Examples to start segments from."""
        return ()

    @hookspec
    def register_audience_tables(self) -> Sequence[type[AudienceTable]]:
        """Tables of facts of the plugin's own."""
        return ()
