"""Plugins are probed at startup; only those that fail are left out."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pytest
from sqlalchemy import ColumnElement, func, literal_column, select, true
from sqlmodel import col

from graphql_app.audience.store import Audience
from graphql_app.audience.tables import Contact, Order, Statement
from graphql_app.criteria import (
    Condition,
    Count,
    Criterion,
    Operator,
    Scope,
    SegmentReference,
    Text,
    UpToTen,
    form_field,
)
from graphql_app.plugin_discovery import register
from graphql_app.plugins import HOST, Plugin, PluginError, Registry, run_checks
from graphql_app.segments import plugin_probe
from graphql_app.segments.plugin_probe import probe_criteria
from tests.plugins.stubs import ACME, OTHER, Everyone, Good, PluginModule, Whole


class OneOperator(Operator):
    """Two operators; SQL with the second fails."""

    WORKS = "WORKS", "works"
    FAILS = "FAILS", "fails"


class InOneOperator(Everyone):
    """SQL that fails with one operator."""

    operator: OneOperator

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        works = self.operator is OneOperator.WORKS
        return true() if works else func.noSuchFunction(col(Contact.id)) == 1


class InAnOptionalField(Whole):
    """SQL that fails if the optional field is present."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return true() if self.phone is None else col(Contact.tags) + 1 == self.phone


class WithoutAnOptionalField(Whole):
    """SQL that fails if the optional field is absent."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return func.lower(self.phone.strip()) == "" if self.phone else 1 / self.count_of(self.phone)

    def count_of(self, text: str | None) -> Any:
        return len(text or "")


class Sub(Condition):
    """A condition with an operator that fails."""

    operator: OneOperator

    def describe(self, scope: Scope) -> str:
        return "a condition"


class InACondition(Whole):
    """SQL that fails with one operator of a condition."""

    conditions: UpToTen[Sub] = form_field("Where")

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        if any(condition.operator is OneOperator.FAILS for condition in self.conditions):
            raise NotImplementedError("not yet")  # like unfinished code
        return true()


class Forbidden(Whole):
    """SQL as text."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return literal_column("1 = 1")


class NoExpression(Whole):
    """A condition that is no SQL expression."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return "id > 1"  # type: ignore[return-value]  # what is tested


class InWords(Whole):
    """A sentence that is not text."""

    def describe(self, scope: Scope) -> str:
        return None  # type: ignore[return-value]  # what is tested


class InAReference(SegmentReference):
    """A reference whose sentence fails."""

    key = "whole"
    label = "Reference"

    def describe_as(self, name: str) -> str:
        raise LookupError("no words")


class InTheForm(Whole):
    """A form whose own validation fails."""

    def problems(self) -> Iterator[tuple[tuple[str, ...], str]]:
        raise ZeroDivisionError


class InSuggestions(Whole):
    """Suggestions whose SQL fails."""

    country: Text = form_field("Country", suggests=True)

    @classmethod
    def suggest(cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]) -> Statement:
        return select(func.noSuchFunction(search), col(Contact.country))


class InSuggestionsOfNothing(Whole):
    """Suggestions that fail while the form is empty."""

    country: Text = form_field("Country", suggests=True)

    @classmethod
    def suggest(cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]) -> Statement:
        return select(col(Contact.country), col(Contact.city)).where(
            col(Contact.phone) == given["phone"]
        )


FAILING: Mapping[type[Criterion], tuple[str, str]] = {
    InOneOperator: ("SQL", "noSuchFunction"),
    InAnOptionalField: ("SQL", "ILLEGAL_TYPE|Illegal types"),
    WithoutAnOptionalField: ("SQL", "ZeroDivisionError"),
    InACondition: ("SQL", "not yet"),
    Forbidden: ("SQL", "contains raw SQL"),
    NoExpression: ("SQL", "Error"),
    InWords: ("sentence", "TypeError"),
    InAReference: ("sentence", "no words"),
    InTheForm: ("form", "ZeroDivisionError"),
    InSuggestions: ("suggestion", "noSuchFunction"),
    InSuggestionsOfNothing: ("suggestion", "KeyError"),
}


def probe(audience: Audience, registry: Registry, strict: bool = True) -> Registry:
    return run_checks(registry, [partial(probe_criteria, audience)], strict)


def test_the_built_in_criteria_pass_the_probe(
    shared_audience: Audience, registry: Registry
) -> None:
    criteria = registry.criteria.values()
    as_a_third_partys = register({ACME: PluginModule(*criteria)})
    assert probe(shared_audience, as_a_third_partys) is as_a_third_partys


def test_built_in_criteria_are_not_probed_at_startup(shared_audience: Audience) -> None:
    ours = register({Plugin("ours", HOST, "0.1"): PluginModule(InWords)})
    assert probe(shared_audience, ours) is ours


@pytest.mark.parametrize("criterion", FAILING, ids=lambda kind: kind.__name__)
def test_only_a_failing_plugin_is_left_out_and_named(
    shared_audience: Audience, criterion: type[Criterion]
) -> None:
    registry = register({ACME: PluginModule(criterion), OTHER: PluginModule(Good)})
    what, detail = FAILING[criterion]
    with pytest.raises(PluginError, match=f"acme-criteria 1.2 .*'whole', whose {what} fails") as no:
        probe(shared_audience, registry)
    assert no.match(detail)
    fewer = probe(shared_audience, registry, strict=False)
    assert fewer.criteria == {"good": Good}
    [failure] = fewer.failures
    assert failure.plugin == ACME
    assert failure.reason == f"has a criterion, 'whole', whose {what} fails"
    assert fewer.left_out == "acme-criteria 1.2 (acme)"


class AboveAverage(Whole):
    """A value that is computed from all contacts' facts."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        average = select(func.avg(col(Order.total))).scalar_subquery()
        return col(Contact.id).in_(select(col(Order.contact_id)).where(col(Order.total) > average))


def test_criteria_that_a_cluster_would_count_wrongly_are_left_out_only_there(
    audience: Audience, store: str
) -> None:
    registry = register({ACME: PluginModule(AboveAverage), OTHER: PluginModule(Good)})
    if store == "cluster":
        with pytest.raises(PluginError, match="whose SQL fails: NotShardSafeError: has a value"):
            probe(audience, registry)
        assert probe(audience, registry, strict=False).criteria == {"good": Good}
    else:
        assert probe(audience, registry) is registry


class Sleepy(Whole):
    """SQL that is slow even without rows."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return select(func.sleep(3)).scalar_subquery() == 0


def test_slow_criteria_are_named(
    shared_audience: Audience, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin_probe, "SECONDS", 0.5)
    with pytest.raises(PluginError, match=r"'whole', whose SQL takes longer than 0.5 seconds"):
        probe(shared_audience, register({ACME: PluginModule(Sleepy)}))


class Choosy(Whole):
    """A form that does not accept all of its fields at once."""

    count: Count | None = form_field("Count", optional=True)

    def problems(self) -> Iterator[tuple[tuple[str, ...], str]]:
        if self.count is not None and self.phone is not None:
            yield ("count",), "does not go with phone"

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        if self.count is not None and self.phone is not None:
            raise AssertionError("it was called with values that it refuses")
        return true()


def test_a_form_may_refuse_the_probed_values(shared_audience: Audience) -> None:
    registry = register({ACME: PluginModule(Choosy)})
    assert probe(shared_audience, registry) is registry
