"""Discovery of plugins: entry points are imported, and called through hooks."""

import logging
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


def discover(strict: bool = True, checks: Iterable[Check] = ()) -> Registry:
    """Return the registry of all installed plugins that pass some checks.

    Raises:
        PluginError: Some cannot be used, and ``strict`` is true.
    """
    return load(entry_points(group=ENTRY_POINT_GROUP), strict, checks)


def load(
    points: Iterable[EntryPoint], strict: bool = True, checks: Iterable[Check] = ()
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
    checks: Iterable[Check] = (),
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
