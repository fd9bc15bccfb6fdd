"""Phone numbers: which ones can be texted, and the one form in which they are compared."""

import json
import re
from functools import lru_cache

MAX_SHOWN = 50  # characters of a phone number in a message

_AMERICAN = re.compile(r"\+1[2-9][0-9]{9}")
_COUNTRY_CODE = re.compile(r"\W*0\W*0(?=\W*[1-9])")


@lru_cache(maxsize=2**14)  # a number takes about 30 µs
def e164(phone: str, country: str | None) -> str | None:
    """Return a phone number in E.164, or ``None`` if no such number can exist.

    A number without a country code, such as +1 or 001, is read as a number of ``country``.
    """
    number = _parse(phone, country)
    if number is None and (code := _COUNTRY_CODE.match(phone)):
        return _parse(f"+{phone[code.end() :]}", None)  # after the country's own numbers with 00
    return number


def explain_unusable(phone: str, country: str | None) -> str:
    """Return why a contact with this number cannot be texted, to be read after the field's name."""
    shown = json.dumps(phone[:MAX_SHOWN], ensure_ascii=False)
    so, with_code = "so the contact cannot be texted", "start it with + and its country code"
    if phone.lstrip().startswith("+"):
        return f"{shown} is not a valid phone number, {so}: correct it"
    if country is None:
        countries = "set the country of the contact or the shop"
        return f"{shown} does not say its country, {so}: {with_code}, or {countries}"
    return f"{shown} is not a valid phone number in {country}, {so}: correct it, or {with_code}"


def _parse(phone: str, country: str | None) -> str | None:
    import phonenumbers  # noqa: PLC0415 - takes 0.1 s, and most commands read no numbers

    try:
        if _AMERICAN.fullmatch(phone):  # without parsing it, which takes half of the time
            number = phonenumbers.PhoneNumber(country_code=1, national_number=int(phone[2:]))
        else:
            number = phonenumbers.parse(phone, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
