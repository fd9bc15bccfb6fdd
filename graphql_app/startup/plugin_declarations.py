"""The checks of what plugins declare, which need nothing but the plugins."""

import re
from collections.abc import Iterable

from graphql_app.criteria import Criterion
from graphql_app.plugins import Contribution, Failure, Plugin, Registry

RESERVED_KEYS = frozenset({"all", "any", "not"})
KEY_PATTERN = re.compile(r"[a-z][A-Za-z0-9_]{0,62}")


def check_criteria(registry: Registry) -> Iterable[Failure]:
    """Check that rules can have every criterion: its key, label, fields and operators."""
    for plugin, contribution in registry.contributions.items():
        problems = filter(None, map(_problem_of_criterion, contribution.criteria))
        try:
            if problem := next(problems, None):
                yield Failure(plugin, "has a criterion that cannot be used", problem)
        except (Exception, SystemExit) as error:
            yield Failure(plugin, "cannot be registered", repr(error))


def check_tables(registry: Registry) -> Iterable[Failure]:
    """Check the declarations of the plugins' own tables."""
    for plugin, contribution in registry.contributions.items():
        if not contribution.tables:
            continue
        from graphql_app.audience.plugin_table_checks import find_problem  # noqa: PLC0415 - loads Arrow, which few commands need

        problems = filter(None, map(find_problem, contribution.tables))
        if problem := next(problems, None):
            yield Failure(plugin, "has an audience table that cannot be used", problem)


def check_names(registry: Registry) -> Iterable[Failure]:
    """Check that no two plugins use one name for criteria, segments, templates or tables."""
    owners: dict[tuple[str, str], Plugin] = {}
    for plugin, contribution in registry.contributions.items():
        own: dict[tuple[str, str], Plugin] = {}
        for noun, key in contribution.names:
            other = owners.get((noun, key)) or own.get((noun, key))
            if other is not None:
                reason = f"has the {noun} {key!r}, which is also in {other}; uninstall one of them"
                yield Failure(plugin, reason)
                break
            own[noun, key] = plugin
        else:
            owners |= own


def check_enums(registry: Registry) -> Iterable[Failure]:
    """Check that operators and choices have different class names, which GraphQL enums get."""
    known: dict[str, type] = {}
    for plugin, contribution in registry.contributions.items():
        own = dict(known)
        for criterion, enum in _enums(contribution):
            if own.setdefault(enum.__name__, enum) is not enum:
                reason = (
                    f"has the enum {enum.__name__} of {criterion.__name__}, and another "
                    "criterion's enum has that name; rename its class"
                )
                yield Failure(plugin, reason)
                break
        else:
            known = own


def _problem_of_criterion(criterion: type[Criterion]) -> str | None:
    key, name = getattr(criterion, "key", None), criterion.__name__
    if not isinstance(key, str) or not KEY_PATTERN.fullmatch(key):
        return f"{name}.key must be a name in lower camel case, not {key!r}"
    if key in RESERVED_KEYS:
        return f"{name}.key may not be {key!r}, which has a meaning in rules"
    if not getattr(criterion, "label", "") or not criterion.description():
        return f"{name} needs a label and a docstring"
    if criterion.__abstractmethods__:
        return f"{name} does not implement {', '.join(sorted(criterion.__abstractmethods__))}"
    try:
        criterion.fields()
        return _problem_of_operators(criterion)
    except Exception as error:
        return str(error)


def _problem_of_operators(criterion: type[Criterion]) -> str | None:
    """Check operators, which rules name by value in JSON and by name in GraphQL."""
    members = criterion.operators().__members__
    for name, operator in members.items():
        positive = members.get(operator.negates) if operator.negates else operator
        if operator.value != name or positive is None or positive.negated:
            return (
                f"the operator {name} of {criterion.__name__} must have its own name as its value, "
                "and, if it negates, the name of a positive operator"
            )
    return None


def _enums(contribution: Contribution) -> Iterable[tuple[type[Criterion], type]]:
    for criterion in contribution.criteria:
        yield criterion, criterion.operators()
        for spec in criterion.fields():
            if spec.choices is not None:
                yield criterion, spec.choices
