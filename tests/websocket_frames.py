"""Handshakes and frames of WebSocket clients, valid or not.

The frames are those of RFC 6455, section 5.2. Frames from a client are masked, here with zeros.
"""

import struct
import zlib
from base64 import b64encode
from collections.abc import Mapping

KEY = b64encode(bytes(16)).decode()
OPENING: Mapping[str, str | None] = {
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "graphql-transport-ws",
}
CONTINUATION, TEXT, BINARY, CLOSE, PING = 0, 1, 2, 8, 9
FINAL, RSV1 = 0x80, 0x40


def handshake(
    method: str = "GET", path: str = "/graphql", extra: str = "", **changed: str | None
) -> bytes:
    """Make a handshake, with some headers changed, without those that are ``None``."""
    headers = {**OPENING, **{name.replace("_", "-"): text for name, text in changed.items()}}
    lines = [f"{name}: {text}\r\n" for name, text in headers.items() if text is not None]
    return f"{method} {path} HTTP/1.1\r\n{''.join(lines)}{extra}\r\n".encode("latin-1")


def frame(opcode: int, content: bytes = b"", bits: int = FINAL, length: int = -1) -> bytes:
    """Make a frame, whose head may claim another length than that of the content."""
    length = len(content) if length < 0 else length
    head = bytes([bits | opcode])
    if length < 126:
        head += bytes([0x80 | length])
    elif length < 2**16:
        head += struct.pack("!BH", 0x80 | 126, length)
    else:
        head += struct.pack("!BQ", 0x80 | 127, length)
    return head + bytes(4) + content


def deflated(content: bytes) -> bytes:
    """Compress the content of a frame (RFC 7692, section 7.2.1)."""
    compressor = zlib.compressobj(wbits=-12)
    compressed = compressor.compress(content) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return compressed.removesuffix(b"\x00\x00\xff\xff")


def closing_frame(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason)
