"""The scopes of tokens.

They are in a module of their own, so that importing them does not load the catalog's tables.
"""

from enum import StrEnum


class TokenScope(StrEnum):
    """What a token may do."""

    SEGMENTS_READ = "segments:read"
    SEGMENTS_WRITE = "segments:write"
    CONTACTS_READ = "contacts:read"
    FACTS_WRITE = "facts:write"
