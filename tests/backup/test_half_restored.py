"""An interrupted restore marks the stores as unfinished and can be run again."""

import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from graphql_app.audience.journal import Journal
from graphql_app.audience.tables import PARTITIONS
from graphql_app.backup import BackupError, restore_backup
from graphql_app.backup.archive import check_backup
from graphql_app.catalog import dump
from graphql_app.cli.app import app
from graphql_app.errors import AppError
from tests.backup.conftest import CreateInstallation, Source
from tests.e2e import process
from tests.processes import Program

# Restore like the command, and die after a share of the rows.
DYING = """
import os, signal, sys
from pathlib import Path
from graphql_app.startup.audience import open_audience
from graphql_app.startup.catalog import open_unchecked_catalog
from graphql_app.backup import restore_backup
from graphql_app.settings import Settings

def progress(phase, done, total):
    if phase == "Facts" and done >= total * float(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

with open_unchecked_catalog(Settings()) as catalog, open_audience(Settings()) as audience:
    restore_backup(Path(sys.argv[1]), catalog, audience, progress)
"""


@pytest.mark.parametrize("at", [1, 4, -1])
def test_a_partly_restored_store_is_refused_and_can_be_restored_again(
    source: Source, backup: Path, create_installation: CreateInstallation, tmp_path: Path, at: int
) -> None:
    target, calls = create_installation(), 0

    def interrupt(phase: str, done: int, total: int) -> None:
        nonlocal calls
        calls += phase == "Facts"
        if calls == at or (at < 0 and phase == "Facts" and done == total):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore_backup(backup, target.services.catalog, target.services.audience, interrupt)
    assert dump.list_shops(target.services.catalog) == []
    with pytest.raises(AppError, match="a restore did not finish"), target.serving():
        pass
    other = create_installation()
    with other.serving():
        other.back_up(tmp_path / "other")
    with pytest.raises(BackupError, match="restore of another backup"):
        target.restore(tmp_path / "other")
    target.restore(backup)
    assert target.facts() == source.installation.facts()
    with target.serving():
        pass


@pytest.fixture
def backup_of_many_shops(create_installation: CreateInstallation, tmp_path: Path) -> Path:
    """Create a backup of shops whose order by partition differs from their order by id."""
    installation = create_installation()
    with installation.serving() as server:
        for _ in range(PARTITIONS + 1):
            server.shop().record("contactsUpsert", [{"id": "1"}])
        installation.back_up(tmp_path / "many")
    return tmp_path / "many"


def test_a_restore_that_could_not_mark_itself_finished_is_finished(
    backup_of_many_shops: Path, create_installation: CreateInstallation
) -> None:
    backup, target = backup_of_many_shops, create_installation()
    target.restore(backup)
    facts = target.facts()
    _, name = check_backup(backup)
    Journal(target.services.audience).begin_restore(name)
    target.restore(backup)
    assert target.facts() == facts
    with target.serving():
        pass
    with pytest.raises(BackupError, match="catalog already has shops"):
        target.restore(backup)


def test_a_killed_restore_can_be_run_again(backup: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    command = [sys.executable, "-c", DYING, str(backup), "0.5"]
    with Program(command, process.environment(data)) as dying:
        assert dying.wait() == (-signal.SIGKILL, "")
    assert "a restore did not finish" in process.segments(data, "serve", status=1, PORT="0")
    assert "Restored 2 shops with" in process.segments(data, "restore", str(backup))
    process.segments(data, "backup", str(tmp_path / "again"))
    first, second = (check_backup(path)[0] for path in (backup, tmp_path / "again"))
    assert (first.catalog, first.audience) == (second.catalog, second.audience)


def test_the_command_checks_a_backup(backup: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["restore", str(backup), "--check"])
    assert "is complete: 2 shops with" in done.stdout
    done = CliRunner().invoke(app, ["restore", str(tmp_path), "--check"])
    assert isinstance(done.exception, BackupError)


def test_a_full_disk_is_reported_and_nothing_is_left(tmp_path: Path) -> None:
    demo = tmp_path / "data"
    process.segments(demo, "demo")
    directory = tmp_path / "backups"
    directory.mkdir()

    def limit_file_size() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))

    done = subprocess.run(
        [process.SEGMENTS, "backup", directory / "backup"],
        env=process.environment(demo),
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        preexec_fn=limit_file_size,
    )
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert [*directory.iterdir()] == []
    output = process.segments(demo, "backup", str(directory / "backup"))  # without the limit
    assert "Backed up 1 shop with 436,100 rows of facts" in output
