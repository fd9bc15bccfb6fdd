"""What the commands share: where they print, and their options."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

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
