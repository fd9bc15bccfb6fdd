"""What the commands share: consoles, options, progress bars and the settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from graphql_app.errors import ErrorCode, InvalidInputError, Problem

if TYPE_CHECKING:
    from graphql_app.settings import Settings

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

StrictOption = Annotated[
    bool | None,
    typer.Option(
        "--strict-plugins/--no-strict-plugins",
        help="Refuse to start if a plugin cannot be used, or start without it. Default: "
        "STRICT_PLUGINS.",
        show_default=False,
    ),
]
ShopOption = Annotated[str, typer.Option("--shop", help="The shop's handle.")]


def print_error(message: str) -> None:
    err.print(f"[red]Error:[/red] {escape(message)}")


def read_settings(**overrides: Any) -> Settings:
    """Read the settings from the environment.

    Raises:
        InvalidInputError: The messages name each invalid setting, not its value: it may be secret.
    """
    from pydantic import ValidationError

    from graphql_app.settings import Settings

    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise InvalidInputError(
            Problem(ErrorCode.INVALID, f"{name}: {detail['msg']}" if name else detail["msg"])
            for detail in error.errors()
            for name in ["_".join(map(str, detail["loc"])).upper()]
        ) from error


def configure(**overrides: Any) -> Settings:
    """Read the settings, and set up logging as they say."""
    from graphql_app.observability import logs

    settings = read_settings(**overrides)
    logs.configure(settings)
    return settings


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int | None], None]]:
    """Yield a function that draws a bar per phase, from its name, done and total."""
    from rich import progress

    with progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeRemainingColumn(),
        console=err,
    ) as bars:
        tasks: dict[str, progress.TaskID] = {}

        def draw(phase: str, done: int, total: int | None) -> None:
            if phase not in tasks:
                tasks[phase] = bars.add_task(phase, total=total)
            bars.update(tasks[phase], completed=done, total=total)

        yield draw
