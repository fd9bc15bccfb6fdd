"""The labels beside ids in sentences: what is read for them, and when again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import ColumnElement, func, select, true
from sqlmodel import col

from graphql_app.audience.tables import Contact, Product, Statement
from graphql_app.criteria import (
    Condition,
    Criterion,
    OneOrMore,
    Scope,
    StateOperator,
    Text,
    UpToTen,
    describe_field,
    form_field,
)
from graphql_app.errors import AppError, ErrorCode
from graphql_app.runtime.services import Services
from graphql_app.segments import labels
from graphql_app.segments.editor import Changes, SegmentEditor
from graphql_app.segments.engine import ShopEngine
from graphql_app.segments.labels import LabelCache
from graphql_app.segments.rules.tree import Rule
from graphql_app.segments.summaries import SummaryCache
from tests.parity.evaluation import facts
from tests.parity.recorded_shop import RecordedShop

HEART = "WHITE HANGING HEART T-LIGHT HOLDER"
PRODUCTS = (
    facts.Product("85123A", HEART),
    facts.Product("22423", "REGENCY CAKESTAND"),
    facts.Product("same", "Same"),
)
BOUGHT = {"productPurchased": {"operator": "ANY_OF", "products": ["85123A"]}}
ORDERED = {
    "ordersPlaced": {"operator": "AT_LEAST", "count": 2, "products": ["22423", "none", "same"]}
}


@dataclass(frozen=True, slots=True)
class CountingEngine(ShopEngine):
    statements: list[Statement] = field(default_factory=list)
    error: Exception | None = None

    def rows(self, statement: Statement, *args: Any, **options: Any) -> Sequence[Any]:
        self.statements.append(statement)
        if self.error is not None:
            raise self.error
        return ShopEngine.rows(self, statement, *args, **options)


@pytest.fixture
def shop(services: Services) -> RecordedShop:
    shop = RecordedShop(services)
    line = facts.Line("85123A")
    shop.record(*PRODUCTS, facts.Contact(1), facts.Order(1, 1, shop.now, lines=(line,)))
    return shop


@pytest.fixture
def engine(shop: RecordedShop) -> CountingEngine:
    services = shop.services
    cache = LabelCache(services.recorder.write_log)
    return CountingEngine(services.audience, shop.id, shop.scope, services.index, cache)


def test_an_id_has_its_label(shop: RecordedShop, engine: CountingEngine) -> None:
    rules = [shop.rule(BOUGHT), shop.rule(ORDERED), shop.rule({"not": BOUGHT})]
    assert engine.sentences(rules) == [
        f"Has bought any of {HEART} (85123A)",
        "Has placed at least 2 orders with any of REGENCY CAKESTAND (22423), none or same",
        f"Has not bought any of {HEART} (85123A)",
    ]
    assert len(engine.statements) == 2
    engine.sentences(rules)
    assert len(engine.statements) == 2


def test_many_ids_take_one_statement(shop: RecordedShop, engine: CountingEngine) -> None:
    rules = [
        shop.rule({"productPurchased": {"operator": "ANY_OF", "products": [f"p{n}", "22423"]}})
        for n in range(50)
    ]
    found = engine.sentences(rules)
    assert found[7] == "Has bought any of p7 or REGENCY CAKESTAND (22423)"
    assert len(engine.statements) == 1


def test_sizes_and_explanations_have_labels(shop: RecordedShop, engine: CountingEngine) -> None:
    rule = shop.rule({"all": [BOUGHT, ORDERED]})
    summary = f"Has bought any of {HEART} (85123A)"
    assert engine.size(rule).parts[1].summary == summary
    [size] = [size for size in engine.sizes([rule]) if not isinstance(size, Exception)]
    assert size.parts[1].summary == summary
    assert engine.explain(rule, [1])[1].parts[1].summary == summary


def test_a_new_title_is_shown_at_once(shop: RecordedShop, engine: CountingEngine) -> None:
    rule = shop.rule(BOUGHT)
    engine.sentences([rule])
    shop.record(facts.Product("85123A", "Heart"))
    assert engine.sentences([rule]) == ["Has bought any of Heart (85123A)"]


def test_facts_without_labels_keep_the_labels(shop: RecordedShop, engine: CountingEngine) -> None:
    rule = shop.rule(BOUGHT)
    engine.sentences([rule])
    shop.record(facts.Contact(2), facts.Text(1, 2, shop.now))
    engine.sentences([rule])
    assert len(engine.statements) == 1


def test_values_that_are_their_own_labels_take_no_statement(
    shop: RecordedShop, engine: CountingEngine
) -> None:
    rules: list[dict[str, Any]] = [
        {"tag": {"operator": "ANY_OF", "tags": ["vip"]}},
        {"keyword": {"operator": "ANY_OF", "keywords": ["join"]}},
        {"city": {"operator": "ANY_OF", "cities": ["Austin"]}},
        {"areaCode": {"operator": "ANY_OF", "codes": ["212"]}},
        {"emailDomain": {"operator": "ANY_OF", "domains": ["gmail.com"]}},
        {"property": {"operator": "ANY_OF", "property": "color", "texts": ["red"]}},
        {"anniversary": {"operator": "IS_TODAY", "property": "birthday"}},
        {"spend": {"operator": "EQUALS", "amount": "5"}},
    ]
    assert "Is tagged with any of vip" in engine.sentences([shop.rule(each) for each in rules])
    assert engine.statements == []


def test_without_the_engine_the_id_is_shown(
    shop: RecordedShop, engine: CountingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    down = AppError(ErrorCode.UNAVAILABLE, "The store is down.")
    broken = CountingEngine(
        engine.audience, shop.id, shop.scope, None, engine.label_cache, error=down
    )
    rule = shop.rule(BOUGHT)
    for _ in range(3):
        assert broken.sentences([rule]) == ["Has bought any of 85123A"]
    assert len(broken.statements) == 1
    monkeypatch.setattr(labels, "monotonic", lambda: float("inf"))
    assert engine.sentences([rule]) == [f"Has bought any of {HEART} (85123A)"]


def test_an_engine_without_labels_shows_the_id(shop: RecordedShop) -> None:
    assert shop.engine.sentences([shop.rule(BOUGHT)]) == ["Has bought any of 85123A"]


def test_shops_do_not_share_labels(shop: RecordedShop, engine: CountingEngine) -> None:
    other = RecordedShop(shop.services)
    other.record(facts.Product("85123A", "Theirs"))
    theirs = CountingEngine(engine.audience, other.id, other.scope, None, engine.label_cache)
    rule = shop.rule(BOUGHT)
    assert engine.sentences([rule]) == [f"Has bought any of {HEART} (85123A)"]
    assert theirs.sentences([rule]) == ["Has bought any of Theirs (85123A)"]


def test_the_oldest_shops_labels_are_forgotten(shop: RecordedShop) -> None:
    services, rule = shop.services, shop.rule(ORDERED)
    cache = LabelCache(services.recorder.write_log, max_labels=4)
    first, second = (
        CountingEngine(services.audience, each.id, each.scope, None, cache)
        for each in (shop, RecordedShop(services))
    )
    for engine in (first, second, second, first):
        engine.sentences([rule])
    assert (len(first.statements), len(second.statements)) == (2, 1)


class Reader(Condition):
    """Who reads what."""

    operator: StateOperator
    product: Text = form_field("Product", suggests=True)

    def describe(self, scope: Scope) -> str:
        return f"reads {describe_field(self, scope, 'product')}"


class Reads(Criterion):
    """A third party's criterion with labels in conditions and in its default sentence."""

    key = "reads"
    label = "Reads"
    operator: StateOperator
    ids: OneOrMore[Text] = form_field("Ids", suggests=True)
    readers: UpToTen[Reader] | None = form_field("Readers", optional=True)

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return true()

    @classmethod
    def suggest(
        cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]
    ) -> Statement | None:
        if field == "ids":
            return select(col(Contact.id), func.concat("Number ", func.toString(col(Contact.id))))
        return select(col(Product.id), func.concat(col(Product.title), "\n(", col(Product.id), ")"))


