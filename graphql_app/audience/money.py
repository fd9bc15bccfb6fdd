"""Amounts of money as text, in rules, mutations and files alike."""

import re
from decimal import Decimal
from typing import Final

MONEY_PATTERN = r"^[0-9]{1,14}(\.[0-9]{1,4})?$"
MONEY_REQUIRED: Final = (
    'must be an amount such as "50.00", not negative, with at most 14 digits before the point and '
    "4 after it"
)


def parse_money(value: object) -> Decimal | None:
    """Parse an amount given as text or as a decimal; return ``None`` if it is not an amount."""
    text = format(value, "f") if isinstance(value, Decimal) else value
    if not isinstance(text, str) or not re.fullmatch(MONEY_PATTERN[1:-1], text):
        return None
    return Decimal(text)
