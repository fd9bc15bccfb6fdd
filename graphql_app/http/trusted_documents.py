"""The documents that clients may run: any, or those of a file alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn

from graphql_app.errors import AppError, ErrorCode

PREFIX = "sha256:"


class Documents:
    """What a request asks to be run, as text."""

    def __init__(self, trusted: Mapping[str, str] | None) -> None:
        """``trusted`` has documents by their hash; without, clients write their own."""
        self._trusted = trusted

    @classmethod
    def read(cls, path: Path | None) -> Documents:
        """The documents of a file, ``{"<SHA-256 in hexadecimal>": "<document>"}``.

        Raises:
            AppError: It cannot be read, or a document is not the one of its hash.
        """
        if path is None:
            return cls(None)
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            _wrong(path, f"cannot be read ({error.strerror})")
        except (ValueError, RecursionError):
            _wrong(path, "is no JSON")
        if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
            _wrong(path, 'is no JSON object of the form {"<hash>": "<document>"}')
        for name, text in found.items():
            actual = _hash(text)
            if name.removeprefix(PREFIX) != actual:
                _wrong(path, f"has under {name!r} a document whose SHA-256 is {actual}")
        return cls({name.removeprefix(PREFIX): text for name, text in found.items()})

    def of(self, request: Mapping[str, Any]) -> str | None:
        """The document that a request names or brings; ``None`` when it does neither.

        A name is ``documentId``, as GraphQL over HTTP has it, or the hash among ``extensions``, as
        Apollo's clients have it.

        Raises:
            AppError: UNTRUSTED_DOCUMENT when it is not one of those there are.
        """
        query = request.get("query")
        text = query if isinstance(query, str) else None
        if self._trusted is None:
            return text
        name = _named(request)
        found = self._trusted.get(_hash(text or "") if name is None else name)
        if found is None or (text and text != found):
            raise AppError(
                ErrorCode.UNTRUSTED_DOCUMENT,
                "This server runs the documents that its operator has listed, and this is none of "
                "them; name one by documentId.",
            )
        return found


def _named(request: Mapping[str, Any]) -> str | None:
    extensions = request.get("extensions")
    persisted = extensions.get("persistedQuery") if isinstance(extensions, dict) else None
    apollos = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    for name in (request.get("documentId"), apollos):
        if isinstance(name, str):
            return name.removeprefix(PREFIX).lower()
    return None


def _hash(text: str) -> str:
    return sha256(text.encode(errors="surrogatepass")).hexdigest()


def _wrong(path: Path, what: str) -> NoReturn:
    raise AppError(
        ErrorCode.INVALID,
        f"TRUSTED_DOCUMENTS: {path} {what}; write it as a client's build tool does, with SHA-256.",
    )
