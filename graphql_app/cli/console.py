"""What the commands share: where they print, and their options."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

StrictOption = Annotated[
    bool | None,
    typer.Option(
        "--strict-plugins/--no-strict-plugins",
        help="Refuse to start where a plugin cannot be used, or leave it out; STRICT_PLUGINS when "
        "not given.",
        show_default=False,
    ),
]
ShopOption = Annotated[str, typer.Option("--shop", help="The shop's handle.")]


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int | None], None]]:
    """A bar for each phase of what takes a while."""
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


def wrong_settings(error: ValidationError) -> Iterator[str]:
    """What is wrong with each setting; not its value, which may be a secret."""
    for detail in error.errors():
        name = "_".join(map(str, detail["loc"])).upper()
        yield f"{name}: {detail['msg']}" if name else detail["msg"]
