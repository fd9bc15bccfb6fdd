"""The meaning of criteria about contacts' profiles, case by case.

This module is long because of tables of cases: a rule and the contacts it matches.
"""

from collections.abc import Callable
from typing import Any

import pytest

from graphql_app.runtime.services import Services
from tests.parity.evaluation.comparisons import plain
from tests.parity.evaluation.facts import Contact, Contacts, Document
from tests.parity.evaluation.profile import domain_of
from tests.parity.examples import HOSTILE, criterion
from tests.parity.recorded_shop import RecordedShop


def tagged(operator: str, *tags: str) -> Document:
    return criterion("tag", operator, tags=list(tags))


def lives(operator: str, *cities: str) -> Document:
    fields = {"cities": list(cities)} if cities else {}
    return criterion("city", operator, **fields)


def writes(operator: str, *domains: str) -> Document:
    fields = {"domains": list(domains)} if domains else {}
    return criterion("emailDomain", operator, **fields)


def calls(operator: str, *codes: str) -> Document:
    fields = {"codes": list(codes)} if codes else {}
    return criterion("areaCode", operator, **fields)


def emailing(operator: str, *emails: str, **more: Any) -> Document:
    fields = {"emails": list(emails)} if emails else more
    return criterion("email", operator, **fields)


def phoning(operator: str, *numbers: str, **more: Any) -> Document:
    fields = {"numbers": list(numbers)} if numbers else more
    return criterion("phone", operator, **fields)


def contacts_with(name: str, values: list[Any]) -> Contacts:
    """Return a contact for each value, in order."""
    return Contacts(tuple(Contact(id_, **{name: value}) for id_, value in enumerate(values)))


class TestTags:
    @pytest.mark.parametrize(
        ("rule", "matching"),
        [
            (tagged("ANY_OF", "vip"), {1, 2, 3}),
            (tagged("ANY_OF", " vip\t"), {1, 2, 3}),
            (tagged("ANY_OF", "ＶＩＰ", "wholesale"), {1, 2, 3}),
            (tagged("ALL_OF", "vip", "wholesale"), {2}),
            (tagged("ALL_OF", "vip", "VIP"), {1, 2, 3}),
            (tagged("ALL_OF", "vip", "nobody's"), set()),
            (tagged("NONE_OF", "vip"), {0, 4, 5}),
            (tagged("NONE_OF", "nobody's"), {0, 1, 2, 3, 4, 5}),
            (tagged("ANY_OF", "wholesale, retail"), {4}),
            (tagged("ANY_OF", "retail"), set()),
            (criterion("tag", "IS_SET"), {1, 2, 3, 4}),
            (criterion("tag", "IS_NOT_SET"), {0, 5}),
        ],
    )
    def test_tags_are_compared_regardless_of_case_spelling_and_surrounding_space(
        self, boutique: RecordedShop, rule: Document, matching: set[int]
    ) -> None:
        tags = [
            *((), (" vip ", "ｖｉｐ"), ("wholesale", "vip", ""), ("VIP",), ("wholesale, retail",)),
            (" ", ""),
        ]
        boutique.record(contacts_with("tags", list(tags)))
        assert boutique.matching(rule) == matching

    def test_tags_are_replaced_as_a_whole(self, boutique: RecordedShop) -> None:
        boutique.record(Contact(1, tags=("a", "b")))
        boutique.record(Contact(1, tags=("b",)))
        assert boutique.matching(tagged("ANY_OF", "a")) == set()
        assert boutique.matching(tagged("ALL_OF", "b")) == {1}


class TestCities:
    @pytest.mark.parametrize(
        ("rule", "matching"),
        [
            (lives("ANY_OF", "austin"), {0, 1, 2}),
            (lives("ANY_OF", "\u2003AUSTIN\n"), {0, 1, 2}),
            (lives("NONE_OF", "austin"), {3, 4, 5, 6, 7}),
            (lives("ANY_OF", "zürich", "ΑΘΉΝΑ"), {3, 4}),
            (lives("ANY_OF", "Austin TX"), set()),
            (lives("IS_SET"), {0, 1, 2, 3, 4, 7}),
            (lives("IS_NOT_SET"), {5, 6}),
        ],
    )
    def test_cities_ignore_case_and_surrounding_space(
        self, boutique: RecordedShop, rule: Document, matching: set[int]
    ) -> None:
        austin = ["Austin", "\tAUSTIN \u00a0", "austin\u2028"]
        others = ["ZÜRICH", "Αθήνα", None, " ", "Aus tin"]
        boutique.record(contacts_with("city", [*austin, *others]))
        assert boutique.matching(rule) == matching


