"""Discovery of plugins: entry points are imported, called through hooks, and checked."""

import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from graphql_app.audience.tables import AudienceTable
from graphql_app.criteria import CONTRACT_VERSION, Criterion, DefaultSegment, SegmentTemplate
from graphql_app.criteria.hooks import ENTRY_POINT_GROUP, PROJECT, Hooks
from graphql_app.plugins import (
    HOST,
    Check,
    Contribution,
    Failure,
    Plugin,
    PluginError,
    Registry,
    run_checks,
)

logger = logging.getLogger(__name__)

SLOW = 5.0  # seconds after which a plugin's import or hooks are logged as slow
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
        from graphql_app.audience.plugin_table_checks import find_problem  # noqa: PLC0415 - loads Arrow, which most commands do not need

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


# The checks that need nothing but the plugins themselves.
DECLARATION_CHECKS: tuple[Check, ...] = (
    check_criteria,
    check_tables,
    check_names,
    check_enums,
)


def discover(strict: bool = True, checks: Iterable[Check] = DECLARATION_CHECKS) -> Registry:
    """Return the registry of all installed plugins that pass some checks.

    Raises:
        PluginError: Some cannot be used, and ``strict`` is true.
    """
    return load(entry_points(group=ENTRY_POINT_GROUP), strict, checks)


def load(
    points: Iterable[EntryPoint], strict: bool = True, checks: Iterable[Check] = DECLARATION_CHECKS
) -> Registry:
    """Load some entry points' plugins, the built-in ones first; raise as ``discover`` does."""
    loaded: dict[Plugin, Any] = {}
    failures: list[Failure] = []
    for plugin, point in sorted(((_plugin(point), point) for point in points), key=_precedence):
        if any(plugin.name == other.name for other in loaded):
            reason = "has the name of another plugin, uninstall one of the two"
            failures.append(Failure(plugin, reason))
            continue
        try:
            with _slow_logged(plugin, "its import"):
                loaded[plugin] = point.load()
        except (Exception, SystemExit) as error:
            failures.append(Failure(plugin, "cannot be imported", repr(error)))
    return register(loaded, strict, checks, failures)


def register(
    implementations: Mapping[Plugin, Any],
    strict: bool = True,
    checks: Iterable[Check] = DECLARATION_CHECKS,
    failures: Iterable[Failure] = (),
) -> Registry:
    """Return the registry of plugins given as modules or objects with hooks.

    ``failures`` are of plugins that have failed already. Raise as ``discover`` does.
    """
    contributions: dict[Plugin, Contribution] = {}
    failed = [*failures]
    for plugin, implementation in implementations.items():
        try:
            with _slow_logged(plugin, "its hooks"):
                contributions[plugin] = _contribution(plugin, implementation)
        except PluginError as error:
            failed += error.failures
        except (Exception, SystemExit) as error:
            failed.append(Failure(plugin, "cannot be registered", repr(error)))
    return run_checks(Registry.of(contributions, failed), checks, strict)


@contextmanager
def _slow_logged(plugin: Plugin, what: str) -> Iterator[None]:
    began = time.monotonic()
    try:
        yield
    finally:
        seconds = time.monotonic() - began
        if seconds > SLOW:
            logger.warning("%s is slow: %s took %.1f seconds", plugin, what, seconds)


def _plugin(point: EntryPoint) -> Plugin:
    distribution = point.dist
    if distribution is None:
        return Plugin(point.name, "an unknown distribution", "")
    metadata = distribution.metadata  # parsed at every access
    return Plugin(point.name, metadata["Name"], metadata["Version"])


def _precedence(pair: tuple[Plugin, EntryPoint]) -> tuple[bool, str, str]:
    plugin, _ = pair
    return (plugin.distribution != HOST, plugin.distribution, plugin.name)


def _contribution(plugin: Plugin, implementation: Any) -> Contribution:
    """Call a plugin's hooks, with a manager of its own so that no other plugin is blamed.

    Raises:
        PluginError: The plugin is written for another contract, or a hook fails.
    """
    version = getattr(implementation, "CONTRACT_VERSION", CONTRACT_VERSION)
    if version != CONTRACT_VERSION:
        reason = (
            f"is written for version {version!r} of the contract; "
            f"this host knows version {CONTRACT_VERSION}"
        )
        raise PluginError(Failure(plugin, reason))
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    try:
        manager.register(implementation, name=plugin.name)
        manager.check_pending()
    except (ValueError, pluggy.PluginValidationError) as error:
        failure = Failure(plugin, "has a hook that the host does not", str(error))
        raise PluginError(failure) from error

    def call(hook: str, accepts: Callable[[Any], bool], expected: str) -> tuple[Any, ...]:
        try:
            items = [item for result in getattr(manager.hook, hook)() for item in result]
        except (Exception, SystemExit) as error:
            raise PluginError(Failure(plugin, f"failed in {hook}", repr(error))) from error
        for item in items:
            if not accepts(item):
                reason = f"must return {expected} from {hook}"
                raise PluginError(Failure(plugin, reason, f"not {item!r}"))
        return tuple(items)

    return Contribution(
        criteria=call("register_criteria", _subclass_of(Criterion), "criterion classes"),
        default_segments=call(
            "register_default_segments",
            lambda item: isinstance(item, DefaultSegment),
            "DefaultSegment objects",
        ),
        templates=call(
            "register_segment_templates",
            lambda item: isinstance(item, SegmentTemplate),
            "SegmentTemplate objects",
        ),
        tables=call(
            "register_audience_tables", _subclass_of(AudienceTable), "classes of audience tables"
        ),
    )


def _subclass_of(base: type) -> Callable[[Any], bool]:
    return lambda item: isinstance(item, type) and issubclass(item, base)


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
