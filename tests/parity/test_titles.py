"""Titles of products: as sold on each line, and the single name shown for a product."""

from itertools import permutations

from tests.parity.evaluation.facts import (
    Contact,
    Document,
    Forget,
    Line,
    Order,
    OrderLines,
    Orders,
    Product,
)
from tests.parity.examples import DAY, criterion, people_with_ids
from tests.parity.recorded_shop import NOW, RecordedShop

SUGGESTED = ("productPurchased", "products")


def titled(words: str) -> Document:
    return criterion("productPurchased", "TITLE_CONTAINS", words=words)


def sold(
    id: int, title: str | None, contact: int = 0, days: int = 0, product: str = "four"
) -> Order:
    """Return an order of one line; ``contact`` defaults to the order's id."""
    return Order(id, contact or id, NOW - days * DAY, lines=(Line(product, title=title),))


def name(shop: RecordedShop, product: str = "four") -> str | None:
    """Return the name of a product in suggestions, which is also its label."""
    names = {option.value: option.label for option in shop.options(*SUGGESTED)}
    assert shop.labels(*SUGGESTED, [product]) == (
        {product: names[product]} if product in names else {}
    )
    return names.get(product)


def test_recording_an_order_again_changes_no_answer(boutique: RecordedShop) -> None:
    first, second = sold(31, "redfour"), sold(32, "santafour")
    boutique.record(people_with_ids(31, 32), first, second)
    for _ in range(3):
        boutique.check(
            (titled("redfour"), {31}), (titled("santafour"), {32}), (titled("four"), {31, 32})
        )
        assert name(boutique) == "santafour"
        boutique.record(first)


def test_the_order_of_batches_does_not_matter(boutique: RecordedShop) -> None:
    """Each product's orders are recorded in a different sequence."""
    sequences = list[list[Order]]()
    for number, sequence in enumerate(permutations(range(4))):
        first, product = 4 * number, f"{number}four"
        orders = [
            sold(first, "Old four", days=2, product=product),
            sold(first + 1, "Low four", product=product),
            sold(first + 2, "High four", product=product),  # at the same time as the one before
            sold(first + 3, None, product=product),
        ]
        sequences.append([orders[each] for each in sequence])
    everyone = range(4 * len(sequences))
    boutique.record(people_with_ids(*everyone))
    for batch in zip(*sequences, strict=True):
        boutique.record(Orders(batch))
    boutique.check(
        (titled("four"), {*everyone}),  # orders without a title match by product id
        (titled("high"), {*everyone[2::4]}),
    )
    names = {option.value: option.label for option in boutique.options(*SUGGESTED)}
    assert names == {f"{number}four": "High four" for number in range(len(sequences))}
    assert boutique.labels(*SUGGESTED, [*names]) == names


def test_older_versions_of_an_order_leave_no_title_behind(boutique: RecordedShop) -> None:
    boutique.record(people_with_ids(1, 2), sold(1, "Engraved for Ada"), sold(2, "Plain", days=1))
    assert name(boutique) == "Engraved for Ada"
    boutique.record(sold(1, "Corrected"))
    assert (name(boutique), boutique.matching(titled("engraved"))) == ("Corrected", set())
    boutique.record(sold(1, "Corrected", contact=2))  # moved to another contact
    assert boutique.matching(titled("corrected")) == {2}
    boutique.record(OrderLines(((1, Line("mug", title="Mug")),)))
    assert (name(boutique), name(boutique, "mug")) == ("Plain", "Mug")
    assert boutique.matching(titled("corrected")) == set()


def test_titles_stay_with_lines_that_are_kept(boutique: RecordedShop) -> None:
    boutique.record(people_with_ids(1), sold(1, "Red"))
    boutique.record(Orders((Order(1, 1, NOW - DAY),), keep_lines=True))
    assert (name(boutique), boutique.matching(titled("red"))) == ("Red", {1})


def test_only_lines_that_count_name_a_product(boutique: RecordedShop) -> None:
    cancelled = Order(2, 1, NOW, cancelled_at=NOW, lines=(Line("four", title="Cancelled"),))
    returned = Order(3, 1, NOW, lines=(Line("four", 0, title="Returned"),))
    boutique.record(people_with_ids(1), sold(1, "Bought", days=9), cancelled, returned)
    assert name(boutique) == "Bought"
    boutique.check((titled("cancelled"), set()), (titled("returned"), set()))


def test_a_line_without_a_title_uses_the_products_title(boutique: RecordedShop) -> None:
    boutique.record(people_with_ids(1, 2), sold(1, None), sold(2, "As sold"))
    assert boutique.matching(titled("four")) == {1}
    title = "Big \N{LATIN SMALL LIGATURE FI}sh"
    boutique.record(Product("four", title))
    boutique.check((titled("FISH"), {1}), (titled("four"), set()), (titled("as sold"), {2}))
    assert name(boutique) == "As sold"
    assert boutique.options(*SUGGESTED, "BIG FISH") == []
    boutique.record(Order(2, 2, NOW, lines=()))
    assert name(boutique) == title
    assert [option.value for option in boutique.options(*SUGGESTED, "BIG FISH")] == ["four"]


def test_a_recorded_title_may_equal_the_products_id(boutique: RecordedShop) -> None:
    boutique.record(Product("mug", "mug"))
    assert name(boutique, "mug") == "mug"


def test_the_titles_of_a_forgotten_contact_disappear(boutique_apart: RecordedShop) -> None:
    shop = boutique_apart
    shop.record(Contact(1), Contact(2), sold(1, "Engraved for Ada"), sold(2, "Plain", days=1))
    shop.record(sold(3, "Only Ada", contact=1, product="ring"))
    assert name(shop) == "Engraved for Ada"
    shop.record(Forget((1,)))
    assert (name(shop), name(shop, "ring")) == ("Plain", None)
    assert shop.options(*SUGGESTED, "ada") == []
    stored = shop.services.audience.query_unfiltered("SELECT title, title_folded FROM products")
    assert "ada" not in str(stored.to_pylist()).casefold()
