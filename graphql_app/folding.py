"""Folding: the one form in which texts are compared.

A text is folded when it is written, into a column of its own, and a rule's texts are folded when
the rule is read, so SQL only compares folded texts. The engine has functions of this kind, too, but
they differ from Python's for more than a hundred characters.
"""

import json
import unicodedata
from typing import Any

# Raise this when ``fold`` or anything else that is stored beside a row changes.
_FORM = 2

_MAJOR, _MINOR, *_ = map(int, unicodedata.unidata_version.split("."))

FOLDING_VERSION = 10_000 * _FORM + 100 * _MAJOR + _MINOR
"""The version of the folded texts, and other derived columns, that this process writes and reads.

It includes the version of Unicode that Python has: a newer one knows the cases of more letters.
Rows and segments have the version that folded them, and ``segments migrate`` folds others again.
"""


def fold(text: str) -> str:
    """Return the form of a text that is equal for texts that people read as the same.

    Such texts differ in case, in how characters are composed ("é" as one character or two), in
    compatible characters (full-width letters, ligatures) or in the space around them.
    """
    if text.isascii():
        return text.lower().strip()
    # Normalized before and after: the characters that each step leaves are those of the other.
    folded = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", folded).strip()


def name_key(name: str) -> str:
    """Return a text that is equal for equal names of segments; runs of spaces count as one."""
    return " ".join(fold(name).split())


def email_domain(email: str) -> str | None:
    """Return the folded text after the last @ of an address, unless it is empty or has space."""
    _, at, domain = fold(email).rpartition("@")
    return domain if at and domain.split() == [domain] else None


def fold_document(document: str) -> str:
    """Fold the texts of a JSON object, alone or in lists, but not the names of its properties."""
    try:
        values: dict[str, Any] = json.loads(document)
    except RecursionError:  # nested as deeply as the recorder accepts, a few calls further up
        return document
    folded = {name: _fold_value(value) for name, value in values.items()}
    return json.dumps(folded, ensure_ascii=False, separators=(",", ":"))


def _fold_value(value: Any) -> Any:
    if isinstance(value, list):
        return [fold(item) if isinstance(item, str) else item for item in value]
    return fold(value) if isinstance(value, str) else value
