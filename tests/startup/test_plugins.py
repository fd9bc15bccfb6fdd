"""Plugins that fail a check at startup are left out, and named; the others run."""

from functools import partial

import pytest
from sqlalchemy import ColumnElement, literal_column

from graphql_app.audience.store import Audience
from graphql_app.criteria import (
    Condition,
    Criterion,
    Operator,
    Scope,
    SegmentTemplate,
    StateOperator,
    UpToTen,
    form_field,
)
from graphql_app.plugin_discovery import register
from graphql_app.plugins import HOST, PluginError, Registry, run_checks
from graphql_app.segments.plugin_probe import create_plugin_tables
from graphql_app.startup.plugins import accept_in_store, check_schema_types
from tests.plugins import reviews
from tests.plugins.stubs import ACME, OTHER, Everyone, Good, PluginModule, Whole


class Forbidden(Whole):
    """SQL as text."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return literal_column("1 = 1")


def test_a_template_that_uses_a_left_out_criterion_is_left_out_too(audience: Audience) -> None:
    template = SegmentTemplate("t", "T", "", {"whole": {"operator": "IS"}})
    registry = register(
        {ACME: PluginModule(Forbidden), OTHER: PluginModule(Good, templates=[template])}
    )
    fewer = accept_in_store(audience, registry, strict=False)
    assert fewer.criteria == {}
    assert [failure.plugin for failure in fewer.failures] == [ACME, OTHER]


def test_a_plugin_whose_table_differs_on_disk_is_left_out(audience: Audience) -> None:
    audience.command(
        "CREATE TABLE acme_reviewers (shop_id UInt64, contact_id UInt64, points String) "
        "ENGINE = MergeTree ORDER BY (shop_id, contact_id)"
    )
    registry = register({ACME: reviews, OTHER: PluginModule(Good)})
    with pytest.raises(PluginError, match=r"acme-criteria 1.2 has an audience table.*acme_review"):
        run_checks(registry, [partial(create_plugin_tables, audience)], strict=True)
    fewer = accept_in_store(audience, registry, strict=False)
    assert fewer.criteria == {"good": Good}
    assert not any(name.startswith("acme_") for name in audience.facts)


class Window(Condition):
    """A condition whose class has the name of a built-in type."""

    operator: StateOperator

    def describe(self, scope: Scope) -> str:
        return "a window"


class Pane(Window):
    """A condition whose class has the name of another plugin's class."""


Window.__name__ = "TimeWindow"
Pane.__name__ = "Pet"


class Pet(Window):
    """The other plugin's class."""


class ByWindow(Whole):
    """A criterion whose input would be named TimeWindowInput."""

    windows: UpToTen[Window] = form_field("Windows")


class ByPet(Whole):
    """A criterion with a condition of that name."""

    key = "byPet"
    pets: UpToTen[Pet] = form_field("Pets")


class ByPane(Whole):
    """A criterion with another condition of that name."""

    key = "byPane"
    panes: UpToTen[Pane] = form_field("Panes")


class Boundless(Operator):
    """An enum without operators."""


class ByNothing(Everyone):
    """A criterion whose operators cannot be a GraphQL enum."""

    operator: Boundless


@pytest.mark.parametrize("criterion", [ByWindow, ByNothing])
def test_a_plugin_whose_types_break_the_schema_is_left_out(
    registry: Registry, criterion: type[Criterion]
) -> None:
    ours = {plugin: PluginModule(*each.criteria) for plugin, each in registry.contributions.items()}
    broken = register({**ours, ACME: PluginModule(criterion), OTHER: PluginModule(Good)})
    with pytest.raises(PluginError, match=r"acme-criteria 1.2 has types that do not fit"):
        run_checks(broken, [check_schema_types], strict=True)
    fewer = run_checks(broken, [check_schema_types], strict=False)
    assert fewer.criteria.keys() == {*registry.criteria, "good"}
    assert [failure.plugin for failure in fewer.failures] == [ACME]
    assert {plugin.distribution for plugin in fewer.contributions} == {HOST, "other-criteria"}


def test_of_two_plugins_with_the_same_type_name_the_first_is_kept(registry: Registry) -> None:
    both = register({ACME: PluginModule(ByPet), OTHER: PluginModule(ByPane)})
    fewer = run_checks(both, [check_schema_types], strict=False)
    assert fewer.criteria == {"byPet": ByPet}
    assert [failure.plugin for failure in fewer.failures] == [OTHER]
