"""The countries of ISO 3166-1: two-letter codes and English names."""

import re
from functools import cache
from typing import Final, TypeGuard

from babel import Locale

COUNTRY_REQUIRED: Final = 'must be an ISO 3166-1 country code in capitals, such as "US"'

# Codes in CLDR that ISO 3166-1 does not assign.
_NOT_ISO = re.compile("AA|Q[M-Z]|X[A-Z]|ZZ|AC|CP|CQ|DG|EA|EU|EZ|IC|TA|UN")


@cache
def country_names() -> dict[str, str]:
    """Return the English names by two-letter code, sorted by name."""
    names = Locale("en").territories.items()
    return {
        code: name
        for code, name in sorted(names, key=lambda item: str(item[1]))
        if re.fullmatch("[A-Z]{2}", code) and not _NOT_ISO.fullmatch(code)
    }


def is_country(value: object) -> TypeGuard[str]:
    """Return whether a value is the two-letter code of a country."""
    return isinstance(value, str) and value in country_names()
