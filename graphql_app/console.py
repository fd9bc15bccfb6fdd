"""What the commands share: where they print, and the option that names a shop."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

ShopOption = Annotated[str, typer.Option("--shop", help="The shop's handle.")]
