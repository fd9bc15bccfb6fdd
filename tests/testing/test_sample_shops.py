"""The shops that criteria are tried on: the same each time, odd, and with a plain copy."""

from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from graphql_app.audience.facts import FACTS, FactType
from graphql_app.audience.tables import (
    Contact,
    Event,
    KeywordUse,
    Order,
    OrderLine,
    Product,
    TextMessage,
    sql_table,
)
from graphql_app.runtime.services import Services
from graphql_app.testing.engine import new_shop_id
from graphql_app.testing.hostile_texts import HOSTILE, NOBODYS, ORDINARY, OTHERS, PATTERNS, plain
from graphql_app.testing.sample_facts import CONTACTS, WITHOUT_FACTS, FactMaker
from graphql_app.testing.sample_shops import MadeShop

PLAIN = [plain(text) for text in HOSTILE]
RECORDED: list[FactType] = [fact for name, fact in FACTS.items() if name != "order_lines"]


def _texts(value: Any) -> list[str]:
    match value:
        case str():
            return [value]
        case dict():
            return [text for pair in value.items() for part in pair for text in _texts(part)]
        case list():
            return [text for item in value for text in _texts(item)]
        case _:
            return []


@pytest.mark.parametrize("texts", [HOSTILE, PLAIN], ids=["hostile", "plain"])
def test_no_text_is_within_another_as_a_whole_or_by_its_words(texts: list[str]) -> None:
    for one, other in permutations(texts, 2):
        assert one.lower() not in other.lower()
        assert not all(word in other.lower() for word in one.lower().split())


def test_a_plain_text_is_harmless_and_as_long() -> None:
    for text, harmless in zip(HOSTILE, PLAIN, strict=True):
        assert harmless != text
        assert plain(harmless) == harmless
        assert len(harmless) == len(text)
        assert len(harmless.encode()) == len(text.encode())
        assert plain(text.lower()) == harmless.lower()
        assert plain(text).split() == [plain(word) for word in text.split()]


@pytest.mark.parametrize("value", [*ORDINARY, "2024-03-10T23:30:00-05:00", "+12125550101", 5, None])
def test_what_has_a_meaning_stays_as_it_is(value: Any) -> None:
    assert plain(value) == value


def test_nothing_in_a_plain_shop_holds_what_nobody_has() -> None:
    maker = FactMaker("shop", ["vip", "50% off"])
    rows: list[Any] = [
        *maker.contacts(FACTS["contacts"]),
        *maker.products(FACTS["products"]),
        *(row for fact in RECORDED for row in maker.rows(fact)),
    ]
    texts = {text.casefold() for row in rows for text in _texts(plain(row))}
    for absent in (NOBODYS, *PATTERNS, *OTHERS):
        assert not any(absent.casefold() in text for text in texts), absent


def test_a_seed_is_a_shop() -> None:
    first, again, other = (FactMaker(seed).rows(FACTS["events"]) for seed in ("a", "a", "b"))
    assert first == again
    assert first != other


def test_a_shop_has_rows_in_every_table_and_contacts_without_any(services: Services) -> None:
    shop = MadeShop(
        services.audience, services.recorder, new_shop_id(), "shop", ["a word of its own"]
    )
    shop.record()

    def count(*conditions: Any) -> int:
        found = services.audience.fetch_rows(select(func.count()).where(*conditions), shop.id)
        return int(found[0][0])

    assert count(col(Contact.id) >= 0) == len(CONTACTS)
    assert count(col(Contact.tags) == [], col(Contact.id).in_(WITHOUT_FACTS)) == len(WITHOUT_FACTS)
    for table in (Order, OrderLine, TextMessage, KeywordUse, Event):
        contact = sql_table(table).c.contact_id
        assert count(contact > 0) > 20
        assert count(contact.in_(WITHOUT_FACTS)) == 0
        assert count(contact.not_in(select(col(Contact.id)))) > 0
    assert count(col(Order.cancelled_at).is_not(None)) > 5
    assert count(col(Product.id) == "a word of its own") == 1
    assert count(col(Contact.country).is_(None)) > len(WITHOUT_FACTS)
