"""Backups and restores that processes of their own run, and that cannot finish."""

import os
import resource
import signal
from pathlib import Path

from graphql_app.backup import restore_backup
from graphql_app.settings import Settings
from graphql_app.startup.audience import open_audience
from graphql_app.startup.catalog import open_unchecked_catalog
from tests.e2e import preloaded


def restore_half(backup: str) -> None:
    """Restore like the command, and die after half of the rows."""

    def progress(phase: str, done: int, total: int) -> None:
        if phase == "Facts" and done >= total / 2:
            os.kill(os.getpid(), signal.SIGKILL)

    with open_unchecked_catalog(Settings()) as catalog, open_audience(Settings()) as audience:
        restore_backup(Path(backup), catalog, audience, progress)


def back_up_on_full_disk(backup: str, room: str) -> None:
    """Run the command; it can write no file of more than ``room`` bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(room), int(room)))
    preloaded.run_command("backup", backup)
