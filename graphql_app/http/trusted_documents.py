"""Trusted documents: the operations in the file TRUSTED_DOCUMENTS, which clients name by hash."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn

from graphql_app.errors import AppError, ErrorCode

PREFIX = "sha256:"


class TrustedDocuments:
    """The documents that clients may run, by SHA-256 hash; ``None`` allows any document."""

    def __init__(self, documents: Mapping[str, str] | None) -> None:
        self._documents = documents

    @classmethod
    def load(cls, path: Path | None) -> TrustedDocuments:
        """Load a JSON file of the form ``{"<SHA-256 in hexadecimal>": "<document>"}``.

        Raises:
            AppError: INVALID, the file cannot be read or a hash is not that of its document.
        """
        if path is None:
            return cls(None)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            _reject(path, f"cannot be read ({error.strerror})")
        except (ValueError, RecursionError):
            _reject(path, "is not JSON")
        if not isinstance(content, dict) or not all(isinstance(v, str) for v in content.values()):
            _reject(path, 'is not a JSON object of the form {"<hash>": "<document>"}')
        for key, document in content.items():
            actual = _hash(document)
            if key.removeprefix(PREFIX) != actual:
                _reject(path, f"has a document under {key!r} whose SHA-256 is {actual}")
        return cls({key.removeprefix(PREFIX): document for key, document in content.items()})

    def resolve(self, request: Mapping[str, Any]) -> str | None:
        """Return the document that a request names or contains; ``None`` if it does neither.

        A request names a document by ``documentId`` (GraphQL over HTTP), or by the hash in
        ``extensions.persistedQuery`` (Apollo's clients).

        Raises:
            AppError: UNTRUSTED_DOCUMENT, it is not one of the trusted documents.
        """
        query = request.get("query")
        text = query if isinstance(query, str) else None
        if self._documents is None:
            return text
        sent_hash = _sent_hash(request)
        document = self._documents.get(_hash(text or "") if sent_hash is None else sent_hash)
        if document is None or (text and text != document):
            raise AppError(
                ErrorCode.UNTRUSTED_DOCUMENT,
                "This document is not trusted: send the documentId of a trusted one.",
            )
        return document


def _sent_hash(request: Mapping[str, Any]) -> str | None:
    extensions = request.get("extensions")
    persisted = extensions.get("persistedQuery") if isinstance(extensions, dict) else None
    apollo_hash = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    for sent in (request.get("documentId"), apollo_hash):
        if isinstance(sent, str):
            return sent.removeprefix(PREFIX).lower()
    return None


def _hash(text: str) -> str:
    return sha256(text.encode(errors="surrogatepass")).hexdigest()


def _reject(path: Path, problem: str) -> NoReturn:
    raise AppError(
        ErrorCode.INVALID,
        f"TRUSTED_DOCUMENTS: {path} {problem}. Generate the file with your GraphQL client's build "
        "tool, with SHA-256 hashes.",
    )
