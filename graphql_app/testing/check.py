"""``check_criterion``: whether a criterion keeps the contract, tried on generated shops."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from graphql_app.audience.tables import AudienceTable
from graphql_app.criteria import Criterion, FieldKind, Form, SegmentReference, hookimpl
from graphql_app.plugins import Plugin, PluginError, Registry, register
from graphql_app.schema.context import Services
from graphql_app.testing import (
    api,
    binding,
    forms,
    fragments,
    hostility,
    isolation,
    logic,
    offers,
    wording,
)
from graphql_app.testing.bench import Bench
from graphql_app.testing.engine import services_for
from graphql_app.testing.filling import Filler
from graphql_app.testing.findings import CriterionCheckError, Finding, told


def check_criterion(
    criterion: type[Criterion],
    *,
    examples: Sequence[Mapping[str, Any]] = (),
    tables: Sequence[type[AudienceTable]] = (),
    services: Services | None = None,
) -> None:
    """Assert that a criterion keeps the contract.

    Raises:
        CriterionCheckError: It does not; the message lists every fault with its remedy.
    """
    found = list(findings(criterion, examples=examples, tables=tables, services=services))
    if found:
        raise CriterionCheckError(criterion, found)


def findings(
    criterion: type[Criterion],
    *,
    examples: Sequence[Mapping[str, Any]] = (),
    tables: Sequence[type[AudienceTable]] = (),
    services: Services | None = None,
) -> Iterator[Finding]:
    """What ``check_criterion`` reports, one after another."""
    try:
        registry = _registry(criterion, tables)
    except PluginError as error:
        for failure in error.failures:
            yield Finding(
                f"The host refuses it: it {failure.reason}: {failure.detail}".rstrip(": "),
                "Mend this first; what else there is can only be checked then.",
            )
        return
    yield from wording.labels(criterion)
    yield from forms.bounds(criterion)
    yield from forms.schema(criterion, Filler())
    if issubclass(criterion, SegmentReference):
        yield from wording.sentences_of_reference(criterion)
        return
    words = _words(criterion, examples)
    yield from _on_the_bench(Bench(criterion, services_for(registry, services), examples, words))


def _on_the_bench(bench: Bench) -> Iterator[Finding]:
    yield from forms.examples(bench)
    yield from forms.every_operator(bench)
    yield from wording.sentences(bench)
    wrong = fragments.wrong_with_sql(bench)
    yield from wrong.values()
    sound = [case for case in bench.cases if case not in wrong]
    refused = fragments.refused_by_engine(bench, sound)
    yield from refused.values()
    sound = [case for case in sound if case not in refused]
    yield from binding.bound(bench)
    yield from offers.suggested(bench)
    for check in (
        logic.two_valued,
        logic.one_at_a_time,
        logic.measures,
        hostility.like_plain_ones,
        hostility.of_nobody,
        hostility.lists,
        api.in_graphql,
        isolation.another_shop,
    ):
        try:
            yield from check(bench, sound)
        except Exception as error:
            yield Finding(f"{check.__doc__} This could not be checked: {told(error)}", "Mend it")


def _registry(criterion: type[Criterion], tables: Sequence[type[AudienceTable]]) -> Registry:
    """The registry of a plugin that supplies just these.

    Raises:
        PluginError: The host would refuse it.
    """

    @hookimpl
    def register_criteria() -> Sequence[type[Criterion]]:
        return [criterion]

    @hookimpl
    def register_audience_tables() -> Sequence[type[AudienceTable]]:
        return tables

    hooks = SimpleNamespace(
        register_criteria=register_criteria, register_audience_tables=register_audience_tables
    )
    return register({Plugin(criterion.__name__, criterion.__module__, ""): hooks})


def _words(form: type[Form], examples: Sequence[Mapping[str, Any]]) -> Sequence[str]:
    """The texts that an author names, in examples and in the form, for the shops to have."""
    named = [*_texts(list(examples))]
    for spec in form.fields():
        if spec.type.kind is FieldKind.TEXT:
            named += [spec.type.example, spec.form.placeholder or ""]
        if spec.condition is not None:
            named += _words(spec.condition, ())
    return [word for word in dict.fromkeys(named) if word.strip()]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            if name != "operator":
                yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
