"""Opening a file to import: decompressing it, and decoding its text."""

import codecs
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from graphql_app.audience.importers.report import bad_file
from graphql_app.errors import InvalidInputError

PARQUET_MAGIC = b"PAR1"
_GZIP, _ZIP = b"\x1f\x8b", (b"PK\x03\x04", b"PK\x05\x06")  # the second one of an empty archive
_OTHER_COMPRESSION = {
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
}
_WORKBOOK = "xl/workbook.xml"  # the archive is a spreadsheet

# Byte order marks; that of UTF-32 begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_ESCAPED = re.compile("[\udc80-\udcff]")
ENOUGH = 1_000  # bytes, below which a guess is wrong more often than not
SAMPLE = 65_536  # bytes whose encoding is detected


@dataclass(frozen=True, slots=True)
class InputFile:
    """An open file.

    Attributes:
        path: Where it is.
        name: The name of its content: without ``.gz``, or that of the file in an archive.
        size: Its size in bytes, compressed if it is.
        content: Its bytes, decompressed.
    """

    path: Path
    name: str
    size: int
    content: IO[bytes]
    _raw: IO[bytes]

    @property
    def suffix(self) -> str:
        return Path(self.name).suffix.lower()

    @property
    def stem(self) -> str:
        return Path(self.name).stem

    def progress(self) -> int:
        """Return how many of the ``size`` bytes have been read."""
        return self._raw.tell()


@contextmanager
def open_input(path: Path) -> Iterator[InputFile]:
    """Open a file, compressed with gzip, in a ZIP archive of its own, or as it is.

    Raises:
        InvalidInputError: It is not a file, is empty, or is an archive of several files.
    """
    if path.is_dir():
        raise bad_file(path, "is a directory; choose a file in it.")
    if path.exists() and not path.is_file():
        raise bad_file(path, "is not a regular file; save its contents to a file first.")
    with path.open("rb") as raw:
        yield _decompressed(path, raw)


@contextmanager
def translate_read_errors(path: Path) -> Iterator[None]:
    """Raise InvalidInputError if a file cannot be read, or its compressed content is damaged."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zipfile.BadZipFile, zlib.error) as error:
        raise bad_file(path, f"is damaged or incomplete: {error}.") from None
    except OSError as error:
        raise bad_file(path, f"cannot be read: {error.strerror or error}.") from None


def _decompressed(path: Path, raw: IO[bytes]) -> InputFile:
    start = raw.read(8)
    raw.seek(0)
    if not start:
        raise bad_file(path, "is empty.")
    for magic, kind in _OTHER_COMPRESSION.items():
        if start.startswith(magic):
            raise bad_file(path, f"is compressed with {kind}; decompress it, or use gzip or ZIP.")
    name: str = path.name
    content: IO[bytes] = raw
    if start.startswith(_GZIP):
        name = path.name.removesuffix(".gz")
        content = io.BufferedReader(gzip.GzipFile(fileobj=raw))
    elif start.startswith(_ZIP):
        name, content = _open_archive(path, raw)
    return InputFile(path, name, path.stat().st_size, content, raw)


def _open_archive(path: Path, raw: IO[bytes]) -> tuple[str, IO[bytes]]:
    """Return the name and the content of the only file in an archive."""
    archive = zipfile.ZipFile(raw)
    names = [
        each.filename
        for each in archive.infolist()
        # macOS adds files of its own.
        if not (each.is_dir() or each.filename.startswith("__MACOSX/"))
    ]
    if _WORKBOOK in names:
        raw.seek(0)
        return path.name, raw
    if not names:
        raise bad_file(path, "contains no files.")
    if len(names) > 1:
        shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        raise bad_file(
            path, f"contains {len(names)} files ({shown}); import an archive of one file."
        )
    try:
        return Path(names[0]).name, archive.open(names[0])
    except (RuntimeError, NotImplementedError) as error:  # a password, an unknown compression
        raise bad_file(path, f"cannot be read: {error}.") from None


@contextmanager
def open_text(
    input: InputFile, newline: str, encoding: str | None = None
) -> Iterator[io.TextIOWrapper]:
    """Decode a file, by default as Unicode of any kind, with or without a byte order mark.

    Raises:
        InvalidInputError: It is a Parquet file; or, from within the block, it cannot be decoded.
    """
    start = input.content.read(SAMPLE)
    input.content.seek(0)
    if start.startswith(PARQUET_MAGIC):
        raise bad_file(input.path, "is a Parquet file; rename it to end in .parquet.")
    encoding = encoding or _detect_unicode(start)
    try:
        with io.TextIOWrapper(input.content, encoding=encoding, newline=newline) as text:
            yield text
    except UnicodeDecodeError:
        raise _undecodable(input.path, encoding, newline) from None


def _detect_unicode(start: bytes) -> str:
    for mark, encoding in _MARKS.items():
        if start.startswith(mark):
            return encoding
    # Of UTF-16 without a mark, every other byte of English text is zero.
    even, odd = start[::2].count(0), start[1::2].count(0)
    if even + odd > len(start) // 4:
        return "utf-16-le" if odd > even else "utf-16-be"
    return "utf-8"


def _undecodable(path: Path, encoding: str, newline: str) -> InvalidInputError:
    """Return the error for a file in another encoding, with its first such line."""
    where = "it"
    with open_input(path) as again:
        sample = again.content.read(SAMPLE)
        again.content.seek(0)
        text = io.TextIOWrapper(
            again.content, encoding=encoding, errors="surrogateescape", newline=newline
        )
        try:
            for number, line in enumerate(text, 1):
                if _ESCAPED.search(line):
                    where = f"line {number}"
                    break
        except UnicodeError:  # of an encoding without an escape
            pass
    name = codecs.lookup(encoding).name.removesuffix("-sig").upper()
    guess = _guess(sample)
    return bad_file(
        path,
        f"{where} is not {name}; save the file as UTF-8, or name its encoding, such as "
        f"--encoding {guess}.",
    )


def _guess(sample: bytes) -> str:
    """Guess the encoding of text that is not Unicode; of a short one, the most common."""
    from charset_normalizer import from_bytes  # noqa: PLC0415 - only errors need it

    best = from_bytes(sample).best() if len(sample) >= ENOUGH else None
    return best.encoding if best is not None else "windows-1252"


def check_encoding(name: str) -> str:
    """Return Python's name of a text encoding; raise LookupError if Python does not have it."""
    found = codecs.lookup(name)
    "".encode(found.name)  # raises for a codec that is not of text
    return found.name