class TestDomains:
    EMAILS = (
        *("a@gmail.com", "B.C@GMail.com ", "x@y@gmail.com", "a@gmail.com\u00a0\n"),
        *("a@mail.gmail.com", "a@gmail.co", "gmail.com", "a@", "a@gmail.com b"),
        *("Ü@BÜCHER.example", None),
    )

    @pytest.mark.parametrize(
        ("rule", "matching"),
        [
            (writes("ANY_OF", "gmail.com"), {0, 1, 2, 3}),
            (writes("ANY_OF", " @GMAIL.COM "), {0, 1, 2, 3}),
            (writes("ANY_OF", "mail.gmail.com", "bücher.EXAMPLE"), {4, 9}),
            (writes("NONE_OF", "gmail.com"), {4, 5, 6, 7, 8, 9, 10}),
            (writes("ANY_OF", "%"), set()),
            (writes("ANY_OF", "@"), set()),
            (writes("NONE_OF", " @ "), set(range(11))),
            (writes("IS_SET"), {0, 1, 2, 3, 4, 5, 9}),
            (writes("IS_NOT_SET"), {6, 7, 8, 10}),
        ],
    )
    def test_a_domain_is_the_text_after_the_last_at_sign(
        self, boutique: RecordedShop, rule: Document, matching: set[int]
    ) -> None:
        boutique.record(contacts_with("email", list(self.EMAILS)))
        assert boutique.matching(rule) == matching

    @pytest.mark.parametrize("domain", ["@@x", "İ" * 255, " @ Gmail.com", "@"])
    def test_a_rule_keeps_a_domain_as_written(self, boutique: RecordedShop, domain: str) -> None:
        rule = writes("ANY_OF", domain)
        boutique.save({"Written": rule})
        (saved,) = [it for it, _ in boutique.saved.whole() if it.name == "Written"]
        assert saved.rule == rule


class TestEmails:
    EMAILS = (
        "ann@gmail.com",
        " Ann@GMail.com\u00a0",
        "joann@gmail.com",
        "ΣΟΦΟΣ@x.example",
        "x",
        None,
        " ",
    )

    @pytest.mark.parametrize(
        ("rule", "matching"),
        [
            (emailing("ANY_OF", "ann@gmail.com"), {0, 1}),
            (emailing("ANY_OF", " ANN@gmail.com", "x"), {0, 1, 4}),
            (emailing("ANY_OF", "σοφος@X.EXAMPLE"), {3}),
            (emailing("NONE_OF", "ann@gmail.com"), {2, 3, 4, 5, 6}),
            (emailing("ANY_OF", "gmail.com", "%"), set()),
            (emailing("CONTAINS", text="ANN@"), {0, 1, 2}),
            (emailing("CONTAINS", text=" gmail.com "), {0, 1, 2}),
            (emailing("CONTAINS", text="σοφοσ"), {3}),
            (emailing("NOT_CONTAINS", text="@"), {4, 5, 6}),
            (emailing("CONTAINS", text="%"), set()),
            (emailing("IS_SET"), {0, 1, 2, 3, 4}),
            (emailing("IS_NOT_SET"), {5, 6}),
        ],
    )
    def test_addresses_ignore_case_and_surrounding_space(
        self, boutique: RecordedShop, rule: Document, matching: set[int]
    ) -> None:
        boutique.record(contacts_with("email", list(self.EMAILS)))
        assert boutique.matching(rule) == matching


