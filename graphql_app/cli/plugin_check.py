"""The command ``segments plugins check``: whether a package's criteria keep the contract."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import Progress

from graphql_app.cli.console import err, out
from graphql_app.cli.plugin_trial import tried
from graphql_app.criteria.hooks import ENTRY_POINT_GROUP
from graphql_app.errors import AppError, ErrorCode
from graphql_app.plugin_discovery import load
from graphql_app.plugins import Registry
from graphql_app.startup.plugins import installed_plugins


def check_command(
    distribution: Annotated[str, typer.Argument(help="The package, as pip knows it.")],
) -> None:
    """Check every criterion of an installed package on generated shops; status 1 on any fault."""
    registry = _registry(distribution)
    refused = [
        failure
        for failure in tried(installed_plugins(strict=False)).failures
        if _same(failure.plugin.distribution, distribution)
    ]
    for failure in refused:
        out.print(f"The host refuses it: {escape(str(failure))}")
    try:
        from graphql_app.testing import (  # noqa: PLC0415 - what it needs may not be installed
            findings,
            report,
        )
    except ModuleNotFoundError as error:
        raise AppError(
            ErrorCode.UNAVAILABLE,
            f"{error.name} is missing: pip install 'open-segments\\[testing]'.",
        ) from error
    faulty = bool(refused)
    with Progress(console=err, transient=True) as progress:
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


def _same(name: str, other: str) -> bool:
    """Whether two names are one to pip (PEP 503)."""
    plain = re.compile(r"[-_.]+")
    return plain.sub("-", name).lower() == plain.sub("-", other).lower()


def _registry(distribution: str) -> Registry:
    """What a distribution supplies.

    Raises:
        AppError: It is not installed, or supplies nothing.
        PluginError: The host would refuse a plugin of it.
    """
    points = entry_points(group=ENTRY_POINT_GROUP)
    named = {point.dist.name: point.dist for point in points if point.dist is not None}
    own = [point for point in points if point.dist and _same(point.dist.name, distribution)]
    if not own:
        raise AppError(
            ErrorCode.NOT_FOUND,
            f"No plugin of a package {distribution!r} is installed; there are plugins of "
            f"{', '.join(sorted(named))}.",
        )
    return load(own)
