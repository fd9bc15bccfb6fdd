"""``check_criterion``: whether a criterion keeps the contract, tried on generated shops."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, ParamSpec

from graphql_app.audience.tables import AudienceTable
from graphql_app.criteria import Criterion, FieldKind, Form, SegmentReference, hookimpl
from graphql_app.plugin_discovery import register
from graphql_app.plugins import Plugin, PluginError, Registry
from graphql_app.runtime.services import Services
from graphql_app.testing import (
    api,
    binding,
    escaping,
    forms,
    fragments,
    isolation,
    logic,
    suggestions,
    wording,
)
from graphql_app.testing.engine import services_for
from graphql_app.testing.findings import CriterionCheckError, Finding, told
from graphql_app.testing.form_filling import Filler
from graphql_app.testing.harness import Bench

P = ParamSpec("P")


def check_criterion(
    criterion: type[Criterion],
    *,
    examples: Sequence[Mapping[str, Any]] = (),
    tables: Sequence[type[AudienceTable]] = (),
    services: Services | None = None,
) -> None:
    """Assert that a criterion keeps the contract, in a test of any pytest suite.

    Every operator is filled in from the form's own metadata and from what made-up shops have, and
    asked of a real store. In these shops, contacts share values and lack them, orders are cancelled
    and come twice, and texts hold quotes, patterns and SQL. Then this must hold:

    - a contact is in every rule or in its complement, whether it is asked about alone or among
      all; a negative operator is the complement of its twin;
    - a measure has one value per contact, comparing it gives the members, and it can be shown;
    - what a rule says is bound, and a text matches itself and nothing else;
    - rows of another shop never count;
    - JSON Schema and GraphQL take the same rules, and every label, description and sentence is
      there;
    - suggestions are valid values of the shop's own, and are found again.

    Of a ``SegmentReference`` only the form and the words are checked, for the rest is the host's.

    Args:
        criterion: The class.
        examples: Rules to try beside the generated ones, as the fields that a rule has, such as
            ``{"operator": "AT_LEAST", "count": 1}``. The shops have the texts in them, so name
            those that the criterion looks for.
        tables: The plugin's own tables of facts that it reads.
        services: Stores to use, as ``open_services`` yields them. By default the process opens its
            own, once, and deletes them at its end; a process can have one embedded ClickHouse, so
            a suite that has opened it gives it here.

    Raises:
        CriterionCheckError: It does not hold; the message lists every fault with its remedy.
        ValueError: The services lack one of the tables.
        AppError: The stores cannot be opened.
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
    """What ``check_criterion`` reports, one after another; arguments as it has them."""
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
    yield from _of(forms.bounds, criterion)
    yield from _of(forms.schema, criterion, Filler())
    if issubclass(criterion, SegmentReference):
        yield from _of(wording.sentences_of_reference, criterion)
        return
    words = _words(criterion, examples)
    yield from _on_the_bench(Bench(criterion, services_for(registry, services), examples, words))


def _on_the_bench(bench: Bench) -> Iterator[Finding]:
    yield from _of(forms.examples, bench)
    yield from _of(forms.every_operator, bench)
    yield from _of(wording.sentences, bench)
    wrong = fragments.wrong_with_sql(bench)
    yield from wrong.values()
    sound = [case for case in bench.cases if case not in wrong]
    refused = fragments.refused_by_engine(bench, sound)
    yield from refused.values()
    sound = [case for case in sound if case not in refused]
    yield from _of(binding.bound, bench)
    yield from _of(suggestions.suggested, bench)
    for check in (
        logic.two_valued,
        logic.one_at_a_time,
        logic.measures,
        escaping.like_plain_ones,
        escaping.of_nobody,
        escaping.lists,
        api.in_graphql,
        isolation.another_shop,
    ):
        yield from _of(check, bench, sound)


def _of(
    check: Callable[P, Iterator[Finding]], *args: P.args, **kwargs: P.kwargs
) -> Iterator[Finding]:
    """What a check finds; where the criterion's own code ends it, that."""
    try:
        yield from check(*args, **kwargs)
    except Exception as error:
        yield Finding(
            f"It could not be checked any further that: {check.__doc__} {told(error)}",
            "Have the criterion's own methods and validators answer for every rule and value.",
        )


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
