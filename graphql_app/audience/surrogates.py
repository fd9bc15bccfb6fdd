"""Texts that are not valid Unicode: they have lone surrogates, so UTF-8 cannot express them."""

import re
from typing import Final

UNICODE_REQUIRED: Final = "must be valid Unicode, without lone surrogates"

_SURROGATE = re.compile("[\ud800-\udfff]")


def has_surrogate(text: str) -> bool:
    return not text.isascii() and _SURROGATE.search(text) is not None
