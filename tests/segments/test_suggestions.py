"""Suggestions for each field, from the shop's own facts.

This module is long because of one shop's facts and what each field suggests from them.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from graphql_app.errors import AppError, ErrorCode
from graphql_app.runtime.services import Services
from tests.parity.evaluation.facts import Contact, Event, Line, Order, Product
from tests.parity.examples import HOSTILE
from tests.parity.recorded_shop import NOW, RecordedShop
from tests.schema.operations import ARCHIVE, create
from tests.support import Client, Server

OF_TEXT = {"ANY_OF", "NONE_OF", "CONTAINS", "NOT_CONTAINS", "STARTS_WITH", "NOT_STARTS_WITH"}
OF_NUMBERS = {
    *("EQUALS", "NOT_EQUALS", "GREATER_THAN", "AT_LEAST", "LESS_THAN", "AT_MOST", "BETWEEN")
}
OF_DATES = {
    *("ON", "NOT_ON", "BEFORE", "ON_OR_BEFORE", "AFTER", "ON_OR_AFTER", "BETWEEN_DAYS"),
    *("IN_LAST", "NOT_IN_LAST", "MORE_THAN_AGO"),
}
OF_YES_AND_NO = {"IS_TRUE", "IS_FALSE"}
OF_ANYTHING = {"IS_SET", "IS_NOT_SET"}

# The properties of two contacts and of the events of two names.
PROPERTIES: Sequence[Mapping[str, Any]] = (
    {"color": "red", "points": 5, "member": True, "birthday": "2000-02-29", "odd": ["x"]},
    {"color": "blue", "points": -0.5, "member": False, "seen": "2024-05-01T10:00:00+02:00"},
    {"color": "red", "points": "many", "birthday": "unknown", "nothing": None, "blank": ""},
    {"color": "Dark Red", "points": 10**20, "birthday": "1999-12-31"},
)


@pytest.fixture(scope="module")
def boutique(services: Services) -> RecordedShop:
    shop = RecordedShop(services)
    contacts = [
        Contact(
            id_,
            phone=("+1 212 555 0100", "+1 (212) 555-0101", "+44 20 7946 0000", None)[id_],
            email=("a@gmail.com", "b@gmail.com ", "c@gmx.de", "nobody")[id_],
            city=("Austin", "Austin", "Zürich", None)[id_],
            tags=(("vip",), ("vip", "new"), ("Vip",), ())[id_],
            properties=json.dumps(PROPERTIES[id_]),
        )
        for id_ in range(4)
    ]
    events = [
        *(Event(id_, id_, "viewed", NOW, json.dumps(PROPERTIES[id_])) for id_ in range(3)),
        Event(9, 1, "bought", NOW, '{"price": 5, "color": "green"}'),
    ]
    shop.record(
        *contacts,
        *events,
        Product("p1", "Water Bottle"),
        Product("p2", "Mug"),
        Product("p3", "Big mug"),
        Order(1, 1, NOW, lines=(Line("p2"), Line("p1"))),
        Order(2, 2, NOW, lines=(Line("p2"),)),
    )
    return shop


class TestProperties:
    @pytest.mark.parametrize(
        ("criterion", "field"), [("property", "property"), ("event", "conditions.property")]
    )
    def test_property_names_have_the_commonest_kind_of_value_and_its_operators(
        self, boutique: RecordedShop, criterion: str, field: str
    ) -> None:
        given = {"name": "viewed"} if criterion == "event" else {}
        found = {
            option.value: (option.label, set(option.operators or ()))
            for option in boutique.options(criterion, field, given=given)
        }
        assert found == {
            "color": ("color (text)", OF_TEXT | OF_ANYTHING),
            "points": ("points (number)", OF_NUMBERS | OF_ANYTHING),
            "member": ("member (yes/no)", OF_YES_AND_NO | OF_ANYTHING),
            "birthday": ("birthday (date)", OF_DATES | OF_ANYTHING),
            "seen": ("seen (date)", OF_DATES | OF_ANYTHING),
            "odd": ("odd (text)", OF_TEXT | OF_ANYTHING),
        }

    def test_the_most_frequent_names_come_first(self, boutique: RecordedShop) -> None:
        names = ["color", "points", "birthday", "member", "odd", "seen"]
        assert boutique.suggest("property", "property") == names

    def test_names_are_searched_by_any_part_ignoring_case(self, boutique: RecordedShop) -> None:
        assert boutique.suggest("property", "property", "OI") == ["points"]
        assert boutique.suggest("property", "property", "e") == ["member", "seen"]
        assert boutique.suggest("property", "property", "date") == []

    def test_events_offer_the_properties_of_their_name_or_of_all_events(
        self, boutique: RecordedShop
    ) -> None:
        def names(given: Mapping[str, Any]) -> list[str]:
            return boutique.suggest("event", "conditions.property", "", given)

        assert names({"name": "bought"}) == ["color", "price"]
        assert "price" not in names({"name": "viewed"})
        assert {"price", "birthday"} < set(names({}))
        assert names({"name": "nothing"}) == []

    def test_anniversaries_offer_date_properties(self, boutique: RecordedShop) -> None:
        assert boutique.suggest("anniversary", "property") == ["birthday", "seen"]
        assert boutique.suggest("anniversary", "property", "BIRTH") == ["birthday"]

    def test_lists_count_as_their_elements(self, services: Services) -> None:
        shop = RecordedShop(services)
        documents: list[dict[str, Any]] = [
            {"sizes": ["M", "L", 5], "days": ["2024-05-01"], "rows": [["x"], {"y": "z"}]},
            {"sizes": [], "days": ["2024-05-02"], "day": "2024-05-01"},
        ]
        shop.record(*(Contact(id_, properties=json.dumps(it)) for id_, it in enumerate(documents)))
        labels = {option.label for option in shop.options("property", "property")}
        assert labels == {"sizes (text)", "days (date)", "day (date)"}
        assert shop.suggest("property", "texts", "", {"property": "sizes"}) == ["L", "M"]
        assert shop.suggest("property", "texts", "", {"property": "rows"}) == []
        assert shop.suggest("anniversary", "property") == ["days", "day"]

    def test_texts_that_are_numbers_offer_both_kinds_of_operators(self, services: Services) -> None:
        shop = RecordedShop(services)
        documents = [{"age": "42", "zip": "10001"}, {"age": "-3.5"}, {"age": "unknown"}]
        shop.record(*(Contact(id_, properties=json.dumps(it)) for id_, it in enumerate(documents)))
        found = {it.label: set(it.operators or ()) for it in shop.options("property", "property")}
        both = OF_TEXT | OF_NUMBERS | OF_ANYTHING
        assert found == {"age (text or number)": both, "zip (text or number)": both}

    def test_hostile_names_and_values_are_offered_unchanged(self, services: Services) -> None:
        shop = RecordedShop(services)
        document = json.dumps({text: text for text in HOSTILE})
        shop.record(Contact(1, properties=document), Event(1, 1, "'; --", NOW, document))
        given = {"name": "'; --"}
        assert set(shop.suggest("property", "property")) == set(HOSTILE)
        assert set(shop.suggest("event", "conditions.property", "", given)) == set(HOSTILE)
        for text in HOSTILE:
            holding = {name for name in HOSTILE if text.casefold() in name.casefold()}
            assert set(shop.suggest("property", "property", text)) == holding
        for text in HOSTILE[::3]:
            own = {"property": text}
            of_event = {**given, "conditions.property": text}
            assert shop.suggest("property", "texts", "", own) == [text]
            assert shop.suggest("event", "conditions.texts", text, of_event) == [text]

    def test_values_that_no_rule_accepts_are_not_offered(self, services: Services) -> None:
        shop = RecordedShop(services)
        texts = ["", " ", "\u2003\u00a0", "\x1c\x85", "é" * 256, "é" * 255, " x"]
        shop.record(
            *(
                Contact(id_, properties=json.dumps({text: "it", "it": text}))
                for id_, text in enumerate(texts)
            )
        )
        assert set(shop.suggest("property", "property")) == {"it", "é" * 255, " x"}
        own = {"property": "it"}
        assert set(shop.suggest("property", "texts", "", own)) == {"é" * 255, "x"}


class TestValues:
    def test_values_of_the_given_property_are_offered_most_frequent_first(
        self, boutique: RecordedShop
    ) -> None:
        color = {"property": "color"}
        assert boutique.suggest("property", "texts", "", color) == ["red", "Dark Red", "blue"]
        assert boutique.suggest("property", "texts", "RED", color) == ["red", "Dark Red"]
        assert boutique.suggest("property", "texts", "", {"property": "points"}) == ["many"]
        assert boutique.suggest("property", "texts", "", {"property": "blank"}) == []
        assert boutique.suggest("property", "texts", "", {"property": "Color"}) == []

    @pytest.mark.parametrize(
        "given", [{}, {"property": 5}, {"property": ""}, {"property": "x" * 256}, {"no": "color"}]
    )
    def test_without_a_property_no_values_are_offered(
        self, boutique: RecordedShop, given: Mapping[str, Any]
    ) -> None:
        assert boutique.suggest("property", "texts", "", given) == []

    def test_events_offer_the_values_of_their_name(self, boutique: RecordedShop) -> None:
        color = {"conditions.property": "color"}
        bought, viewed = ({"name": name, **color} for name in ("bought", "viewed"))
        assert boutique.suggest("event", "conditions.texts", "", bought) == ["green"]
        assert boutique.suggest("event", "conditions.texts", "", viewed) == ["red", "blue"]
        assert boutique.suggest("event", "conditions.texts", "r", color) == ["red", "green"]
        assert boutique.suggest("event", "conditions.texts", "", {"name": "bought"}) == []


# Fields that suggest values of facts, all of those values in order, and a search.
OWN_VALUES = (
    ("event", "name", ["viewed", "bought"], "OUG", ["bought"]),
    ("tag", "tags", ["vip", "new"], "ＶＩ", ["vip"]),
    ("city", "cities", ["Austin", "Zürich"], "ZÜ", ["Zürich"]),
    ("emailDomain", "domains", ["gmail.com", "gmx.de"], "MX", ["gmx.de"]),
    ("areaCode", "codes", ["212", "+44"], "+", ["+44"]),
    ("ordersPlaced", "products", ["p2", "p1", "p3"], "MUG", ["p2", "p3"]),
)
SUGGESTING = [
    *((criterion, field) for criterion, field, *_ in OWN_VALUES),
    *(("property", "property"), ("property", "texts"), ("anniversary", "property")),
    *(("event", "conditions.property"), ("event", "conditions.texts")),
]


class TestOwnValues:
    @pytest.mark.parametrize(("criterion", "field", "values", "search", "matching"), OWN_VALUES)
    def test_values_are_sorted_by_frequency_and_searched_ignoring_case(
        self,
        boutique: RecordedShop,
        criterion: str,
        field: str,
        values: list[str],
        search: str,
        matching: list[str],
    ) -> None:
        assert boutique.suggest(criterion, field) == values
        assert boutique.suggest(criterion, field, search) == matching
        assert boutique.suggest(criterion, field, "%") == []
        assert all(option.operators is None for option in boutique.options(criterion, field))

    def test_email_domains_are_offered_as_recorded(self, services: Services) -> None:
        shop = RecordedShop(services)
        emails = ["a@Straße.de", "b@x@Straße.de ", "c@STRASSE.DE", "a＠ｇｍｘ.de", "b﹫gmx.de"]
        emails += ["c@GMX.de", "d@gmx.de", "e@two words.de", "f@", "gmail.com", ""]
        shop.record(*(Contact(id_, email=email) for id_, email in enumerate(emails)))
        assert shop.suggest("emailDomain", "domains") == ["gmx.de", "Straße.de"]
        assert shop.suggest("emailDomain", "domains", "strasse") == ["Straße.de"]
        labels = shop.labels("emailDomain", "domains", ["strasse.DE", "GMX.de", "gmail.com"])
        assert labels == {"strasse.DE": "Straße.de", "GMX.de": "gmx.de"}
        by_label = {"emailDomain": {"operator": "ANY_OF", "domains": ["Straße.de"]}}
        assert shop.matching(by_label) == {0, 1, 2}

    def test_products_are_labeled_with_their_titles(self, boutique: RecordedShop) -> None:
        found = boutique.options("ordersPlaced", "products", "bottle")
        assert [(option.value, option.label) for option in found] == [("p1", "Water Bottle")]

    @pytest.mark.parametrize(("criterion", "field"), SUGGESTING)
    def test_another_shop_gets_no_suggestions(
        self, boutique: RecordedShop, services: Services, criterion: str, field: str
    ) -> None:
        given = {"property": "color", "name": "viewed", "conditions.property": "color"}
        other = RecordedShop(services)
        other.record(Contact(1), Contact(2))
        assert boutique.suggest(criterion, field, "", given)
        assert other.suggest(criterion, field, "", given) == []

    @pytest.mark.parametrize("field", ["conditions", "conditions.nothing", "property", "nothing"])
    def test_missing_fields_and_forms_have_no_suggestions(
        self, boutique: RecordedShop, field: str
    ) -> None:
        if field == "conditions":
            assert boutique.suggest("event", field) == []
            return
        with pytest.raises(AppError) as caught:
            boutique.suggest("event", field)
        assert caught.value.code is ErrorCode.NOT_FOUND


class TestLabels:
    @pytest.mark.parametrize(("criterion", "field"), [*SUGGESTING, ("location", "countries")])
    def test_labels_equal_those_of_the_suggestions(
        self, boutique: RecordedShop, criterion: str, field: str
    ) -> None:
        given = {"property": "color", "name": "viewed", "conditions.property": "color"}
        offered = boutique.options(criterion, field, given=given)
        expected = {option.value: option.label for option in offered}
        assert expected
        assert boutique.labels(criterion, field, ["nothing", *expected], given) == expected
        for value, label in list(expected.items())[:3]:
            assert boutique.labels(criterion, field, [value], given) == {value: label}

    def test_a_text_in_another_spelling_has_the_label_of_the_most_frequent(
        self, services: Services
    ) -> None:
        shop = RecordedShop(services)
        shop.record(
            *(
                Contact(id_, city=city, tags=(city,), properties=json.dumps({"place": city}))
                for id_, city in enumerate(["Straße", "Straße", "STRASSE", "Café"])
            )
        )
        expected = {"Straße": "Straße", "strasse": "Straße", "CAFE\u0301": "Café"}
        values, given = [*expected, "cafe"], {"property": "place"}
        for criterion, field in (("city", "cities"), ("tag", "tags"), ("property", "texts")):
            assert shop.labels(criterion, field, values, given) == expected

    def test_values_without_a_name_have_no_labels(self, boutique: RecordedShop) -> None:
        for values in ([], ["p9"], ["P1", "p", "%"], list(HOSTILE)):
            assert boutique.labels("ordersPlaced", "products", values) == {}
        assert boutique.labels("spend", "amount", ["50"]) == {}
        assert boutique.labels("event", "conditions", ["color"]) == {}

    def test_another_shop_has_no_labels(self, boutique: RecordedShop, services: Services) -> None:
        other = RecordedShop(services)
        other.record(Product("p2", "Pencil"))
        assert other.labels("ordersPlaced", "products", ["p1", "p2"]) == {"p2": "Pencil"}
        own = boutique.labels("ordersPlaced", "products", ["p1", "p2"])
        assert own == {"p1": "Water Bottle", "p2": "Mug"}

    @pytest.mark.parametrize(
        ("criterion", "field", "values", "code", "argument"),
        [
            ("nothing", "products", ["p1"], ErrorCode.UNKNOWN_CRITERION, "criterion"),
            ("event", "nothing", ["p1"], ErrorCode.NOT_FOUND, "field"),
            ("event", "name", ["p1"] * 1001, ErrorCode.LIMIT_EXCEEDED, "values"),
        ],
    )
    def test_errors_name_the_wrong_argument(
        self,
        boutique: RecordedShop,
        criterion: str,
        field: str,
        values: list[str],
        code: ErrorCode,
        argument: str,
    ) -> None:
        with pytest.raises(AppError) as caught:
            boutique.labels(criterion, field, values)
        assert [(found.code, found.path) for found in caught.value.problems] == [
            (code, (argument,))
        ]
        assert len(boutique.labels("ordersPlaced", "products", ["p1"] * 1000)) == 1


LABELS = """
query ($ids: [String!]!) {
  fieldLabels(criterion: "inSegment", field: "segment", values: $ids) { value label }
}
"""
SEGMENTS = """
query ($search: String!) {
  fieldSuggestions(criterion: "inSegment", field: "segment", search: $search) { value label }
}
"""


def segments(shop: Client, search: str = "") -> dict[str, str]:
    found = shop.ask(SEGMENTS, search=search)["fieldSuggestions"]
    return {option["value"]: option["label"] for option in found}


class TestSegments:
    def test_saved_segments_of_the_shop_are_offered_by_name_except_archived_ones(
        self, server: Server
    ) -> None:
        shop, other = server.shop(), server.shop()
        defaults = segments(shop)
        assert len(defaults) == 2
        vips = create(shop, "VIPs % of all")
        away = create(shop, "Past VIPs")
        create(other, "Other VIPs")
        shop.ask(ARCHIVE, id=away["id"])
        assert segments(shop) == {**defaults, vips["id"]: vips["name"]}
        assert segments(shop, "vip") == {vips["id"]: vips["name"]}
        assert segments(shop, "%") == {vips["id"]: vips["name"]}
        assert list(segments(other, "VIPS").values()) == ["Other VIPs"]
        ids = [away["id"], "nonsense", vips["id"], *segments(other, "vips")]
        assert [tuple(found.values()) for found in shop.ask(LABELS, ids=ids)["fieldLabels"]] == [
            (away["id"], away["name"]),
            ("nonsense", None),
            (vips["id"], vips["name"]),
            (ids[-1], None),
        ]
        rule = {"inSegment": {"operator": "IS", "segment": vips["id"]}}
        assert shop.members(rule) == 0
