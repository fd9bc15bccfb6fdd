"""Plugins and the registry of everything that they supply.

A problem with a plugin is a failure that names the distribution it came from. A strict host refuses
to start with one. Any other host leaves that plugin out as a whole and uses the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from graphql_app.audience.tables import AudienceTable
from graphql_app.criteria import Criterion, DefaultSegment, SegmentTemplate

# The distribution of the built-in plugins.
HOST = "open-segments"


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin: the name of its entry point, and its distribution."""

    name: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"plugin {self.name!r} of {self.distribution} {self.version}"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a plugin cannot be used.

    Anyone may see the reason. The detail may quote an exception, so only operators see it.
    """

    plugin: Plugin
    reason: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.plugin} {self.reason}" + (f": {self.detail}" if self.detail else "")


class PluginError(Exception):
    """Plugins that cannot be used; the message lists each with its reason."""

    def __init__(self, *failures: Failure) -> None:
        super().__init__("\n".join(map(str, failures)))
        self.failures = failures


@dataclass(frozen=True, slots=True)
class Contribution:
    """Everything that one plugin supplies."""

    criteria: tuple[type[Criterion], ...] = ()
    default_segments: tuple[DefaultSegment, ...] = ()
    templates: tuple[SegmentTemplate, ...] = ()
    tables: tuple[type[AudienceTable], ...] = ()

    @property
    def starters(self) -> tuple[DefaultSegment | SegmentTemplate, ...]:
        return (*self.default_segments, *self.templates)

    @property
    def names(self) -> Iterable[tuple[str, str]]:
        """The names that no other plugin may use, as (noun, name) pairs."""
        yield from (("criterion", criterion.key) for criterion in self.criteria)
        yield from (("default segment", default.key) for default in self.default_segments)
        yield from (("template", template.key) for template in self.templates)
        yield from (("audience table", table.__tablename__) for table in self.tables)


@dataclass(frozen=True, slots=True, eq=False)
class Registry:
    """Everything that the plugins supply, and the plugins that were left out.

    Registries are compared by identity, so that caches can have them as keys.

    Attributes:
        contributions: What each plugin supplies; the built-in plugins come first.
        criteria: The criteria by key, sorted.
        sources: The plugin of each criterion, by key.
        failures: Why plugins were left out.
    """

    contributions: Mapping[Plugin, Contribution] = field(default_factory=dict)
    criteria: Mapping[str, type[Criterion]] = field(default_factory=dict)
    sources: Mapping[str, Plugin] = field(default_factory=dict)
    default_segments: tuple[DefaultSegment, ...] = ()
    templates: tuple[SegmentTemplate, ...] = ()
    tables: tuple[type[AudienceTable], ...] = ()
    failures: tuple[Failure, ...] = ()

    @classmethod
    def of(
        cls, contributions: Mapping[Plugin, Contribution], failures: Iterable[Failure] = ()
    ) -> Registry:
        """Make the registry of some plugins."""
        every = contributions.values()
        owned = {
            criterion.key: (criterion, plugin)
            for plugin, contribution in contributions.items()
            for criterion in contribution.criteria
            if isinstance(getattr(criterion, "key", None), str)  # it may not be checked yet
        }
        return cls(
            contributions=contributions,
            criteria={key: owned[key][0] for key in sorted(owned)},
            sources={key: plugin for key, (_, plugin) in owned.items()},
            default_segments=tuple(d for each in every for d in each.default_segments),
            templates=tuple(t for each in every for t in each.templates),
            tables=tuple(t for each in every for t in each.tables),
            failures=tuple(failures),
        )

    def without(self, failures: Sequence[Failure]) -> Registry:
        """Return the registry without the plugins that failed."""
        rest = dict(self.contributions)
        for failure in failures:
            rest.pop(failure.plugin, None)
        return Registry.of(rest, (*self.failures, *failures))

    @property
    def left_out(self) -> str:
        """The plugins that were left out, for a message; empty when there are none."""
        plugins = dict.fromkeys(
            f"{failure.plugin.distribution} {failure.plugin.version} ({failure.plugin.name})"
            for failure in self.failures
        )
        return ", ".join(plugins)

    def is_third_party(self, key: str) -> bool:
        """Return whether a criterion comes from a plugin that is not built in."""
        source = self.sources.get(key)
        return source is not None and source.distribution != HOST

    def named(self, criterion: type[Criterion]) -> str:
        """Return a criterion's label, key and plugin, for a message."""
        source = self.sources.get(criterion.key)
        of = "" if source is None else f" of {source.distribution} {source.version}"
        return f'"{criterion.label}" ({criterion.key}){of}'


Check: TypeAlias = Callable[[Registry], Iterable[Failure]]
"""A check of the plugins in a registry: returns why some of them cannot be used."""


def run_checks(registry: Registry, checks: Iterable[Check], strict: bool) -> Registry:
    """Return the registry of the plugins that pass all checks; the same object if all do.

    The checks run in order; each sees only the plugins that passed the ones before.

    Raises:
        PluginError: Some plugins failed, and ``strict`` is true.
    """
    for check in checks:
        failures = [*check(registry)]
        if failures:
            registry = registry.without(failures)
    if strict and registry.failures:
        raise PluginError(*registry.failures)
    return registry
