"""Which texts are phone numbers, and which number each one is."""

import random

import pytest

from graphql_app.audience.phone_numbers import e164
from tests.parity.evaluation.phones import valid_number

NEW_YORK, LONDON = "+12125550100", "+442079460000"


@pytest.mark.parametrize(
    ("phone", "country", "number"),
    [
        (NEW_YORK, None, NEW_YORK),
        (NEW_YORK, "GB", NEW_YORK),
        (" +1 (212) 555-0100", None, NEW_YORK),
        ("212.555.0100", "US", NEW_YORK),
        ("1-212-555-0100", "US", NEW_YORK),
        ("(212) 555-0100", "CA", NEW_YORK),
        ("(212) 555-0100 ext. 12", "US", NEW_YORK),
        ("２１２ ５５５ ０１００", "US", NEW_YORK),
        ("+1 800 555 0199", None, "+18005550199"),
        ("020 7946 0000", "GB", LONDON),
        # After 00 comes a country code, also where another prefix is dialed.
        ("0044 20 7946 0000", None, LONDON),
        ("0044 20 7946 0000", "US", LONDON),
        ("(00) 1 212 555 0100", "DE", NEW_YORK),
        # In a few countries, numbers begin with 00.
        ("006918168", "TJ", "+992006918168"),
    ],
)
def test_a_valid_number_has_one_form(phone: str, country: str | None, number: str) -> None:
    assert e164(phone, country) == number


@pytest.mark.parametrize("country", [None, "US", "GB"])
@pytest.mark.parametrize(
    "phone",
    [
        *("n/a", "+0", "abc", "5550100", "1.55512E+10", "", " ", "+", "00", "911", "0"),
        *("+15550100001", "+999123456789", "+1 212 555", "+1 212 555 0100 0", "x" * 255, "+1\0"),
        "+12125550100, +12125550101",
    ],
)
def test_other_texts_are_not_numbers(phone: str, country: str | None) -> None:
    assert e164(phone, country) is None


@pytest.mark.parametrize("country", [None, "GB", "AQ"])  # Antarctica has no numbers of its own
def test_a_number_without_its_country_code_needs_the_country(country: str | None) -> None:
    assert e164("(212) 555-0100", country) is None


def test_north_american_numbers_are_valid_if_parsing_them_says_so() -> None:
    chance = random.Random(0)
    numbers = [
        f"+1{area}{chance.choice([555, chance.randrange(1_000)]):03}{chance.randrange(10_000):04}"
        for area in range(200, 1_000)
    ]
    found = [e164(number, None) for number in numbers]
    assert found == [valid_number(number, None) for number in numbers]
    assert 100 < sum(number is None for number in found) < 700
