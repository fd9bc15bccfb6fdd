"""The countries of ISO 3166-1: two-letter codes and English names."""

import re
from functools import cache
from typing import Final, TypeGuard

from babel import Locale

COUNTRY_REQUIRED: Final = 'must be an ISO 3166-1 country code in capitals, such as "US"'

# Codes in CLDR that are not of places. Those that ISO 3166-1 only reserves, such as AC, are, and so
# is XK, which files have for Kosovo.
_NOT_COUNTRIES = re.compile("AA|Q[M-Z]|X[A-JL-Z]|ZZ|CQ|EU|EZ|UN")
# Other names and codes that files have.
_ALIASES = {
    "uk": "GB", "great britain": "GB", "england": "GB", "scotland": "GB", "wales": "GB",
    "northern ireland": "GB", "el": "GR", "usa": "US", "u.s.": "US", "u.s.a.": "US",
    "united states of america": "US", "holland": "NL", "the netherlands": "NL", "eire": "IE",
    "republic of ireland": "IE", "republic of korea": "KR", "turkey": "TR",
    "czech republic": "CZ", "russian federation": "RU", "viet nam": "VN", "macedonia": "MK",
    "swaziland": "SZ", "hong kong": "HK", "macau": "MO", "macao": "MO", "burma": "MM",
    "cape verde": "CV", "ivory coast": "CI",
}  # fmt: skip


@cache
def country_names() -> dict[str, str]:
    """Return the English names by two-letter code, sorted by name."""
    names = Locale("en").territories.items()
    return {
        code: name
        for code, name in sorted(names, key=lambda item: str(item[1]))
        if re.fullmatch("[A-Z]{2}", code) and not _NOT_COUNTRIES.fullmatch(code)
    }


def is_country(value: object) -> TypeGuard[str]:
    """Return whether a value is the two-letter code of a country."""
    return isinstance(value, str) and value in country_names()


@cache
def _codes_by_name() -> dict[str, str]:
    names = {name.casefold(): code for code, name in country_names().items()}
    return {**names, **_ALIASES, **{code.casefold(): code for code in country_names()}}


def country_code(text: str) -> str | None:
    """Return the code of a country, given by its code or its English name in any case."""
    return _codes_by_name().get(" ".join(text.casefold().split()))
