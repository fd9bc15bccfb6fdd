"""Plugins: found through entry points, asked one by one, and kept in a registry.

Whatever is wrong with a plugin is a failure that names the distribution it came from. A strict
host refuses to start with one; any other leaves that plugin out, whole, and goes on with the rest.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from graphql_app.audience.plugin_tables import find_problem
from graphql_app.audience.tables import AudienceTable
from graphql_app.criteria import CONTRACT_VERSION, Criterion, DefaultSegment, SegmentTemplate
from graphql_app.criteria.hooks import ENTRY_POINT_GROUP, PROJECT, Hooks

logger = logging.getLogger(__name__)

HOST = "open-segments"
SLOW = 5.0
RESERVED_KEYS = frozenset({"all", "any", "not"})
KEY_PATTERN = re.compile(r"[a-z][A-Za-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class Plugin:
    """Where something came from: the entry point's name, and its distribution."""

    name: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"plugin {self.name!r} of {self.distribution} {self.version}"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a plugin cannot be used.

    ``reason`` may be shown to anyone; ``detail`` may hold what an exception said, and is for those
    who operate the service.
    """

    plugin: Plugin
    reason: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.plugin} {self.reason}" + (f": {self.detail}" if self.detail else "")


class PluginError(Exception):
    """Plugins that cannot be used; the message names each and says what to do."""

    def __init__(self, *failures: Failure) -> None:
        super().__init__("\n".join(map(str, failures)))
        self.failures = failures


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one plugin supplies."""

    criteria: tuple[type[Criterion], ...] = ()
    default_segments: tuple[DefaultSegment, ...] = ()
    templates: tuple[SegmentTemplate, ...] = ()
    tables: tuple[type[AudienceTable], ...] = ()

    @property
    def starters(self) -> tuple[DefaultSegment | SegmentTemplate, ...]:
        """Its default segments and templates."""
        return (*self.default_segments, *self.templates)

    def claims(self) -> Iterable[tuple[str, str]]:
        """What no other plugin may supply as well, as pairs of noun and name."""
        yield from (("criterion", criterion.key) for criterion in self.criteria)
        yield from (("default segment", default.key) for default in self.default_segments)
        yield from (("template", template.key) for template in self.templates)
        yield from (("audience table", table.__tablename__) for table in self.tables)


@dataclass(frozen=True, slots=True)
class Registry:
    """Everything that the plugins supply, sorted by key, and the plugins that were left out."""

    contributions: Mapping[Plugin, Contribution] = field(default_factory=dict)
    criteria: Mapping[str, type[Criterion]] = field(default_factory=dict)
    sources: Mapping[str, Plugin] = field(default_factory=dict)
    default_segments: tuple[DefaultSegment, ...] = ()
    templates: tuple[SegmentTemplate, ...] = ()
    tables: tuple[type[AudienceTable], ...] = ()
    failures: tuple[Failure, ...] = ()

    @property
    def left_out(self) -> str:
        """The plugins that were left out, for a message; empty when none was."""
        plugins = dict.fromkeys(
            f"{failure.plugin.distribution} {failure.plugin.version} ({failure.plugin.name})"
            for failure in self.failures
        )
        return ", ".join(plugins)

    def is_third_party(self, key: str) -> bool:
        """Whether a criterion is of a plugin that is not the host's."""
        source = self.sources.get(key)
        return source is not None and source.distribution != HOST

    def named(self, criterion: type[Criterion]) -> str:
        """A criterion with its plugin, for a message."""
        source = self.sources.get(criterion.key)
        of = "" if source is None else f" of {source.distribution} {source.version}"
        return f'"{criterion.label}" ({criterion.key}){of}'


def discover(group: str = ENTRY_POINT_GROUP, strict: bool = True) -> Registry:
    """The registry of all plugins that are installed.

    Raises:
        PluginError: Some cannot be used, and the host is strict.
    """
    return load(entry_points(group=group), strict)


def load(points: Iterable[EntryPoint], strict: bool = True) -> Registry:
    """The registry of the plugins that entry points name; the host's own come first.

    Raises:
        PluginError: As for ``discover``.
    """
    loaded: dict[Plugin, Any] = {}
    failures: list[Failure] = []
    for plugin, point in sorted(
        ((_plugin(point), point) for point in points), key=lambda pair: _precedence(pair[0])
    ):
        if any(plugin.name == other.name for other in loaded):
            reason = "has the name of another plugin, uninstall one of the two"
            failures.append(Failure(plugin, reason))
            continue
        try:
            with _in_time(plugin, "its import"):
                loaded[plugin] = point.load()
        except (Exception, SystemExit) as error:
            failures.append(Failure(plugin, "cannot be imported", repr(error)))
    registry = register(loaded, strict=False)
    return _settled(replace(registry, failures=(*failures, *registry.failures)), strict)


def register(implementations: Mapping[Plugin, Any], strict: bool = True) -> Registry:
    """The registry of plugins given as modules or objects with hooks.

    Raises:
        PluginError: As for ``discover``.
    """
    registration = _Registration()
    failures: list[Failure] = []
    for plugin, implementation in implementations.items():
        try:
            with _in_time(plugin, "its hooks"):
                registration.add(plugin, implementation)
        except PluginError as error:
            failures += error.failures
        except (Exception, SystemExit) as error:
            failures.append(Failure(plugin, "cannot be registered", repr(error)))
    return _settled(replace(registration.registry(), failures=tuple(failures)), strict)


