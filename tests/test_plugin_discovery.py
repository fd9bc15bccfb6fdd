"""Plugins are found, called one by one, and refused by name."""

import time
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import ColumnElement, true

from graphql_app import plugin_discovery
from graphql_app.criteria import (
    Criterion,
    DefaultSegment,
    Operator,
    Scope,
    SegmentTemplate,
    StateOperator,
    Text,
    form_field,
    hookimpl,
)
from graphql_app.plugin_discovery import discover, load, register
from graphql_app.plugins import PluginError, Registry
from graphql_app.startup.plugins import CHECKS
from tests.plugins.stubs import ACME, OTHER


class Everyone(Criterion):
    """All contacts, for tests."""

    key = "everyone"
    label = "Everyone"
    operator: StateOperator

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return true()


def _plugin(*criteria: Any, **more: Any) -> Any:

    @hookimpl
    def register_criteria() -> list[Any]:
        return list(criteria)

    return _module(register_criteria=register_criteria, **more)


def _module(**contents: Any) -> ModuleType:
    module = ModuleType("acme")
    vars(module).update(contents)
    return module


def _registered(*implementations: Any) -> Registry:
    plugins = dict(zip((ACME, OTHER), implementations, strict=False))
    return register(plugins, checks=CHECKS.declarations)


def test_the_built_in_criteria_come_through_entry_points() -> None:
    registry = discover()
    assert list(registry.criteria) == sorted(registry.criteria)
    assert {
        "spend",
        "productPurchased",
        "subscribeDate",
        "keyword",
        "textsReceived",
        "ordersPlaced",
        "lastOrderDate",
        "location",
        "contactType",
    } <= registry.criteria.keys()
    assert registry.sources["spend"].distribution == "open-segments"
    assert {template.name for template in registry.templates} == {
        "VIPs",
        "At-Risk",
        "Cross-Sells",
        "Keywords",
    }


def test_a_plugin_adds_criteria_defaults_and_templates() -> None:
    rule = {"everyone": {"operator": "IS"}}

    @hookimpl
    def register_default_segments() -> list[DefaultSegment]:
        return [DefaultSegment("all", "All", "", rule)]

    @hookimpl
    def register_segment_templates() -> list[SegmentTemplate]:
        return [SegmentTemplate("all", "All", "", rule)]

    registry = _registered(
        _plugin(
            Everyone,
            register_default_segments=register_default_segments,
            register_segment_templates=register_segment_templates,
        )
    )
    assert registry.criteria == {"everyone": Everyone}
    assert registry.sources == {"everyone": ACME}
    assert [default.key for default in registry.default_segments] == ["all"]
    assert [template.key for template in registry.templates] == ["all"]


def test_two_plugins_with_one_key_are_both_named() -> None:
    with pytest.raises(PluginError, match=r"other-criteria 3.4.*'everyone'.*acme-criteria 1.2"):
        _registered(_plugin(Everyone), _plugin(Everyone))


@pytest.mark.parametrize("key", ["all", "any", "not"])
def test_a_key_with_a_meaning_in_rules_is_refused(key: str) -> None:
    shadow = type("Shadow", (Everyone,), {"key": key, "__doc__": "Shadows."})
    with pytest.raises(PluginError, match=f"acme-criteria 1.2.*{key}"):
        _registered(_plugin(shadow))


@pytest.mark.parametrize("key", ["Upper", "with space", "da-sh", "", "x" * 64, "__typename", None])
def test_a_key_that_graphql_does_not_take_is_refused(key: Any) -> None:
    odd = type("Odd", (Everyone,), {"key": key, "__doc__": "Odd."})
    with pytest.raises(PluginError, match="acme-criteria"):
        _registered(_plugin(odd))


def test_a_misspelled_hook_is_refused() -> None:
    @hookimpl
    def register_criterias() -> list[Any]:
        return []

    with pytest.raises(PluginError, match=r"acme-criteria.*register_criterias"):
        _registered(_module(register_criterias=register_criterias))


def test_a_hook_that_raises_is_named_and_others_are_not_blamed() -> None:
    @hookimpl
    def register_criteria() -> list[Any]:
        raise ZeroDivisionError("oh")

    with pytest.raises(PluginError, match=r"other-criteria 3.4 failed in register_criteria.*oh"):
        _registered(_plugin(Everyone), _module(register_criteria=register_criteria))