class TestPhones:
    NUMBERS = (
        *("+1 (212) 555-0100", "12125550100", "001 212.555.0100", "212 555 0100"),
        *("+44 20 7946 0000", "n/a", None),
    )

    @pytest.mark.parametrize(
        ("rule", "matching"),
        [
            (phoning("ANY_OF", "+1 212 555 0100"), {0, 1, 2}),
            (phoning("ANY_OF", "0012125550100"), {0, 1, 2}),
            (phoning("ANY_OF", "212-555-0100", "442079460000"), {3, 4}),
            (phoning("NONE_OF", "+1 212 555 0100"), {3, 4, 5, 6}),
            (phoning("ANY_OF", "555 0100"), set()),
            (phoning("ANY_OF", "00"), set()),
            (phoning("CONTAINS", digits="555-01"), {0, 1, 2, 3}),
            (phoning("CONTAINS", digits="(0)0"), {0, 1, 2, 3, 4}),
            (phoning("CONTAINS", digits="0012"), {2}),
            (phoning("NOT_CONTAINS", digits="212"), {4, 5, 6}),
            (phoning("IS_SET"), {0, 1, 2, 3, 4, 5}),
            (phoning("IS_NOT_SET"), {6}),
        ],
    )
    def test_numbers_without_a_country_are_compared_by_their_digits(
        self, boutique: RecordedShop, rule: Document, matching: set[int]
    ) -> None:
        boutique.record(contacts_with("phone", list(self.NUMBERS)))
        assert boutique.matching(rule) == matching

    @pytest.fixture(scope="class")
    @classmethod
    def american(cls, services: Services) -> RecordedShop:
        """Create a shop in the US, with contacts there and in Germany."""
        shop = RecordedShop(services, country="US")
        shop.record(
            *contacts_with("phone", [*cls.NUMBERS, "5550100"]).items,
            Contact(8, phone="212 555 0100", country="DE"),
            Contact(9, phone="020 7946 0000", country="GB"),
        )
        return shop

    @pytest.mark.parametrize(
        ("rule", "matching"),
        [
            (phoning("ANY_OF", "+1 212 555 0100"), {0, 1, 2, 3}),
            (phoning("ANY_OF", "(212) 555-0100"), {0, 1, 2, 3}),
            (phoning("ANY_OF", "+49 2125550100"), {8}),
            (phoning("ANY_OF", "0044 20 7946 0000"), {4, 9}),
            # Not valid in the US, so they match numbers that were recorded with these digits.
            (phoning("ANY_OF", "020 7946 0000"), {9}),
            (phoning("ANY_OF", "555-0100"), {7}),
            (phoning("NONE_OF", "(212) 555-0100", "555-0100"), {4, 5, 6, 8, 9}),
            (phoning("CONTAINS", digits="555-01"), {0, 1, 2, 3, 7, 8}),
            (phoning("IS_NOT_SET"), {6}),
        ],
    )
    def test_valid_numbers_are_the_same_however_they_are_written(
        self, american: RecordedShop, rule: Document, matching: set[int]
    ) -> None:
        assert american.matching(rule) == matching


# Phone numbers, their contacts' countries, and their codes in a shop in the US.
PHONES: tuple[tuple[str | None, str | None, str | None], ...] = (
    ("+1 (212) 555-0100", None, "212"),
    ("+12125550100", "DE", "212"),
    (" +1 604 555 0100", "CA", "604"),
    ("212.555.0100", None, "212"),
    ("212 555 0100", "US", "212"),
    ("1-212-555-0100", "US", "212"),
    ("212 555 0100", "PR", "212"),
    ("001 212 555 0100", "FR", "212"),
    ("212 555 0100", "GB", None),
    ("1 212 555 0100", "GB", None),
    ("+44 20 7946 0000", "US", "+44"),
    ("0044 20 7946 0000", None, "+44"),
    ("\u00a0(+44) 20 7946 0000", None, "+44"),
    ("+7 495 123 45 67", None, "+7"),
    ("+380 44 123 4567", None, "+380"),
    ("+852 2123 4567", None, "+852"),
    ("+81 3 1234 5678", None, "+81"),
    ("020 7946 0000", None, None),
    ("112 555 0100", None, None),
    ("012 555 0100", "US", None),
    ("911", "US", None),
    ("+1 212 555", "US", None),
    ("+1 112 555 0100", "US", None),
    ("+", None, None),
    ("call me", None, None),
    (None, "US", None),
    ("5550100", "US", None),
    ("+15550100001", None, None),
    ("+1 800 555 0199", None, "800"),
)