def without(registry: Registry, failures: Sequence[Failure], strict: bool) -> Registry:
    """The registry with some more plugins left out, whole.

    Raises:
        PluginError: There are any, and the host is strict.
    """
    gone = {failure.plugin for failure in failures}
    registration = _Registration()
    for plugin, contribution in registry.contributions.items():
        if plugin not in gone:
            registration.accept(plugin, contribution)
    return _settled(
        replace(registration.registry(), failures=(*registry.failures, *failures)), strict
    )


def _settled(registry: Registry, strict: bool) -> Registry:
    if strict and registry.failures:
        raise PluginError(*registry.failures)
    return registry


@contextmanager
def _in_time(plugin: Plugin, what: str) -> Iterator[None]:
    """Log a plugin that keeps the start waiting."""
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
    return Plugin(point.name, distribution.name, distribution.version)


def _precedence(plugin: Plugin) -> tuple[bool, str, str]:
    return (plugin.distribution != HOST, plugin.distribution, plugin.name)


class _Registration:
    """Takes plugins in one after another; each as a whole, or not at all."""

    def __init__(self) -> None:
        self._contributions: dict[Plugin, Contribution] = {}
        self._sources: dict[tuple[str, str], Plugin] = {}
        self._enums: dict[str, type] = {}

    def add(self, plugin: Plugin, implementation: Any) -> None:
        """Ask a plugin for what it supplies.

        Raises:
            PluginError: It cannot be used; nothing of it is taken in.
        """
        self.accept(plugin, _contribution(plugin, implementation))

    def accept(self, plugin: Plugin, contribution: Contribution) -> None:
        """Take in what a plugin supplies, if nothing of it is there already."""
        sources = dict(self._sources)
        enums = dict(self._enums)
        for noun, key in contribution.claims():
            if (noun, key) in sources:
                other = sources[noun, key]
                reason = f"has the {noun} {key!r}, which is also in {other}; uninstall one of them"
                raise PluginError(Failure(plugin, reason))
            sources[noun, key] = plugin
        for criterion in contribution.criteria:
            for enum in _enums(criterion):
                if enums.setdefault(enum.__name__, enum) is not enum:
                    reason = (
                        f"has the enum {enum.__name__} of {criterion.__name__}, and another "
                        "criterion's enum has that name; rename its class"
                    )
                    raise PluginError(Failure(plugin, reason))
        self._contributions[plugin] = contribution
        self._sources, self._enums = sources, enums

    def registry(self) -> Registry:
        """What was taken in."""
        found = self._contributions
        by_key = sorted((c for each in found.values() for c in each.criteria), key=lambda c: c.key)
        return Registry(
            contributions=found,
            criteria={criterion.key: criterion for criterion in by_key},
            sources={
                criterion.key: plugin for plugin in found for criterion in found[plugin].criteria
            },
            default_segments=tuple(d for each in found.values() for d in each.default_segments),
            templates=tuple(t for each in found.values() for t in each.templates),
            tables=tuple(t for each in found.values() for t in each.tables),
        )


def _contribution(plugin: Plugin, implementation: Any) -> Contribution:
    """What a plugin supplies, checked by itself.

    It is asked by a manager of its own, so that no other plugin is there to be blamed.
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

    def ask(hook: str, kind: Callable[[Any], bool], expected: str) -> tuple[Any, ...]:
        try:
            items = [item for result in getattr(manager.hook, hook)() for item in result]
        except (Exception, SystemExit) as error:
            raise PluginError(Failure(plugin, f"failed in {hook}", repr(error))) from error
        for item in items:
            if not kind(item):
                reason = f"must return {expected} from {hook}"
                raise PluginError(Failure(plugin, reason, f"not {item!r}"))
        return tuple(items)

    contribution = Contribution(
        criteria=ask("register_criteria", _is_a(Criterion), "criterion classes"),
        default_segments=ask(
            "register_default_segments",
            lambda item: isinstance(item, DefaultSegment),
            "DefaultSegment objects",
        ),
        templates=ask(
            "register_segment_templates",
            lambda item: isinstance(item, SegmentTemplate),
            "SegmentTemplate objects",
        ),
        tables=ask("register_audience_tables", _is_a(AudienceTable), "classes of audience tables"),
    )
    for criterion in contribution.criteria:
        wrong = _wrong_with(criterion)
        if wrong is not None:
            raise PluginError(Failure(plugin, "has a criterion that cannot be used", wrong))
    for table in contribution.tables:
        wrong = find_problem(table)
        if wrong is not None:
            raise PluginError(Failure(plugin, "has an audience table that cannot be used", wrong))
    return contribution


def _is_a(base: type) -> Callable[[Any], bool]:
    return lambda item: isinstance(item, type) and issubclass(item, base)


def _wrong_with(criterion: type[Criterion]) -> str | None:
    """Why no rule could have a criterion."""
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
        return _wrong_with_operators(criterion)
    except Exception as error:
        return str(error)


def _wrong_with_operators(criterion: type[Criterion]) -> str | None:
    """Rules name operators in JSON by value and in GraphQL by name; twins must be there."""
    members = criterion.operators().__members__
    for name, operator in members.items():
        twin = members.get(operator.negates) if operator.negates else operator
        if operator.value != name or twin is None or twin.negated:
            return (
                f"the operator {name} of {criterion.__name__} must have its own name as its value, "
                "and, if it negates, the name of a positive operator"
            )
    return None


def _enums(criterion: type[Criterion]) -> Iterable[type]:
    """Operators and choices are GraphQL enums by their class names, so those must differ."""
    yield criterion.operators()
    for spec in criterion.fields():
        if spec.choices is not None:
            yield spec.choices
