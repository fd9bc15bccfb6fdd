"""Countries of ISO 3166-1, by code and English name."""

from __future__ import annotations

import re
from functools import cache

from babel import Locale

# Codes that CLDR names but ISO 3166-1 does not assign.
_NOT_ISO = re.compile("AA|Q[M-Z]|X[A-Z]|ZZ|AC|CP|CQ|DG|EA|EU|EZ|IC|TA|UN")


@cache
def country_names() -> dict[str, str]:
    """English names by two-letter code, in the order of the names."""
    names = Locale("en").territories.items()
    return {
        code: name
        for code, name in sorted(names, key=lambda item: str(item[1]))
        if re.fullmatch("[A-Z]{2}", code) and not _NOT_ISO.fullmatch(code)
    }


@cache
def country_codes() -> frozenset[str]:
    """The two-letter codes."""
    return frozenset(country_names())
