"""Texts and properties that could break out of a statement only match themselves."""

import json
from collections.abc import Callable

import pytest

from graphql_app.runtime.services import Services
from tests.parity.evaluation.comparisons import plain
from tests.parity.evaluation.facts import Contact, Document, KeywordUse, Line, Order
from tests.parity.examples import ALL, BECAUSE_OF_IT, HOSTILE, ORDER, bought, located, texted_in
from tests.parity.recorded_shop import NOW, RecordedShop


class TestProperties:
    @pytest.mark.parametrize(
        "properties",
        [
            '{"points": "many", "joined": "yesterday", "": null}',
            '{"points": {"deep": [[[]]]}, "points ": [1, "2", null, true]}',
            '{"points": 1e308, "joined": -99999999999999999999}',
            '{"it\'s \\"odd\\" \\\\ %": "\\u0000\\n\\t{x:String} :name \\ud83d\\ude00"}',
            "{}",
        ],
    )
    def test_unusual_properties_are_kept_and_break_no_rule(
        self, boutique: RecordedShop, properties: str
    ) -> None:
        boutique.record(Contact(1, country="US", properties=properties), Contact(2), ORDER)
        stored = boutique.engine.people([1, 2])
        assert stored.keys() == {1, 2}
        kept = json.loads(stored[1].properties, parse_int=float)
        assert kept == json.loads(properties, parse_int=float)
        assert stored[2].properties == "{}"
        assert boutique.matching(located("ANY_OF", countries=["US"])) == {1}
        assert boutique.answers(BECAUSE_OF_IT) == [{1}] * 6


@pytest.fixture(scope="module")
def hostile(services: Services) -> RecordedShop:
    """Record a contact for each hostile string, which has it in every text field."""
    shop = RecordedShop(services)
    shop.record(
        *(Contact(id_, phone=text, country="US", region=text) for id_, text in enumerate(HOSTILE)),
        *(Order(id_, id_, NOW, lines=(Line(text),)) for id_, text in enumerate(HOSTILE)),
        *(KeywordUse(id_, text, NOW) for id_, text in enumerate(HOSTILE)),
    )
    return shop


class TestTexts:
    @pytest.mark.parametrize(
        "rule",
        [
            lambda *texts: texted_in("ANY_OF", *texts),
            lambda *texts: texted_in("ALL_OF", *texts),
            lambda *texts: bought("ANY_OF", *texts),
            lambda *texts: bought("ALL_OF", *texts, minimumTimes=1),
            lambda *texts: located("ANY_OF", countries=["US"], regions=list(texts)),
        ],
        ids=["keyword any", "keyword all", "product any", "product all", "region"],
    )
    def test_hostile_text_only_matches_itself(
        self, hostile: RecordedShop, rule: Callable[..., Document]
    ) -> None:
        found = dict(zip(HOSTILE, map(hostile.matching, map(rule, HOSTILE)), strict=True))
        assert found == {text: {id_} for id_, text in enumerate(HOSTILE)}

    @pytest.mark.parametrize(
        "rule",
        [
            lambda texts: texted_in("ANY_OF", *texts),
            lambda texts: bought("ANY_OF", *texts),
            lambda texts: located("ANY_OF", countries=["US"], regions=texts),
        ],
        ids=["keyword", "product", "region"],
    )
    def test_all_hostile_texts_except_one_match_all_contacts_except_one(
        self, hostile: RecordedShop, rule: Callable[..., Document]
    ) -> None:
        assert hostile.matching(rule(list(HOSTILE[1:]))) == set(range(1, len(HOSTILE)))
        assert hostile.matching({"not": rule(list(HOSTILE[1:]))}) == {0}

    @pytest.mark.parametrize(
        ("criterion", "name"),
        [("keyword", "keywords"), ("productPurchased", "products"), ("location", "regions")],
    )
    def test_a_hostile_search_suggests_values_that_contain_it(
        self, hostile: RecordedShop, criterion: str, name: str
    ) -> None:
        for search in HOSTILE:
            containing = {text for text in HOSTILE if plain(search) in plain(text)}
            assert set(hostile.suggest(criterion, name, search)) == containing

    def test_nothing_was_injected(self, hostile: RecordedShop) -> None:
        assert hostile.matching(ALL) == set(range(len(HOSTILE)))
