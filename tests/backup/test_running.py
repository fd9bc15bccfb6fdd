"""A running server with the embedded audience creates backups and keeps answering requests."""

import json
import select
import signal
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from graphql_app.backup import BackupError, check_backup, request_backup, serve_backups
from graphql_app.catalog.tables import Shop
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.catalog.tokens import create_token
from graphql_app.plugins import Registry
from graphql_app.segments.default_segments import create_shop
from graphql_app.settings import Settings
from graphql_app.startup.catalog import open_catalog
from tests.backup.conftest import CreateInstallation, Source
from tests.client import HTTP
from tests.e2e import process
from tests.factories import contacts
from tests.processes import wait_until
from tests.schema.operations import EVERYONE
from tests.support import Client


def test_the_command_lets_the_running_server_create_the_backup(
    tmp_path: Path, registry: Registry
) -> None:
    data = tmp_path / "data"
    with open_catalog(Settings(data_dir=data, _env_file=None)) as catalog:
        acme = Shop(handle="acme", name="Acme", timezone="UTC", currency="USD")
        token = create_token(catalog, create_shop(catalog, registry, acme), TokenScope)
    with process.server(data) as running:
        running.client(token).record("contactsUpsert", contacts(1))
        output = process.segments(data, "backup", str(tmp_path / "backup"))
        assert "Backed up 1 shop with 1 rows of facts" in output
        assert (data / "backup.sock").stat().st_mode & 0o777 == 0o600
        assert HTTP.get(f"{running.address}/health").json() == {"status": "ok"}
        status, output = running.stop(signal.SIGTERM)
        assert (status, "Traceback" in output) == (0, False)
    assert not (data / "backup.sock").exists()
    check_backup(tmp_path / "backup")


def ignore(*progress: object) -> None:
    """Do nothing with the progress."""


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def test_the_client_receives_progress_and_errors(
    source: Source, data_dir: Path, tmp_path: Path
) -> None:
    services, calls = source.installation.services, []
    with serve_backups(data_dir, services.catalog, services.audience, services.recorder):
        manifest = request_backup(data_dir, tmp_path / "backup", lambda *step: calls.append(step))
        assert manifest is not None
        assert manifest.shops == 2
        assert calls[:3] == [("Shops", 0, 2), ("Shops", 1, 2), ("Shops", 2, 2)]
        files = len([*(tmp_path / "backup").rglob("*.*")])
        assert {phase for phase, *_ in calls[3:]} == {"Sums"}
        assert calls[-1] == ("Sums", files, files)
        with pytest.raises(BackupError, match="already"):
            request_backup(data_dir, tmp_path / "backup", ignore)
        with socket.socket(socket.AF_UNIX) as confused:
            confused.connect(str(data_dir / "backup.sock"))
            confused.sendall(b"what?\n")
            assert b"not a request for a backup" in confused.recv(1000)
    assert request_backup(data_dir, tmp_path / "other", ignore) is None


