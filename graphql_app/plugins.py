"""Plugins: found through entry points, asked one by one, and kept in a registry.

Whatever is wrong with a plugin is a start-up error that names the distribution it came from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from graphql_app.criteria import CONTRACT_VERSION, Criterion, DefaultSegment, SegmentTemplate
from graphql_app.criteria.hooks import ENTRY_POINT_GROUP, PROJECT, Hooks

RESERVED_KEYS = frozenset({"all", "any", "not"})
KEY_PATTERN = re.compile(r"[a-z][A-Za-z0-9_]{0,62}")


class PluginError(Exception):
    """A plugin that cannot be used; the message names it and says what to do."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """Where something came from: the entry point's name, and its distribution."""

    name: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"plugin {self.name!r} of {self.distribution} {self.version}"


@dataclass(frozen=True, slots=True)
class Registry:
    """Everything that the plugins supply, sorted by key."""

    plugins: tuple[Plugin, ...]
    criteria: Mapping[str, type[Criterion]]
    sources: Mapping[str, Plugin]
    default_segments: tuple[DefaultSegment, ...]
    templates: tuple[SegmentTemplate, ...]


def discover(group: str = ENTRY_POINT_GROUP) -> Registry:
    """The registry of all plugins that are installed.

    Raises:
        PluginError: One of them cannot be used.
    """
    return load(sorted(entry_points(group=group), key=lambda point: point.name))


def load(points: Iterable[EntryPoint]) -> Registry:
    """The registry of the plugins that entry points name."""
    loaded: dict[Plugin, Any] = {}
    for point in points:
        distribution = point.dist
        plugin = Plugin(
            point.name,
            distribution.name if distribution else "an unknown distribution",
            distribution.version if distribution else "",
        )
        if plugin.name in {other.name for other in loaded}:
            raise PluginError(f"{plugin}: another plugin has this name; uninstall one of the two.")
        try:
            loaded[plugin] = point.load()
        except Exception as error:
            raise PluginError(f"{plugin} cannot be imported: {error!r}") from error
    return register(loaded)


def register(implementations: Mapping[Plugin, Any]) -> Registry:
    """The registry of plugins given as modules or objects with hooks."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    for plugin, implementation in implementations.items():
        version = getattr(implementation, "CONTRACT_VERSION", CONTRACT_VERSION)
        if version != CONTRACT_VERSION:
            raise PluginError(
                f"{plugin} is written for version {version!r} of the contract; "
                f"this host knows version {CONTRACT_VERSION}."
            )
        try:
            manager.register(implementation, name=plugin.name)
            manager.check_pending()
        except (ValueError, pluggy.PluginValidationError) as error:
            raise PluginError(f"{plugin} has a hook that the host does not: {error}") from error

    def ask(hook: str, kind: Callable[[Any], bool], expected: str) -> list[tuple[Plugin, Any]]:
        return [
            (plugin, item)
            for plugin, implementation in implementations.items()
            for item in _results(manager, plugin, implementation, hook)
            if _is_valid(plugin, hook, item, kind(item), expected)
        ]

    criteria = ask("register_criteria", _is_criterion, "criterion classes")
    defaults = ask(
        "register_default_segments",
        lambda item: isinstance(item, DefaultSegment),
        "DefaultSegment objects",
    )
    templates = ask(
        "register_segment_templates",
        lambda item: isinstance(item, SegmentTemplate),
        "SegmentTemplate objects",
    )
    sources: dict[str, Plugin] = {}
    enums: dict[str, type] = {}
    for plugin, criterion in criteria:
        _check_criterion(plugin, criterion)
        if criterion.key in sources:
            raise PluginError(
                f"{plugin}: the criterion {criterion.key!r} is also in "
                f"{sources[criterion.key]}; uninstall one of the two."
            )
        sources[criterion.key] = plugin
        _check_enums(plugin, criterion, enums)
    _check_unique(defaults, "default segment")
    _check_unique(templates, "template")
    by_key = sorted((criterion for _, criterion in criteria), key=lambda found: found.key)
    return Registry(
        plugins=tuple(implementations),
        criteria={criterion.key: criterion for criterion in by_key},
        sources=sources,
        default_segments=tuple(item for _, item in defaults),
        templates=tuple(item for _, item in templates),
    )


def _results(
    manager: pluggy.PluginManager, plugin: Plugin, implementation: Any, hook: str
) -> Sequence[Any]:
    """What one plugin answers to a hook; asked alone, so that a failure has a name."""
    others = [other for other in manager.get_plugins() if other is not implementation]
    try:
        results = manager.subset_hook_caller(hook, others)()
        return [item for result in results for item in result]
    except Exception as error:
        raise PluginError(f"{plugin} failed in {hook}: {error!r}") from error


def _is_valid(plugin: Plugin, hook: str, item: Any, valid: bool, expected: str) -> bool:
    if not valid:
        raise PluginError(f"{plugin}: {hook} must return {expected}, not {item!r}")
    return True


def _is_criterion(item: Any) -> bool:
    return isinstance(item, type) and issubclass(item, Criterion)


def _check_criterion(plugin: Plugin, criterion: type[Criterion]) -> None:
    key = getattr(criterion, "key", None)
    name = f"{plugin}: {criterion.__name__}"
    if not isinstance(key, str) or not KEY_PATTERN.fullmatch(key):
        raise PluginError(f"{name}.key must be a name in lower camel case, not {key!r}")
    if key in RESERVED_KEYS:
        raise PluginError(f"{name}.key may not be {key!r}, which has a meaning in rules")
    if not getattr(criterion, "label", "") or not criterion.description():
        raise PluginError(f"{name} needs a label and a docstring")
    if criterion.__abstractmethods__:
        missing = ", ".join(sorted(criterion.__abstractmethods__))
        raise PluginError(f"{name} does not implement {missing}")
    try:
        criterion.fields()
        criterion.operators()
    except Exception as error:
        raise PluginError(f"{plugin}: {error}") from error


def _check_operators(plugin: Plugin, criterion: type[Criterion]) -> None:
    """Rules name operators in JSON by value and in GraphQL by name; twins must be there."""
    members = criterion.operators().__members__
    for name, operator in members.items():
        twin = members.get(operator.negates) if operator.negates else operator
        if operator.value != name or twin is None or twin.negated:
            raise PluginError(
                f"{plugin}: the operator {name} of {criterion.__name__} must have its own name as "
                "its value, and, if it negates, the name of a positive operator."
            )


def _check_enums(plugin: Plugin, criterion: type[Criterion], known: dict[str, type]) -> None:
    """Operators and choices are GraphQL enums by their class names, so those must differ."""
    _check_operators(plugin, criterion)
    choices = (spec.choices for spec in criterion.fields() if spec.choices is not None)
    for enum in (criterion.operators(), *choices):
        if known.setdefault(enum.__name__, enum) is not enum:
            raise PluginError(
                f"{plugin}: the enum {enum.__name__} of {criterion.__name__} has the name of "
                "another criterion's enum; rename its class."
            )


def _check_unique(items: Sequence[tuple[Plugin, Any]], noun: str) -> None:
    seen: dict[str, Plugin] = {}
    for plugin, item in items:
        if item.key in seen:
            raise PluginError(f"{plugin}: the {noun} {item.key!r} is also in {seen[item.key]}")
        seen[item.key] = plugin