def test_conditions_and_third_parties_have_labels(engine: CountingEngine) -> None:
    rule: Rule = Reads.model_validate(
        {
            "operator": "IS",
            "ids": ["1", "7"],
            "readers": [{"operator": "IS", "product": id} for id in ("22423", "unknown")],
        }
    )
    assert engine.sentences([rule]) == [
        "Reads is Number 1 (1) or 7 and reads REGENCY CAKESTAND (22423) or reads unknown"
    ]
    assert len(engine.statements) == 2


def test_a_criterion_whose_suggestions_fail_shows_its_ids(
    engine: CountingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise LookupError("no suggestions today")

    monkeypatch.setattr(Reads, "suggest", fail)
    rule = Reads.model_validate({"operator": "IS", "ids": ["1"]})
    assert engine.sentences([rule, rule]) == ["Reads is 1", "Reads is 1"]


@pytest.fixture
def saved(shop: RecordedShop) -> RecordedShop:
    shop.save({"Hearts": BOUGHT, "Not hearts": {"not": BOUGHT}, "Others": ORDERED})
    return shop


def _pages(shop: RecordedShop, engine: CountingEngine) -> Iterator[list[str]]:
    cache = SummaryCache()
    while True:
        segments = [each for each in shop.saved.page(limit=100) if not each.is_default]
        found = cache.summaries(shop.saved, engine, segments)
        yield sorted(found)


def test_a_list_reads_labels_once_and_follows_new_titles(
    saved: RecordedShop, engine: CountingEngine
) -> None:
    pages = _pages(saved, engine)
    others = "Has placed at least 2 orders with any of REGENCY CAKESTAND (22423), none or same"
    for _ in range(3):
        assert next(pages) == [
            f"Has bought any of {HEART} (85123A)",
            f"Has not bought any of {HEART} (85123A)",
            others,
        ]
        assert len(engine.statements) == 2
    saved.record(facts.Product("85123A", "Heart"))
    assert next(pages)[0] == "Has bought any of Heart (85123A)"
    assert len(engine.statements) == 4


def test_a_list_follows_edits_and_names_of_other_segments(
    saved: RecordedShop, engine: CountingEngine
) -> None:
    saved.save({"Inside": {"inSegment": {"operator": "IS", "segment": "Hearts"}}})
    pages = _pages(saved, engine)
    assert 'Is in the segment "Hearts"' in next(pages)
    hearts = saved.saved.find("Hearts")
    assert hearts.id is not None
    SegmentEditor(saved.saved).update(hearts.id, Changes(name="Renamed", rule={"all": []}), None)
    assert {'Is in the segment "Renamed"', "Everyone"} <= {*next(pages)}


def test_a_rule_with_a_problem_has_the_summary_of_its_saving(
    saved: RecordedShop, engine: CountingEngine
) -> None:
    segment = saved.saved.find("Hearts")
    segment.rule = {"gone": {}}
    cache = SummaryCache()
    assert cache.summaries(saved.saved, engine, [segment]) == ["Has bought any of 85123A"]
