"""Try plugins in a temporary store, so that commands can check them without touching facts."""

from __future__ import annotations

import logging
from pathlib import Path
from tempfile import TemporaryDirectory

from graphql_app.audience.store import Audience
from graphql_app.plugins import Registry
from graphql_app.startup.plugins import accept_in_store


def try_plugins(registry: Registry) -> Registry:
    """Return the registry without the plugins that fail with an audience."""
    logging.disable()  # the commands print the failures, with more detail
    with TemporaryDirectory() as directory:
        path = Path(directory).resolve() / "audience"
        audience = Audience(f"clickhousedb://?interface=chdb&path={path}")
        try:
            return accept_in_store(audience, registry, strict=False)
        finally:
            audience.close()
