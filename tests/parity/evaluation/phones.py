"""Phone numbers, as `phonenumbers` reads them in a country."""

from contextlib import suppress

import phonenumbers

from tests.parity.evaluation.facts import Contact, unless_blank


def valid_number(phone: str, country: str | None) -> str | None:
    """Return a number as + and its digits if it is valid in a country, or else after 00."""
    readings: list[tuple[str, str | None]] = [(phone, country)]
    if digits_of(phone).startswith("00"):
        readings.append((f"+{digits_of(phone)[2:]}", None))
    for text, region in readings:
        with suppress(phonenumbers.NumberParseException):
            number = phonenumbers.parse(text, region)
            if phonenumbers.is_valid_number(number):
                return f"+{number.country_code}{phonenumbers.national_significant_number(number)}"
    return None


def number_of_contact(contact: Contact, shop_country: str | None) -> str | None:
    """Return a contact's valid number; the contact's own country goes before the shop's."""
    phone = unless_blank(contact.phone)
    country = unless_blank(contact.country) or shop_country
    return None if phone is None else valid_number(phone, country)


def area_of(number: str) -> str:
    """Return a North American area code, or + and the calling code of another country."""
    parsed = phonenumbers.parse(number)
    national = phonenumbers.national_significant_number(parsed)
    return national[:3] if parsed.country_code == 1 else f"+{parsed.country_code}"


def digits_of(text: str) -> str:
    return "".join(character for character in text if character in "0123456789")


def without_prefix(text: str) -> str:
    """Return the digits without the 00 that can begin an international number."""
    digits = digits_of(text)
    return digits[2:] if digits.startswith("00") and digits != "00" else digits
