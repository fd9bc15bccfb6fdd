"""Keeping secrets out of what is printed and logged: passwords in URLs, tokens."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from urllib.parse import quote, quote_plus, unquote, urlsplit

HIDDEN = "***"

# user:password@, as far as the last @ before the path: passwords are pasted as they are.
USER = re.compile(r"(?<=://)([^/:?#]*):(.*)@(?=[^@]*$)")
QUERY = re.compile(
    r"([?&][^=&]*(?:password|passwd|pwd|secret|token|credential|api_?key)[^=&]*=)([^&]*)",
    re.IGNORECASE,
)
SHORTEST = 3
"""Characters of a secret that is looked for in other text, at least."""

WAYS: tuple[Callable[[str], str], ...] = (
    str,
    quote,
    quote_plus,
    partial(quote, safe=""),
    lambda secret: repr(secret)[1:-1],
)
"""How a secret may be written where it turns up."""


def shown(url: str) -> str:
    """A URL without its secrets."""
    return QUERY.sub(rf"\1{HIDDEN}", USER.sub(rf"\1:{HIDDEN}@", url))


def secrets_in(url: str) -> frozenset[str]:
    """The secrets of a URL, in every way in which they may be written."""
    found = {match[2] for match in [USER.search(url)] if match}
    with suppress(ValueError):  # it is no URL; what looks like a password has been found
        found.add(urlsplit(url).password or "")
    found.update(match[2] for match in QUERY.finditer(url))
    found |= {unquote(secret) for secret in found}
    written = {way(secret) for secret in found for way in WAYS}
    return frozenset(secret for secret in written if len(secret) >= SHORTEST)


def without(text: str, secrets: Iterable[str]) -> str:
    """A text in which secrets are hidden."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text
