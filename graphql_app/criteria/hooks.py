"""The hooks that a plugin implements."""

from collections.abc import Sequence

import pluggy

from graphql_app.audience.tables import AudienceTable
from graphql_app.criteria.base import Criterion
from graphql_app.criteria.starters import DefaultSegment, SegmentTemplate

PROJECT = "graphql_app"
ENTRY_POINT_GROUP = "graphql_app.criteria"

CONTRACT_VERSION = 1
"""The version of this contract.

A plugin declares the contract version it was written for in a constant of this name.
"""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Mark a function of a plugin as the implementation of the hook with the same name."""


class Hooks:
    """The hooks; a plugin implements any of them with ``@hookimpl``."""

    @hookspec
    def register_criteria(self) -> Sequence[type[Criterion]]:
        """Return the plugin's criteria."""
        return ()

    @hookspec
    def register_default_segments(self) -> Sequence[DefaultSegment]:
        """Return segments that every shop has."""
        return ()

    @hookspec
    def register_segment_templates(self) -> Sequence[SegmentTemplate]:
        """Return templates to start segments from."""
        return ()

    @hookspec
    def register_audience_tables(self) -> Sequence[type[AudienceTable]]:
        """Return the plugin's own tables of facts."""
        return ()
