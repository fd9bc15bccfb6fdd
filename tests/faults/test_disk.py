"""Full and read-only disks: errors are clear, and nothing is lost."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.client import record_mutation
from tests.e2e import process
from tests.e2e.process import Running
from tests.factories import contact
from tests.faults.concurrency import CREATE

CONTACTS = record_mutation("contactsUpsert")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a new file system of 64 MiB."""
    if os.geteuid() != 0:
        pytest.fail(
            "This test mounts file systems: unshare -rm .venv/bin/pytest tests/faults/test_disk.py"
        )
    mounted = tmp_path / "disk"
    mounted.mkdir()
    subprocess.run(
        ["/usr/bin/mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", mounted], check=True
    )
    yield mounted
    subprocess.run(["/usr/bin/umount", "--lazy", mounted], check=True)


def _remount(disk: Path, options: str) -> None:
    subprocess.run(["/usr/bin/mount", "-o", f"remount,{options}", disk], check=True)


def _contacts(first: int, size: int = 1_000) -> list[dict[str, Any]]:
    """Return contacts with incompressible properties."""
    return [
        contact(first + number, properties={"noise": os.urandom(512).hex()})
        for number in range(size)
    ]


def _members(running: Running, token: str) -> int:
    return running.client(token).members({"all": []})


def test_a_full_disk_refuses_writes_and_loses_none(disk: Path) -> None:
    data = disk / "data"
    process.segments(data, "shop", "create", "acme")
    token = process.token(data, "acme")
    with process.server(data) as running:
        recorded = 0
        for _ in range(200):
            answer = running.client(token).post(CONTACTS, {"items": _contacts(recorded)}).json()
            if "errors" in answer:
                break
            recorded += 1_000
        else:
            raise AssertionError("the disk is not full")
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["UNAVAILABLE"]
        (disk / "filling").write_bytes(b"x" * _free(disk))
        refused = running.client(token).errors(CREATE, name="New")
        assert [error["extensions"]["code"] for error in refused] == ["UNAVAILABLE"]
        assert _members(running, token) == recorded
        (disk / "filling").unlink()
        _remount(disk, "size=256m")
        running.client(token).record("contactsUpsert", _contacts(recorded))
        assert running.client(token).ask(CREATE, name="New")["segmentCreate"]["userErrors"] == []
        assert _members(running, token) == recorded + 1_000
    with process.server(data) as running:
        assert _members(running, token) == recorded + 1_000


def _free(disk: Path) -> int:
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize


@contextmanager
def _read_only(disk: Path) -> Iterator[None]:
    """Make the disk read-only, as ``_remount`` cannot do with a disk in use."""
    subprocess.run(["/usr/bin/mount", "--bind", disk, disk], check=True)
    _remount(disk, "bind,ro")
    try:
        yield
    finally:
        subprocess.run(["/usr/bin/umount", disk], check=True)


def test_a_disk_that_becomes_read_only_refuses_facts_and_loses_none(disk: Path) -> None:
    data = disk / "data"
    process.segments(data, "shop", "create", "acme")
    token = process.token(data, "acme")
    with process.server(data) as running:
        running.client(token).record("contactsUpsert", _contacts(1))
        with _read_only(disk):
            refused = running.client(token).errors(CONTACTS, items=_contacts(2_001))
            assert [error["extensions"]["code"] for error in refused] == ["UNAVAILABLE"]
            assert _members(running, token) == 1_000
        running.client(token).record("contactsUpsert", _contacts(1_001))
        assert _members(running, token) == 2_000
    with process.server(data) as running:
        assert _members(running, token) == 2_000


def test_a_read_only_disk_is_reported_at_startup(disk: Path) -> None:
    data = disk / "data"
    process.segments(data, "shop", "create", "acme")
    token = process.token(data, "acme")
    with process.server(data) as running:
        running.client(token).record("contactsUpsert", _contacts(1))
    _remount(disk, "ro")
    output = process.segments(data, "serve", status=1, PORT="0")
    assert str(data) in output
    assert "read-only" in output.lower() or "readonly" in output.lower()
    _remount(disk, "rw")
    with process.server(data) as running:
        assert _members(running, token) == 1_000