def test_what_is_no_criterion_is_refused() -> None:
    with pytest.raises(PluginError, match="must return criterion classes"):
        _registered(_plugin(object))


def test_another_version_of_the_contract_is_refused() -> None:
    with pytest.raises(PluginError, match=r"acme-criteria.*version 2 .*knows version 1"):
        _registered(_plugin(Everyone, CONTRACT_VERSION=2))


def test_a_criterion_that_lacks_something_is_refused() -> None:
    class NoMatches(Criterion):
        """It does not say whom it matches."""

        key = "noMatches"
        label = "No matches"
        operator: StateOperator

    class NoDocs(Everyone):
        key = "noDocs"

    class NoForm(Everyone):
        """A field without a form."""

        key = "noForm"
        name: Text

    class NeverAbsent(Everyone):
        """A field that goes with some operators must be able to be absent."""

        key = "neverAbsent"
        name: Text = form_field("Name", used_with=[StateOperator.IS])

    for criterion, message in (
        (NoMatches, "does not implement matches"),
        (NoDocs, "needs a label and a docstring"),
        (NoForm, "NoForm.name must be declared with form_field"),
        (NeverAbsent, "NeverAbsent.name can be absent"),
    ):
        with pytest.raises(PluginError, match=message):
            _registered(_plugin(criterion))


class Likes(Operator):
    """Whether they like it."""

    LIKES = "LIKES", "likes"


class Loves(Operator):
    """The same under another name."""

    LIKES = "LIKES", "likes"


Loves.__name__ = "Likes"


class Dogs(Criterion):
    """Who likes dogs."""

    key = "dogs"
    label = "Dogs"
    operator: Likes

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return true()


class Cats(Criterion):
    """Who likes cats."""

    key = "cats"
    label = "Cats"
    operator: Loves

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return true()


class Misnamed(Operator):
    """A value that is not the name."""

    IS = "is", "is"


class Twinless(Operator):
    """A negative operator of nothing."""

    IS_NOT = "IS_NOT", "is not", "ISS"


@pytest.mark.parametrize("operators", [Misnamed, Twinless])
def test_operators_that_rules_could_not_name_are_refused(operators: type[Operator]) -> None:
    annotations = {"operator": operators}
    odd = type(
        "Odd", (Everyone,), {"key": "odd", "__doc__": "Odd.", "__annotations__": annotations}
    )
    with pytest.raises(PluginError, match=r"acme-criteria.*operator IS.* of Odd"):
        _registered(_plugin(odd))


def test_two_enums_of_one_name_are_refused() -> None:
    with pytest.raises(PluginError, match=r"other-criteria 3.4 has the enum Likes of Cats"):
        _registered(_plugin(Dogs), _plugin(Cats))


def test_a_plugin_that_cannot_be_imported_is_named() -> None:
    point = EntryPoint("ghost", "no_such_module", "graphql_app.criteria")
    with pytest.raises(PluginError, match=r"'ghost'.*cannot be imported.*no_such_module"):
        load([point])


def test_a_plugin_that_keeps_the_start_waiting_is_named_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    @hookimpl
    def register_criteria() -> list[Any]:
        time.sleep(0.05)
        return [Everyone]

    monkeypatch.setattr(plugin_discovery, "SLOW", 0.05)
    _registered(_module(register_criteria=register_criteria), _plugin())
    [record] = caplog.records
    assert record.getMessage().startswith("plugin 'acme' of acme-criteria 1.2 is slow: its hooks")


def test_whatever_else_a_plugin_raises_is_its_own_failure() -> None:
    class Undescribed(Everyone):
        """It has a description that cannot be had."""

        key = "undescribed"

        @classmethod
        def description(cls) -> str:
            raise ZeroDivisionError("oh")

    plugins = {ACME: _plugin(Undescribed), OTHER: _plugin(Everyone)}
    registry = register(plugins, strict=False, checks=CHECKS.declarations)
    assert registry.criteria == {"everyone": Everyone}
    [failure] = registry.failures
    assert str(failure) == f"{ACME} cannot be registered: ZeroDivisionError('oh')"


def test_two_entry_points_of_one_name_are_refused() -> None:
    point = EntryPoint("spend", "criteria_plugins.spend", "graphql_app.criteria")
    with pytest.raises(PluginError, match="has the name of another plugin"):
        load([point, point])
