"""The format of a backup: a directory that gets its name only when it is complete.

::

    manifest.json              versions, tables and row counts
    catalog/segment.ndjson     the catalog's rows, one file per table
    audience/orders.parquet    the facts, one file per table with rows; each row group has one shop
    SHA256SUMS                 checksums, which ``sha256sum --check`` can read
"""

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

# Called often with the phase, the number of finished steps and their total. It may raise to cancel.
Progress: TypeAlias = Callable[[str, int, int], None]

HASH_BLOCK_BYTES = 1024**2


class BackupError(AppError):
    """A backup cannot be created or restored; the message says why and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.INVALID, message)


class Table(BaseModel):
    """A table of facts in a backup: the types of its columns, its key and its number of rows."""

    model_config = ConfigDict(frozen=True)

    columns: dict[str, str]
    key: tuple[str, ...]
    rows: int

    def to_fact_table(self, name: str) -> FactTable:
        return FactTable(name, self.columns, self.key)


class Manifest(BaseModel):
    """The contents of a backup. ``catalog`` has the number of rows by table."""

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
    return directory / "catalog" / f"{table}.ndjson"


def audience_file(directory: Path, table: str) -> Path:
    return directory / "audience" / f"{table}.parquet"


@contextmanager
def new_directory(path: Path, progress: Progress) -> Iterator[Path]:
    """Yield a temporary directory, and give it its name once all files are on disk.

    If the block raises, the directory is deleted.

    Raises:
        BackupError: The path exists or cannot be written.
    """
    path = Path(os.path.abspath(path))
    if path.exists() or path.is_symlink():
        raise BackupError(f"{path} already exists: give the backup another name.")
    if not path.parent.is_dir():
        raise BackupError(f"{path.parent} does not exist: create the directory, or mount its disk.")
    unfinished = None
    try:
        # mkdtemp makes it readable by its owner only, and thereby all files in it.
        unfinished = Path(tempfile.mkdtemp(prefix=f".{path.name}.unfinished-", dir=path.parent))
        for file_of in (catalog_file, audience_file):
            file_of(unfinished, "").parent.mkdir(mode=0o700)
        yield unfinished
        files = sorted(file for file in unfinished.rglob("*.*") if file.is_file())
        sums = ""
        for done, file in enumerate(files):
            digest = _hash_file(file, partial(progress, "Sums", done, len(files)))
            sums += f"{digest}  {file.relative_to(unfinished).as_posix()}\n"
            _sync(file)
        progress("Sums", len(files), len(files))
        (unfinished / SUMS).write_text(sums)
        _sync(unfinished / SUMS)
        for directory in {*(file.parent for file in files), unfinished}:
            _sync(directory)
        unfinished.rename(path)
        _sync(path.parent)
    except (OSError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or error
        raise BackupError(
            f"The backup cannot be written to {path.parent} ({reason}): free some space, or choose "
            "another directory. The incomplete backup was deleted."
        ) from error
    finally:
        if unfinished is not None:
            shutil.rmtree(unfinished, ignore_errors=True)


def _hash_file(file: Path, report: Callable[[], None]) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while block := content.read(HASH_BLOCK_BYTES):
            report()
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
    """Check that a backup is complete and undamaged, and that this version can read it.

    Return its manifest, and a hash that identifies the backup.

    Raises:
        BackupError: The backup is damaged, incomplete or of a newer version.
    """
    try:
        checksums = (path / SUMS).read_text()
        lines = [line.split("  ", 1) for line in checksums.splitlines()]
        sums = {name: digest for digest, name in lines}
        for done, (name, digest) in enumerate(sums.items()):
            if _hash_file(path / name, partial(progress, "Checking", done, len(sums))) != digest:
                raise BackupError(
                    f"{path / name} does not match its checksum: the backup is damaged. Nothing "
                    "was restored; use another copy of the backup."
                )
        progress("Checking", len(sums), len(sums))
        manifest = _parse_manifest((path / MANIFEST).read_text(), path)
        required = [
            path / MANIFEST,
            *(catalog_file(path, table) for table in manifest.catalog),
            *(audience_file(path, name) for name, each in manifest.audience.items() if each.rows),
        ]
        for file in required:
            if file.relative_to(path).as_posix() not in sums:
                raise BackupError(
                    f"{path / SUMS} does not list {file.name}: the backup is damaged. Use another "
                    "copy of the backup."
                )
    except FileNotFoundError as error:
        message = f"{error.filename} is missing: {path} is not a complete backup. Use another copy."
        raise BackupError(message) from error
    except OSError as error:
        message = f"{error.filename or path} cannot be read: {error.strerror}; check permissions."
        raise BackupError(message) from error
    except (ValueError, KeyError, TypeError) as error:
        raise BackupError(f"The backup {path} is damaged. Use another copy of it.") from error
    return manifest, hashlib.sha256(checksums.encode()).hexdigest()


def _parse_manifest(text: str, path: Path) -> Manifest:
    found = json.loads(text)
    if found["format"] > FORMAT or found["revision"] not in list_revisions():
        raise BackupError(
            f"{path} was created by the newer version {found['product']}, and this version is "
            f"{version(PRODUCT)}: restore it with {found['product']} or later."
        )
    return Manifest.model_validate(found)