def test_an_unexpected_error_is_logged_under_the_number_in_the_message(
    create_installation: CreateInstallation,
    data_dir: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    installation = create_installation()
    with installation.serving() as server:
        server.shop()
        services = installation.services
        with services.catalog.write() as session:
            session.connection().execute(text("UPDATE shop SET created_at = 'never'"))
        with (
            serve_backups(data_dir, services.catalog, services.audience, services.recorder),
            pytest.raises(BackupError, match=r"on our side\. Search the log") as failed,
        ):
            request_backup(data_dir, tmp_path / "backup", ignore)
    number = str(failed.value).rstrip(".").rpartition(" ")[2]
    [logged] = [record for record in caplog.records if number in record.getMessage()]
    assert logged.exc_info is not None
    assert logged.exc_info[0] is ValueError
    assert [*tmp_path.iterdir()] == [data_dir]


def _accept_none(listener: socket.socket) -> None:
    """Do nothing, like a server that is busy with another backup."""


def _send_half_a_line(listener: socket.socket) -> None:
    with listener.accept()[0] as accepted, accepted.makefile("rb") as request:
        request.readline()
        accepted.sendall(b'{"progress": ["Shops", 0, 2]}\n{"prog')


@pytest.mark.parametrize("serve", [_accept_none, _send_half_a_line])
def test_the_client_reports_a_server_that_stops(
    data_dir: Path, tmp_path: Path, serve: Callable[[socket.socket], None]
) -> None:
    def stop(listener: socket.socket) -> None:
        with listener:
            select.select([listener], [], [])
            serve(listener)

    stopping = socket.socket(socket.AF_UNIX)
    stopping.bind(str(data_dir / "backup.sock"))
    stopping.listen()
    thread = threading.Thread(target=stop, args=(stopping,))
    thread.start()
    with pytest.raises(BackupError, match="The server stopped before the backup was complete"):
        request_backup(data_dir, tmp_path / "backup", ignore)
    thread.join()


def test_a_client_that_disconnects_cancels_its_backup(
    source: Source, data_dir: Path, tmp_path: Path
) -> None:
    services = source.installation.services

    def interrupt(*progress: object) -> None:
        raise KeyboardInterrupt

    with serve_backups(data_dir, services.catalog, services.audience, services.recorder):
        with pytest.raises(KeyboardInterrupt):
            request_backup(data_dir, tmp_path / "given-up", interrupt)
        # The server creates one backup at a time, so this one starts after the cancelled one.
        assert request_backup(data_dir, tmp_path / "next", ignore)
        assert {path.name for path in tmp_path.iterdir()} <= {"data", "next", "given-up"}


def test_a_client_that_disconnects_cancels_its_backup_within_a_shop(
    create_installation: CreateInstallation,
    data_dir: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    installation = create_installation()
    with installation.serving() as server:
        services, shop = installation.services, server.shop()
        shop.record("contactsUpsert", contacts(1))
        with serve_backups(data_dir, services.catalog, services.audience, services.recorder):
            with (
                services.recorder.hold_write_lock(shop.shop_id),
                socket.socket(socket.AF_UNIX) as client,
            ):
                client.connect(str(data_dir / "backup.sock"))
                client.sendall(json.dumps({"directory": str(tmp_path / "given-up")}).encode())
                client.sendall(b"\n")
                assert b"Shops" in client.recv(1000)
                # A backup that continues to the second table fails and is logged.
                services.audience.command("RENAME TABLE orders TO orders_away")
            with pytest.raises(BackupError, match="already"):  # after the cancelled backup
                request_backup(data_dir, data_dir, ignore)
        services.audience.command("RENAME TABLE orders_away TO orders")
        assert "the audience store failed" not in caplog.text
        assert [*tmp_path.iterdir()] == [data_dir]


def test_a_stale_socket_is_replaced(source: Source, data_dir: Path, tmp_path: Path) -> None:
    services = source.installation.services
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(data_dir / "backup.sock"))
    assert request_backup(data_dir, tmp_path / "backup", ignore) is None
    with serve_backups(data_dir, services.catalog, services.audience, services.recorder):
        assert request_backup(data_dir, tmp_path / "backup", ignore)


def test_a_server_runs_without_a_socket_if_none_can_be_created(
    source: Source, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    services = source.installation.services
    deep = tmp_path / ("x" * 120)
    deep.mkdir()
    with serve_backups(deep, services.catalog, services.audience, services.recorder):
        assert "no backups while this server runs" in caplog.text
    assert request_backup(deep, tmp_path / "backup", ignore) is None


def _record(shop: Client) -> None:
    shop.record("contactsUpsert", contacts(1))


def test_writes_waiting_for_a_backup_do_not_block_other_requests(
    create_installation: CreateInstallation,
) -> None:
    installation = create_installation()
    with installation.serving() as server:
        busy, other = server.shop(), server.shop()
        with ThreadPoolExecutor(12) as pool:
            with installation.services.recorder.quiesce(busy.shop_id):
                writes = [pool.submit(_record, busy) for _ in range(12)]
                _record(other)
                assert other.members(EVERYONE) == 1
                assert busy.members(EVERYONE) == 0
                assert not any(write.done() for write in writes)
            assert [write.result() for write in writes] == [None] * 12
        assert busy.members(EVERYONE) == 1


def test_writes_waiting_for_another_process_do_not_block_other_requests(
    create_installation: CreateInstallation,
) -> None:
    installation = create_installation()
    with installation.serving() as server:
        busy, other, services = server.shop(), server.shop(), installation.services
        with ThreadPoolExecutor(12) as pool:
            # As if another process held the lock.
            with services.recorder.hold_write_lock(busy.shop_id):
                writes = [pool.submit(_record, busy) for _ in range(12)]
                half = services.workers.total_tokens // 2
                wait_until(lambda: services.workers.borrowed_tokens >= half)
                for _ in range(20):
                    _record(other)
                assert other.members(EVERYONE) == 1
                assert not any(write.done() for write in writes)
            assert [write.result() for write in writes] == [None] * 12
