"""Facts that are recorded late, twice, again with other values, or forgotten.

This module is long because every kind of fact changes in ways of its own.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from graphql_app.runtime.services import Services
from tests.parity.evaluation.facts import (
    Batch,
    Contact,
    Contacts,
    Forget,
    Keywords,
    KeywordUse,
    Line,
    Order,
    OrderLines,
    Orders,
    Text,
    Texts,
)
from tests.parity.examples import (
    ALL,
    BECAUSE_OF_IT,
    DAY,
    ORDER,
    bought,
    is_a,
    last,
    last_ordered,
    located,
    ordered,
    people_with_ids,
    spent,
    subscribed,
    texted,
    texted_in,
)
from tests.parity.recorded_shop import NOW, RecordedShop


def history(first: int) -> tuple[Batch, ...]:
    """Return facts of two contacts, with ids from ``first``."""
    one, two = first, first + 1
    return (
        Contacts((Contact(one, "+12125550100", "US", subscribed_at=NOW - DAY), Contact(two))),
        Orders(
            (
                replace(ORDER, id=one, contact_id=one),
                replace(ORDER, id=two, contact_id=two, ordered_at=NOW - 40 * DAY),
            )
        ),
        Texts((Text(one, one, NOW), Text(two, one, NOW), Text(first + 2, two, NOW - DAY))),
        Keywords((KeywordUse(one, "join", NOW), KeywordUse(two, "JOIN", NOW - DAY))),
    )


HISTORY = history(1)


ABOUT_IT = (
    ALL,
    ordered("EQUALS", 1),
    spent("EQUALS", "50.00", within=last(30, "DAYS")),
    bought("ANY_OF", "a", minimumUnits=2),
    bought("ANY_OF", "a", minimumUnits=3),
    bought("ALL_OF", "a", "b", minimumTimes=1),
    texted("EQUALS", 2),
    texted("EQUALS", 1),
    texted_in("ANY_OF", "join"),
    last_ordered("MORE_THAN_AGO", days=30),
    is_a("BOTH"),
)


ANSWERS = [{1, 2}, {1, 2}, {1}, {1, 2}, set(), {1, 2}, {1}, {2}, {1, 2}, {2}, {1}]


def answers_about(firsts: Sequence[int]) -> list[set[int]]:
    """Return the answers for several histories, by the first id of each."""
    return [{first - 1 + id_ for first in firsts for id_ in ids} for ids in ANSWERS]


class TestBatches:
    def test_batches_may_come_in_any_order(self, boutique: RecordedShop) -> None:
        orders = [*list(permutations(range(4)))[::5], (3, 2, 1, 0)]
        firsts = [10 * number for number in range(len(orders))]
        for first, order in zip(firsts, orders, strict=True):
            batches = history(first)
            boutique.record(*(batches[number] for number in order))
        assert boutique.answers(ABOUT_IT) == answers_about(firsts)
        assert boutique.textable() == len(orders)

    def test_recording_a_batch_twice_changes_nothing(self, boutique: RecordedShop) -> None:
        firsts = [10 * number for number in range(4)]
        for repeated, first in enumerate(firsts):
            batches = history(first)
            boutique.record(*batches, batches[repeated])
        assert boutique.answers(ABOUT_IT) == answers_about(firsts)

    def test_the_last_version_in_a_batch_counts(self, boutique: RecordedShop) -> None:
        early = replace(ORDER, total=Decimal(1), lines=(Line("c", 9), Line("c"), Line("d")))
        boutique.record(
            Contact(1, country="DE"),
            Contact(1, country="US"),
            early,
            ORDER,
            Text(1, 2, NOW),
            Text(1, 1, NOW),
            KeywordUse(1, "join", NOW),
            KeywordUse(1, " JOIN", NOW),
        )
        boutique.check(
            *((rule, {1}) for rule in BECAUSE_OF_IT),
            (bought("ANY_OF", "c", "d"), set()),
            (located("ANY_OF", countries=["DE"]), set()),
            (texted("EQUALS", 1), {1}),
        )

    def test_facts_count_once_their_contact_is_recorded(self, boutique: RecordedShop) -> None:
        boutique.record(*HISTORY[1:])
        assert boutique.answers(ABOUT_IT) == [set()] * len(ABOUT_IT)
        boutique.record(HISTORY[0])
        assert boutique.answers(ABOUT_IT) == ANSWERS


class TestOrders:
    def test_a_cancelled_or_fully_refunded_order_does_not_count(
        self, boutique: RecordedShop
    ) -> None:
        changes: list[dict[str, Any]] = [
            {"cancelled_at": NOW},
            {"cancelled_at": NOW - DAY},
            {"refunded": Decimal(50)},
            {"refunded": Decimal(50), "cancelled_at": NOW},
        ]
        orders = [replace(ORDER, id=id_, contact_id=id_) for id_ in range(1, 9)]
        buyers, others = set(range(1, 9)), {9}
        boutique.record(people_with_ids(*buyers, *others), *orders)
        assert boutique.answers(BECAUSE_OF_IT) == [buyers] * 6
        for keep_lines, unchanged in ((False, orders[:4]), (True, orders[4:])):
            changed = [
                replace(order, **change) for order, change in zip(unchanged, changes, strict=True)
            ]
            boutique.record(Orders(tuple(changed), keep_lines))
        boutique.check(
            *((rule, set()) for rule in BECAUSE_OF_IT), (spent("EQUALS", "0"), buyers | others)
        )

    def test_a_partly_refunded_order_still_counts(self, boutique: RecordedShop) -> None:
        boutique.record(people_with_ids(1), replace(ORDER, refunded=Decimal("49.99")))
        boutique.check(
            (spent("EQUALS", "0.01"), {1}),
            (ordered("EQUALS", 1), {1}),
            (bought("ALL_OF", "a", "b"), {1}),
        )

    def test_an_order_is_replaced_with_fewer_lines(self, boutique: RecordedShop) -> None:
        boutique.record(people_with_ids(1), ORDER)
        boutique.record(replace(ORDER, lines=(Line("b"),)))
        boutique.check(
            (bought("ANY_OF", "a"), set()),
            (bought("ANY_OF", "b"), {1}),
            (bought("ANY_OF", "b", minimumUnits=2), set()),
        )

    def test_an_order_loses_its_lines_and_gets_lines_again(self, boutique: RecordedShop) -> None:
        boutique.record(people_with_ids(1), ORDER)
        boutique.record(replace(ORDER, lines=()))
        boutique.check((bought("ANY_OF", "a", "b"), set()), (ordered("EQUALS", 1), {1}))
        boutique.record(OrderLines(((1, Line("b")), (1, Line("c")))))
        boutique.check((bought("ALL_OF", "b", "c"), {1}), (bought("ANY_OF", "a"), set()))

    def test_an_order_is_replaced_with_another_total_and_time(self, boutique: RecordedShop) -> None:
        boutique.record(people_with_ids(1), ORDER)
        boutique.record(replace(ORDER, total=Decimal(7), ordered_at=NOW - 9 * DAY))
        boutique.check(
            (spent("EQUALS", "7.00"), {1}),
            (ordered("EQUALS", 1, within=last(2, "DAYS")), set()),
            (bought("ANY_OF", "a", within=last(2, "DAYS")), set()),
            (last_ordered("ON", date="2024-07-06"), {1}),
        )

    def test_an_order_moves_to_another_contact_and_back(self, boutique: RecordedShop) -> None:
        other = replace(ORDER, id=2, contact_id=11)
        boutique.record(people_with_ids(1, 2, 11, 12), ORDER, other)
        for owner in (2, 1, 2):
            boutique.record(Orders((replace(ORDER, contact_id=owner),)))
            boutique.record(Orders((replace(other, contact_id=owner + 10),), keep_lines=True))
            assert boutique.answers(BECAUSE_OF_IT) == [{owner, owner + 10}] * 6

    def test_a_text_moves_to_another_contact_and_back(self, boutique: RecordedShop) -> None:
        boutique.record(people_with_ids(1, 2))
        for owner in (1, 2, 1):
            boutique.record(Text(1, owner, NOW))
            boutique.check((texted("EQUALS", 1), {owner}), (texted("EQUALS", 0), {1, 2} - {owner}))


class TestSubscriptions:
    def test_the_latest_subscription_counts_after_subscribing_again(
        self, boutique: RecordedShop
    ) -> None:
        first, second = NOW - 9 * DAY, NOW - 2 * DAY
        left = NOW - 5 * DAY
        contact = Contact(1, phone="+12125550100", subscribed_at=first)
        for recorded, date, textable in (
            (contact, "2024-07-06", {1}),
            (replace(contact, unsubscribed_at=left), "2024-07-06", set()),
            (replace(contact, unsubscribed_at=left, subscribed_at=second), "2024-07-13", {1}),
            (replace(contact, unsubscribed_at=second, subscribed_at=second), "2024-07-13", set()),
        ):
            boutique.record(recorded)
            boutique.check(
                (subscribed("ON", date=date), {1}),
                (is_a("TEXTABLE"), textable),
                (is_a("SUBSCRIBER"), textable),
            )
            assert boutique.textable() == len(textable)

    def test_a_subscriber_without_a_phone_number_is_not_textable(
        self, boutique: RecordedShop
    ) -> None:
        boutique.record(
            Contact(1, subscribed_at=NOW),
            Contact(2, phone=" ", subscribed_at=NOW),
            Contact(3, phone="+12125550100", subscribed_at=NOW),
            Contact(4, phone="+12125550100"),
        )
        boutique.check((is_a("SUBSCRIBER"), {1, 2, 3}), (is_a("TEXTABLE"), {3}))
        assert boutique.textable() == 1

    @pytest.mark.parametrize("country", [None, "US"])
    def test_a_subscriber_whose_phone_number_is_not_valid_is_not_textable(
        self, services: Services, country: str | None
    ) -> None:
        shop = RecordedShop(services, country=country)
        texts = ("n/a", "+0", "abc", "5550100", "1.55512E+10", "+15550100001", "+999123456789")
        own = "(212) 555-0100"
        shop.record(
            *(Contact(id_, phone=text, subscribed_at=NOW) for id_, text in enumerate(texts)),
            Contact(20, phone=own, country="CA", subscribed_at=NOW),
            Contact(21, phone=own, country="GB", subscribed_at=NOW),
            Contact(22, phone=own, subscribed_at=NOW),  # in the country of the shop
        )
        textable = {20} if country is None else {20, 22}
        assert shop.matching(is_a("TEXTABLE")) == textable
        assert shop.textable() == len(textable)
        shop.record(Contact(1, phone="+1 212 555 0101", subscribed_at=NOW))
        assert shop.matching(is_a("TEXTABLE")) == {*textable, 1}
        shop.record(Contact(1, phone="212 555 010", subscribed_at=NOW))
        assert shop.matching(is_a("TEXTABLE")) == textable


class TestForgetting:
    def test_a_forgotten_contact_counts_nowhere_until_recorded_again(
        self, boutique_apart: RecordedShop
    ) -> None:
        boutique_apart.record(*HISTORY, Forget((1,)))
        without = [answer - {1} for answer in ANSWERS]
        assert boutique_apart.answers(ABOUT_IT) == without
        assert boutique_apart.size(ALL).contacts == 1
        assert boutique_apart.textable() == 0

        boutique_apart.record(*HISTORY[1:])
        assert boutique_apart.answers(ABOUT_IT) == without
        assert boutique_apart.size(ALL).contacts == 1

        boutique_apart.record(Contact(1, "+12125550100", "US", subscribed_at=NOW - DAY))
        assert boutique_apart.answers(ABOUT_IT) == ANSWERS

    def test_a_contact_recorded_again_has_no_earlier_facts(
        self, boutique_apart: RecordedShop
    ) -> None:
        boutique_apart.record(*HISTORY, Forget((1, 2)), people_with_ids(1, 2))
        boutique_apart.check(
            (ALL, {1, 2}),
            *((rule, set()) for rule in BECAUSE_OF_IT),
            (texted("EQUALS", 0), {1, 2}),
            (texted_in("ANY_OF", "join"), set()),
            (subscribed("IS_SET"), set()),
        )

    def test_an_order_that_moved_before_forgetting_stays_with_its_new_contact(
        self, boutique_apart: RecordedShop
    ) -> None:
        boutique_apart.record(
            people_with_ids(1, 2),
            Orders((ORDER,)),
            Orders((replace(ORDER, contact_id=2),)),
            Forget((1,)),
        )
        assert boutique_apart.answers(BECAUSE_OF_IT) == [{2}] * 6


class TestShops:
    def test_two_shops_with_the_same_ids_stay_separate(self, boutique_apart: RecordedShop) -> None:
        one, other = boutique_apart, RecordedShop(boutique_apart.services)
        # Both shops are in the same partition of the store.
        third = RecordedShop(one.services, id=one.id + 16_000_000)
        one.record(*HISTORY)
        other.record(people_with_ids(1, 3))
        third.record(Contact(1, country="DE"), Order(1, 1, NOW))
        assert one.answers(ABOUT_IT) == ANSWERS
        other.check((ALL, {1, 3}), *((rule, set()) for rule in BECAUSE_OF_IT))
        assert other.suggest("keyword", "keywords", "") == []
        assert other.suggest("productPurchased", "products", "") == []
        third.check((spent("EQUALS", "10"), {1}), (bought("NONE_OF", "a"), {1}))
        other.record(Forget((1,)))
        assert other.matching(ALL) == {3}
        assert one.answers(ABOUT_IT) == ANSWERS
