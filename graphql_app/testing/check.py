"""``check_criterion``: try a criterion on generated shops to check the contract."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, ParamSpec

from graphql_app.audience.tables import AudienceTable
from graphql_app.criteria import Criterion, FieldKind, Form, SegmentReference, hookimpl
from graphql_app.plugin_discovery import register
from graphql_app.plugins import Plugin, PluginError, Registry
from graphql_app.runtime.services import Services
from graphql_app.startup.plugins import CHECKS
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
from graphql_app.testing.findings import CriterionCheckError, Finding, describe_error
from graphql_app.testing.form_filling import Filler
from graphql_app.testing.harness import Harness
from graphql_app.testing.hostile_texts import ORDINARY

P = ParamSpec("P")


def check_criterion(
    criterion: type[Criterion],
    *,
    examples: Sequence[Mapping[str, Any]] = (),
    tables: Sequence[type[AudienceTable]] = (),
    services: Services | None = None,
) -> None:
    """Assert that a criterion keeps the contract.

    Generate rules for every operator from the form's metadata and the values of generated shops,
    and evaluate them in a real store. In these shops, contacts share and lack values, orders are
    cancelled or recorded twice, and texts contain quotes, patterns and SQL. Check that:

    - a contact is either in a rule or in its complement, evaluated alone or among all contacts; a
      negative operator is the complement of its positive one;
    - a measure has one value per contact, which determines the members and can be shown;
    - values of rules are bound, and a text matches only itself;
    - rows of other shops change nothing;
    - JSON Schema and GraphQL accept the same rules, and all labels, descriptions and sentences
      exist;
    - suggestions are valid values of the shop, and searching for them finds them.

    For a ``SegmentReference``, check only the form and the wording.

    Args:
        criterion: The class.
        examples: More rules to try, as the fields of a rule, such as
            ``{"operator": "AT_LEAST", "count": 1}``. Include the texts that the criterion
            looks for: the generated shops will contain them.
        tables: The plugin's own tables of facts that the criterion reads.
        services: Stores to use, as ``open_services`` yields them. By default, the process opens
            temporary ones once. A process can open only one embedded ClickHouse, so pass yours if
            you have opened it already.

    Raises:
        CriterionCheckError: The criterion breaks the contract; the message lists every fault and
            its fix.
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
    """Yield the faults that ``check_criterion`` would raise, given the same arguments."""
    try:
        registry = _registry(criterion, tables)
    except PluginError as error:
        for failure in error.failures:
            yield Finding(
                f"A server would refuse it: it {failure.reason}: {failure.detail}".rstrip(": "),
                "Fix this first; the other checks need it.",
            )
        return
    yield from wording.check_labels(criterion)
    yield from _run(forms.check_bounds, criterion)
    yield from _run(forms.check_json_schema, criterion, Filler())
    if issubclass(criterion, SegmentReference):
        yield from _run(wording.check_reference_sentences, criterion)
        return
    words = _words(criterion, examples)
    harness = Harness(criterion, services_for(registry, services), examples, words)
    yield from _run(forms.check_examples, harness)
    yield from _run(forms.check_operators, harness)
    yield from _run(wording.check_sentences, harness)
    wrong = fragments.check_sql(harness)
    yield from wrong.values()
    sound = [case for case in harness.cases if case not in wrong]
    refused = fragments.rejected_by_engine(harness, sound)
    yield from refused.values()
    sound = [case for case in sound if case not in refused]
    yield from _run(binding.check_binding, harness)
    yield from _run(suggestions.check_suggestions, harness)
    for check in (
        logic.check_complements,
        logic.check_single_contacts,
        logic.check_measures,
        escaping.check_special_characters,
        escaping.check_unknown_texts,
        escaping.check_lists,
        api.check_graphql,
        isolation.check_isolation,
    ):
        yield from _run(check, harness, sound)


def _run(
    check: Callable[P, Iterator[Finding]], *args: P.args, **kwargs: P.kwargs
) -> Iterator[Finding]:
    """Yield a check's findings, and one more if the criterion's own code raises."""
    try:
        yield from check(*args, **kwargs)
    except Exception as error:
        purpose, _, _ = (check.__doc__ or "").partition("\n")
        yield Finding(
            f"This check did not finish: {purpose} {describe_error(error)}",
            "Make the criterion's methods and validators work for every rule and value.",
        )


def _registry(criterion: type[Criterion], tables: Sequence[type[AudienceTable]]) -> Registry:
    """Return the registry of a plugin with only this criterion and these tables.

    Raises:
        PluginError: A server would refuse the plugin.
    """
    hooks = SimpleNamespace(
        register_criteria=hookimpl(lambda: [criterion]),
        register_audience_tables=hookimpl(lambda: tables),
    )
    plugin = Plugin(criterion.__name__, criterion.__module__, "")
    return register({plugin: hooks}, checks=CHECKS.declarations)


def _words(form: type[Form], examples: Sequence[Mapping[str, Any]]) -> Sequence[str]:
    """Return the texts of the examples and the form that the generated shops must contain.

    Leave out the ordinary ones, which every shop contains, so that criteria share shops.
    """
    named = [*_texts(list(examples))]
    for spec in form.fields():
        if spec.type.kind is FieldKind.TEXT:
            named += [spec.type.example, spec.form.placeholder or ""]
        if spec.condition is not None:
            named += _words(spec.condition, ())
    return [word for word in dict.fromkeys(named) if word.strip() and word not in ORDINARY]


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
