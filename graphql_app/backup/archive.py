"""A backup on disk: a directory that is there whole or not at all.

::

    manifest.json              what is in it
    catalog/segment.ndjson     the catalog's rows, a file for each table
    audience/orders.parquet    the facts, a file for each table that has any, in row groups of one
                               shop each
    SHA256SUMS                 of every file, for ``sha256sum --check`` too
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from graphql_app.audience.table_reader import FactTable
from graphql_app.catalog.migrate import list_revisions
from graphql_app.errors import AppError, ErrorCode

FORMAT = 1
PRODUCT = "open-segments"

MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"

# Is told what is being done, how much of it is, and of how much; often, so that it may end it.
Progress: TypeAlias = Callable[[str, int, int], None]

HASHED_AT_ONCE = 1024**2


class BackupError(AppError):
    """A backup that cannot be taken or restored; the message says why and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.INVALID, message)


class Table(BaseModel):
    """A table of facts: its columns' types, its key, and how many rows there are."""

    model_config = ConfigDict(frozen=True)

    columns: dict[str, str]
    key: tuple[str, ...]
    rows: int

    def on_disk(self, name: str) -> FactTable:
        """The table as a store has it."""
        return FactTable(name, self.columns, self.key)


class Manifest(BaseModel):
    """What a backup holds: rows by table, of stores that may be of any kind."""

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    product: str = version(PRODUCT)
    begun: datetime
    ended: datetime
    revision: str
    shops: int
    catalog: dict[str, int]
    audience: dict[str, Table]


def catalog_file(directory: Path, table: str) -> Path:
    """Where the rows of a table of the catalog are."""
    return directory / "catalog" / f"{table}.ndjson"


def audience_file(directory: Path, table: str) -> Path:
    """Where the rows of a table of facts are."""
    return directory / "audience" / f"{table}.parquet"


@contextmanager
def new_directory(path: Path, progress: Progress) -> Iterator[Path]:
    """A directory to write a backup to, which has its name at the end if all went well.

    Args:
        path: The directory.
        progress: Is told at the end how many files are on disk, with their sums.

    Raises:
        BackupError: There is something of that name, or it cannot be written.
    """
    path = Path(os.path.abspath(path))
    if path.exists() or path.is_symlink():
        raise BackupError(f"There is something at {path} already: give the backup another name.")
    if not path.parent.is_dir():
        raise BackupError(f"There is no directory {path.parent}: make it, or mount what it is on.")
    unfinished = None
    try:
        # It is for its owner's eyes alone, and so are all files in it.
        unfinished = Path(tempfile.mkdtemp(prefix=f".{path.name}.unfinished-", dir=path.parent))
        for part in (catalog_file, audience_file):
            part(unfinished, "").parent.mkdir(mode=0o700)
        yield unfinished
        files = _files(unfinished)
        sums = ""
        for done, (name, file) in enumerate(files):
            sums += f"{_digest(file, partial(progress, 'Sums', done, len(files)))}  {name}\n"
            _sync(file)
        progress("Sums", len(files), len(files))
        (unfinished / SUMS).write_text(sums)
        _sync(unfinished / SUMS)
        for directory in {*(file.parent for _, file in files), unfinished}:
            _sync(directory)
        unfinished.rename(path)
        _sync(path.parent)
    except (OSError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or error
        raise BackupError(
            f"The backup cannot be written to {path.parent} ({reason}): nothing was left there. "
            "Make room, or name another place."
        ) from error
    finally:
        if unfinished is not None:
            shutil.rmtree(unfinished, ignore_errors=True)


def _files(directory: Path) -> list[tuple[str, Path]]:
    """The files of a backup but for their sums, by their paths in it."""
    found = {file.relative_to(directory).as_posix(): file for file in directory.rglob("*.*")}
    return [(name, found[name]) for name in sorted(found) if found[name].is_file()]


def _digest(file: Path, tell: Callable[[], None]) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while block := opened.read(HASHED_AT_ONCE):
            tell()
            digest.update(block)
    return digest.hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_backup(
    path: Path, progress: Progress = lambda what, done, total: None
) -> tuple[Manifest, str]:
    """Check that a backup is whole, byte by byte, and that this version can read it.

    Returns:
        What is in it, and what tells it from all others.

    Raises:
        BackupError: It is not.
    """
    try:
        listed = (path / SUMS).read_text()
        lines = [line.split("  ", 1) for line in listed.splitlines()]
        sums = {name: digest for digest, name in lines}
        for done, (name, digest) in enumerate(sums.items()):
            if _digest(path / name, partial(progress, "Checking", done, len(sums))) != digest:
                raise BackupError(
                    f"{path / name} is not as it was written: the backup is damaged. Nothing of "
                    "it was used; take another copy of it."
                )
        progress("Checking", len(sums), len(sums))
        manifest = _manifest((path / MANIFEST).read_text(), path)
        wanted = [
            path / MANIFEST,
            *(catalog_file(path, table) for table in manifest.catalog),
            *(audience_file(path, name) for name, each in manifest.audience.items() if each.rows),
        ]
        for file in wanted:
            if file.relative_to(path).as_posix() not in sums:
                raise BackupError(f"{path / SUMS} lacks {file.name}: the backup is damaged.")
    except FileNotFoundError as error:
        raise BackupError(
            f"{error.filename} is missing: {path} is no backup, or not all of one."
        ) from error
    except OSError as error:
        raise BackupError(f"{error.filename or path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{path} cannot be read as a backup: it is damaged.") from error
    return manifest, hashlib.sha256(listed.encode()).hexdigest()


def _manifest(text: str, path: Path) -> Manifest:
    found = json.loads(text)
    if found["format"] > FORMAT or found["revision"] not in list_revisions():
        raise BackupError(
            f"{path} is of a newer version, {found['product']}, than this one, {version(PRODUCT)}: "
            "restore it with that version or a later one."
        )
    return Manifest.model_validate(found)