class TestAreaCodes:
    @pytest.fixture(scope="class")
    @classmethod
    def phones(cls, services: Services) -> RecordedShop:
        boutique = RecordedShop(services, country="US")
        boutique.record(
            *(
                Contact(id_, phone=phone, country=country)
                for id_, (phone, country, _) in enumerate(PHONES)
            )
        )
        return boutique

    def test_each_phone_number_has_the_code_of_its_area_or_country(
        self, phones: RecordedShop
    ) -> None:
        codes = sorted({code for *_, code in PHONES if code is not None})
        found = phones.answers([calls("ANY_OF", code) for code in codes])
        expected = [{id_ for id_, (*_, own) in enumerate(PHONES) if own == code} for code in codes]
        assert dict(zip(codes, found, strict=True)) == dict(zip(codes, expected, strict=True))

    def test_plus_1_matches_all_of_north_america(self, phones: RecordedShop) -> None:
        american = {id_ for id_, (*_, code) in enumerate(PHONES) if (code or "+")[0] != "+"}
        everyone = set(range(len(PHONES)))
        assert phones.matching(calls("ANY_OF", "+1")) == american
        assert phones.matching(calls("NONE_OF", "+1")) == everyone - american
        assert phones.matching(calls("ANY_OF", "+1", "+7")) == american | {13}

    def test_a_phone_number_without_a_code_has_no_value(self, phones: RecordedShop) -> None:
        unknown = {id_ for id_, (*_, code) in enumerate(PHONES) if code is None}
        assert phones.matching(calls("IS_NOT_SET")) == unknown
        assert phones.matching(calls("NONE_OF", "999")) == set(range(len(PHONES)))
        assert unknown <= phones.matching(calls("NONE_OF", "212"))


@pytest.fixture(scope="module")
def hostile(services: Services) -> RecordedShop:
    """Record a contact for each hostile string, with it as tag, city and domain."""
    shop = RecordedShop(services)
    shop.record(
        *(
            Contact(id_, tags=(text, "same"), city=text, email=f"a@{text}"[:255])
            for id_, text in enumerate(HOSTILE)
        )
    )
    return shop


class TestHostileTexts:
    @pytest.mark.parametrize(
        "rule",
        [
            lambda text: tagged("ANY_OF", text),
            lambda text: tagged("ALL_OF", text, "same"),
            lambda text: lives("ANY_OF", text),
        ],
        ids=["any tag", "all tags", "city"],
    )
    def test_a_hostile_tag_or_city_only_matches_itself(
        self, hostile: RecordedShop, rule: Callable[[str], Document]
    ) -> None:
        found = hostile.matching_each([hostile.rule(rule(text)) for text in HOSTILE])
        assert found == [{id_} for id_ in range(len(HOSTILE))]

    @pytest.mark.parametrize("rule", [tagged, lives], ids=["tags", "cities"])
    def test_all_values_except_one_match_all_contacts_except_one(
        self, hostile: RecordedShop, rule: Callable[..., Document]
    ) -> None:
        assert hostile.matching(rule("ANY_OF", *HOSTILE[1:])) == set(range(1, len(HOSTILE)))
        assert hostile.matching(rule("NONE_OF", *HOSTILE[1:])) == {0}

    def test_a_hostile_domain_only_matches_itself(self, hostile: RecordedShop) -> None:
        own = [domain_of(f"a@{text}"[:255]) for text in HOSTILE]
        found = hostile.matching_each([hostile.rule(writes("ANY_OF", text)) for text in HOSTILE])
        for text, ids in zip(HOSTILE, found, strict=True):
            assert ids == {id_ for id_, domain in enumerate(own) if domain == plain(text)}, text
        assert sum(map(len, found)) > len(HOSTILE) // 2
