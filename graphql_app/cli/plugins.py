"""``segments plugins``: list and show the installed plugins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from graphql_app.cli.console import out
from graphql_app.cli.plugin_check import check_command
from graphql_app.cli.plugin_new import new_command
from graphql_app.errors import AppError, ErrorCode

if TYPE_CHECKING:
    from graphql_app.criteria import Criterion, FieldSpec, Form
    from graphql_app.plugins import Plugin, Registry

MAX_SHOWN = 8

plugins_app = typer.Typer(no_args_is_help=True, help="Plugins, which provide the criteria.")
plugins_app.command("check")(check_command)
plugins_app.command("new")(new_command)


@plugins_app.command("list")
def list_command() -> None:
    """List the criteria, the plugins' tables, and the plugins that cannot be used.

    Exits with status 1 if a plugin cannot be used, so you can run it before you start a server.
    Tries the plugins in a temporary store and does not touch the shops' facts.
    """
    from rich.table import Table

    from graphql_app.cli.plugin_trial import try_plugins

    registry = try_plugins()
    criteria = Table()
    for column in ("criterion", "label", "operators", "plugin"):
        criteria.add_column(column, no_wrap=column in {"criterion", "plugin"}, overflow="fold")
    for key, criterion in registry.criteria.items():
        source = _distribution(registry.sources[key])
        criteria.add_row(key, escape(criterion.label), ", ".join(criterion.operators()), source)
    out.print(criteria)
    tables = Table("table", "plugin")
    for plugin, contribution in registry.contributions.items():
        for table in contribution.tables:
            tables.add_row(table.__tablename__, _distribution(plugin))
    if tables.rows:
        out.print(tables)
    if registry.failures:
        out.print(
            "\n[red]These plugins cannot be used[/red]; with STRICT_PLUGINS=true a server does "
            "not start:"
        )
        for failure in registry.failures:
            out.print(f"- {escape(str(failure))}")
        raise typer.Exit(1)


@plugins_app.command("show")
def show_command(
    key: Annotated[str, typer.Argument(help="The criterion's key in rules, such as spend.")],
) -> None:
    """Show a criterion's operators and fields, with an example."""
    import json

    from graphql_app.criteria import example
    from graphql_app.startup.plugins import declared_plugins

    registry = declared_plugins(strict=False)
    criterion = _find_criterion(registry, key)
    out.print(f"[bold]{escape(criterion.label)}[/bold]: {escape(criterion.description())}\n")
    out.print(f"group      {criterion.group}")
    out.print(f"plugin     {escape(str(registry.sources[key]))}")
    out.print(f"operators  {', '.join(criterion.operators())}")
    out.print("fields")
    for name, spec in _fields(criterion):
        out.print(f"  [bold]{name}[/bold]: {escape('; '.join(_describe(spec)))}")
    out.print("\nFor example:\n")
    out.print(escape(json.dumps(example(criterion), indent=2, ensure_ascii=False)))


def _find_criterion(registry: Registry, key: str) -> type[Criterion]:
    """Return the criterion of a key, or raise UNKNOWN_CRITERION with the most similar keys."""
    from difflib import get_close_matches

    found = registry.criteria.get(key)
    if found is not None:
        return found
    folded = {known.casefold(): known for known in registry.criteria}
    near = [folded[name] for name in get_close_matches(key.casefold(), folded)]
    message = f"Unknown criterion {key!r}."
    message += f" Did you mean {' or '.join(near)}?" if near else " List all: segments plugins list"
    if registry.left_out:
        message += f" These plugins cannot be used: {registry.left_out}."
    raise AppError(ErrorCode.UNKNOWN_CRITERION, message)


def _distribution(plugin: Plugin) -> str:
    return escape(f"{plugin.distribution} {plugin.version}")


def _fields(form: type[Form], prefix: str = "") -> Iterator[tuple[str, FieldSpec]]:
    """Yield a form's fields, each followed by those of its conditions."""
    for spec in form.fields():
        yield prefix + spec.name, spec
        if spec.condition is not None:
            yield from _fields(spec.condition, f"{prefix}{spec.name}.")


def _describe(spec: FieldSpec) -> Iterator[str]:
    kind = spec.type
    yield spec.form.label
    yield f"{kind.kind}{'' if spec.required else ', optional'}"
    if spec.most is not None:
        yield f"1 to {spec.most:,} of them"
    if kind.minimum is not None and kind.maximum is not None:
        yield f"{kind.minimum} to {kind.maximum}"
    if "maxLength" in kind.json_schema:
        yield f"at most {kind.json_schema['maxLength']} characters"
    if kind.options:
        more = f" and {len(kind.options) - MAX_SHOWN} more" if len(kind.options) > MAX_SHOWN else ""
        yield ", ".join(option.value for option in kind.options[:MAX_SHOWN]) + more
    if spec.form.used_with is not None:
        yield f"with {', '.join(spec.used_with)}"
    if spec.form.description:
        yield spec.form.description
