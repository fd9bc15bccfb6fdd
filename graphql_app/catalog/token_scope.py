"""The scopes of tokens, apart from the tables so that importing them is cheap."""

from __future__ import annotations

from enum import StrEnum


class TokenScope(StrEnum):
    """What a token may do."""

    SEGMENTS_READ = "segments:read"
    SEGMENTS_WRITE = "segments:write"
    CONTACTS_READ = "contacts:read"
    FACTS_WRITE = "facts:write"
