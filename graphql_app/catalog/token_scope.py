"""The scopes of tokens. They need no table, so this module is cheap to import."""

from enum import StrEnum


class TokenScope(StrEnum):
    """What a token may do."""

    SEGMENTS_READ = "segments:read"
    SEGMENTS_WRITE = "segments:write"
    CONTACTS_READ = "contacts:read"
    FACTS_WRITE = "facts:write"
