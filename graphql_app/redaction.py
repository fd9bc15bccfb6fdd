"""Redaction of secrets in printed and logged text: passwords in URLs, and tokens."""

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from urllib.parse import quote, quote_plus, unquote, urlsplit

REDACTED = "***"

# user:password@, up to the last @ before the path: people paste passwords without encoding them.
USER = re.compile(r"(?<=://)([^/:?#]*):(.*)@(?=[^@]*$)")
QUERY = re.compile(
    r"([?&][^=&]*(?:password|passwd|pwd|secret|token|credential|api_?key)[^=&]*=)([^&]*)",
    re.IGNORECASE,
)
MIN_LENGTH = 3
"""Shorter secrets are not redacted in other text, which would hide too much of it."""

SPELLINGS: tuple[Callable[[str], str], ...] = (
    str,
    quote,
    quote_plus,
    partial(quote, safe=""),
    lambda secret: repr(secret)[1:-1],
)
"""The ways in which messages write a secret."""


def redact_url(url: str) -> str:
    """Return a URL with its secrets redacted."""
    return QUERY.sub(rf"\1{REDACTED}", USER.sub(rf"\1:{REDACTED}@", url))


def find_secrets(url: str) -> frozenset[str]:
    """Return the secrets of a URL, in every spelling."""
    found = {match[2] for match in [USER.search(url)] if match}
    with suppress(ValueError):  # not a URL; the patterns above still find its password
        found.add(urlsplit(url).password or "")
    found.update(match[2] for match in QUERY.finditer(url))
    found |= {unquote(secret) for secret in found}
    spellings = {spell(secret) for secret in found for spell in SPELLINGS}
    return frozenset(secret for secret in spellings if len(secret) >= MIN_LENGTH)


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return a text with the secrets redacted, the longest first."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    return text
