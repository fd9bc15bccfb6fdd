"""What the commands share: consoles, options, progress bars and the settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

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


def read_settings(**overrides: Any) -> Settings:
    """Read the settings from the environment.

    Raises:
        InvalidInputError: With a problem for each invalid setting. The messages name the setting
            but not its value, which may be a secret.
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


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int | None], None]]:
    """Yield a function that draws a bar per phase, from its name, done and total."""
    from rich.progress import (
        BarColumn,
        Progress,
        TaskID,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err) as bars:
        tasks: dict[str, TaskID] = {}

        def progress(phase: str, done: int, total: int | None) -> None:
            if phase not in tasks:
                tasks[phase] = bars.add_task(phase, total=total)
            bars.update(tasks[phase], completed=done, total=total)

        yield progress
