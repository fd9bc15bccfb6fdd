"""One form in which texts are compared."""

import sys
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_app.folding import email_domain, fold, fold_document, name_key

FORMS: tuple[Literal["NFC", "NFD", "NFKC", "NFKD"], ...] = ("NFC", "NFD", "NFKC", "NFKD")


# Not at import: they take seconds, and each process of pytest-xdist imports all tests.
@cache
def _characters() -> Sequence[str]:
    return [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]


@cache
def _foldable() -> Sequence[str]:
    """Return the characters that folding changes, alone or beside others."""
    return [
        each
        for each in _characters()
        if unicodedata.combining(each)
        or unicodedata.normalize("NFKD", each) != each
        or fold(each) != each
    ]


FOLDABLE = st.deferred(lambda: st.sampled_from(_foldable()))

# Folding the case of U+0345, a mark, makes a letter of it, which no mark can move past any more.
IOTA = "\u0345"
MARKS = st.deferred(lambda: st.sampled_from([*filter(unicodedata.combining, _characters())]))
SEQUENCES = st.text(st.sampled_from("αΑιυ\u0301\u0308ςᾳϓ ") | st.just(IOTA) | MARKS, max_size=8)


@pytest.mark.parametrize(
    "same",
    [
        ("café", "cafe\u0301", "CAFÉ", "CAFE\u0301", " café\u00a0"),
        ("straße", "STRASSE", "strasse", "STRAẞE"),
        ("ΣΑΣ", "σας", "σασ"),
        ("ﬁt", "FIT"),
        ("ｊｏｉｎ", "JOIN"),
        ("İzmir", "i\u0307zmir"),
        ("α\u0345\u0301", "α\u0301\u0345", "ᾴ", "ᾳ\u0301", "ά\u0345", "άι", "ΆΙ"),
        ("new york", "NEW\u00a0YORK", "\tNew York\n"),
        ("", " ", "\u3000"),
    ],
)
def test_texts_that_read_the_same_fold_to_one(same: tuple[str, ...]) -> None:
    assert len(set(map(fold, same))) == 1


@pytest.mark.parametrize(
    "different", [("izmir", "İzmir"), ("cafe", "café"), ("new york", "newyork"), ("1", "l")]
)
def test_other_texts_stay_apart(different: tuple[str, ...]) -> None:
    assert len(set(map(fold, different))) == len(different)


def test_no_character_folds_to_nothing_but_space() -> None:
    assert [each for each in _characters() if each.strip() and not fold(each)] == []


@given(st.text(FOLDABLE, max_size=5) | SEQUENCES | st.text(max_size=20))
def test_every_form_of_a_text_folds_to_one_and_folding_again_changes_nothing(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    for form in FORMS:
        assert fold(unicodedata.normalize(form, text)) == folded
    # Folding the case of a text whose marks are in no normal order would keep them in that order.
    assert fold(unicodedata.normalize("NFKC", text).casefold()) == folded
    assert fold(f"\u2003{text}\n") == folded


@pytest.mark.parametrize(
    ("email", "domain"),
    [
        (" Ada@Example.COM ", "example.com"),
        ("a@b@SHOP.example", "shop.example"),
        ("a＠ｘ.example", "x.example"),
        ("a@bu\u0308cher.example", "bücher.example"),
        ("a@two words", None),
        ("a@", None),
        ("example.com", None),
    ],
)
def test_the_domain_of_an_address_is_folded(email: str, domain: str | None) -> None:
    assert email_domain(email) == domain


def test_a_document_is_folded_except_for_its_names_and_nested_objects() -> None:
    document = '{"Color":" RED","list":["A",1,["B"]],"number":1.50,"none":null,"in":{"A":"B"}}'
    folded = '{"Color":"red","list":["a",1,["B"]],"number":1.5,"none":null,"in":{"A":"B"}}'
    assert fold_document(document) == folded


def test_names_of_segments_are_equal_whatever_their_spaces() -> None:
    assert name_key(" VIPs\u00a0 of\tＢerlin ") == name_key("vips of berlin")
