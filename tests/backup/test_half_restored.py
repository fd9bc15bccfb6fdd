"""An interrupted restore marks the stores as unfinished and can be run again."""

import signal
from pathlib import Path
from secrets import token_hex

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
from tests.backup.interrupted import back_up_on_full_disk, restore_half
from tests.e2e import preloaded, process
from tests.factories import contact, contacts


@pytest.fixture(scope="module")
def backup_of_nothing(
    create_installation: CreateInstallation, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("empty") / "backup"
    installation = create_installation()
    with installation.serving():
        installation.back_up(path)
    return path


@pytest.mark.parametrize("at", [1, 4, -1])
def test_a_partly_restored_store_is_refused_and_can_be_restored_again(
    source: Source,
    backup: Path,
    backup_of_nothing: Path,
    create_installation: CreateInstallation,
    at: int,
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
    with pytest.raises(BackupError, match="restore of another backup"):
        target.restore(backup_of_nothing)
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
            server.shop().record("contactsUpsert", contacts(1))
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
    with preloaded.call(restore_half, process.environment(data), str(backup)) as dying:
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


def test_a_full_disk_is_reported_and_nothing_is_left(
    create_installation: CreateInstallation, tmp_path: Path
) -> None:
    installation = create_installation()
    with installation.serving() as server:
        large = [contact(number, properties={"key": token_hex(8_000)}) for number in range(40)]
        server.shop().record("contactsUpsert", large)
        installation.back_up(tmp_path / "large")
    data, directory = tmp_path / "data", tmp_path / "backups"
    directory.mkdir()
    process.segments(data, "restore", str(tmp_path / "large"))
    environment, room = process.environment(data), "200000"
    with preloaded.call(
        back_up_on_full_disk, environment, str(directory / "backup"), room
    ) as limited:
        status, output = limited.wait()
    assert status == 1
    assert "cannot be written" in output
    assert "Traceback" not in output
    assert [*directory.iterdir()] == []
    output = process.segments(data, "backup", str(directory / "backup"))  # without the limit
    assert "Backed up 1 shop with 40 rows of facts" in output
