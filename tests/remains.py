"""Search a directory for a text, in any form in which ClickHouse stores it."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

# A compressed block: checksum, method, size from here on, size uncompressed, bytes.
CHECKSUM, HEADER = 16, 9
NONE, LZ4, ZSTD = 0x02, 0x82, 0x90


def remains(directory: Path, text: str) -> list[str]:
    """Return the files below a directory that contain a text, plain or compressed."""
    wanted = text.encode()
    return sorted(
        str(file.relative_to(directory))
        for file in directory.rglob("*")
        if file.is_file() and _holds(file.read_bytes(), wanted)
    )


def _holds(content: bytes, wanted: bytes) -> bool:
    return wanted in content or wanted in b"".join(_unpacked(content))


def _unpacked(content: bytes) -> Iterator[bytes]:
    """Yield the uncompressed blocks at the beginning of a file."""
    offset = 0
    while offset + CHECKSUM + HEADER <= len(content):
        header = content[offset + CHECKSUM : offset + CHECKSUM + HEADER]
        method, size = header[0], int.from_bytes(header[1:5], "little")
        unpacked = int.from_bytes(header[5:9], "little")
        block = content[offset + CHECKSUM + HEADER : offset + CHECKSUM + size]
        if method not in {NONE, LZ4, ZSTD} or len(block) != size - HEADER:
            return
        if method == NONE:
            yield block
        else:
            codec = pa.Codec("lz4_raw" if method == LZ4 else "zstd")
            yield codec.decompress(block, unpacked).to_pybytes()
        offset += CHECKSUM + size
