"""``segments plugins check``: test the criteria of an installed package."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from graphql_app.cli.console import err, out
from graphql_app.errors import AppError, ErrorCode

if TYPE_CHECKING:
    from graphql_app.plugins import Registry


def check_command(
    distribution: Annotated[str, typer.Argument(help="The package's name, as pip knows it.")],
) -> None:
    """Check every criterion of an installed package on generated shops.

    Exits with status 1 if a criterion has a fault.
    """
    from rich.progress import Progress

    from graphql_app.cli.plugin_trial import try_plugins, without_log

    registry = _load(distribution)
    refused = [
        failure
        for failure in try_plugins().failures
        if _normalize(failure.plugin.distribution) == _normalize(distribution)
    ]
    for failure in refused:
        out.print(f"A server would refuse it: {escape(str(failure))}")
    try:
        from graphql_app.testing import findings, report
    except ModuleNotFoundError as error:
        message = f"{error.name} is missing: pip install 'open-segments\\[testing]'."
        raise AppError(ErrorCode.UNAVAILABLE, message) from error
    faulty = bool(refused)
    with Progress(console=err, transient=True) as progress, without_log():
        task = progress.add_task("Checking", total=len(registry.criteria))
        for key, criterion in registry.criteria.items():
            progress.update(task, description=f"Checking {key}")
            found = list(findings(criterion, tables=registry.tables))
            faulty = faulty or bool(found)
            progress.console.print(
                escape(report(criterion, found)) if found else f"{key} keeps the contract."
            )
            progress.advance(task)
    if faulty:
        raise typer.Exit(1)
    if not registry.criteria:
        out.print(f"{escape(distribution)} has no criteria.")


def _normalize(name: str) -> str:
    """Return a distribution's name in the normal form of PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _load(distribution: str) -> Registry:
    """Load the plugins of a distribution, or raise NOT_FOUND if it has none.

    Raises:
        PluginError: A server would refuse one of them.
    """
    from importlib.metadata import entry_points

    from graphql_app.criteria.hooks import ENTRY_POINT_GROUP
    from graphql_app.plugin_discovery import load
    from graphql_app.startup.plugins import CHECKS

    points = {
        point: _normalize(point.dist.name)
        for point in entry_points(group=ENTRY_POINT_GROUP)
        if point.dist is not None
    }
    own = [point for point, name in points.items() if name == _normalize(distribution)]
    if not own:
        raise AppError(
            ErrorCode.NOT_FOUND,
            f"No installed package {distribution!r} has plugins; these have: "
            f"{', '.join(sorted(set(points.values())))}.",
        )
    return load(own, checks=CHECKS.declarations)
