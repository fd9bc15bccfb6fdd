"""A shop never sees another shop's rows, whatever SQL a criterion has."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import (
    Column,
    ColumnElement,
    Integer,
    MetaData,
    Table,
    bindparam,
    cast,
    func,
    join,
    literal_column,
    or_,
    select,
    text,
    true,
)
from sqlalchemy.types import UserDefinedType
from sqlmodel import col

from graphql_app.audience.tables import (
    Contact,
    Event,
    JournalEntry,
    Order,
    OrderLine,
    Product,
    Statement,
    sql_table,
)
from graphql_app.criteria import Criterion, Scope, StateOperator
from graphql_app.runtime.services import Services
from graphql_app.segments.engine import ShopEngine
from graphql_app.segments.failures import CriterionFailedError
from graphql_app.segments.predicate import predicate
from graphql_app.segments.sql_guard import ForbiddenFragmentError, checked
from tests import factories
from tests.support import Client, Server

SCOPE = Scope(ZoneInfo("UTC"), "USD", datetime(2026, 1, 1, tzinfo=UTC))

Fragment = Callable[[], ColumnElement[bool]]


def _criterion(fragment: Fragment) -> Criterion:
    class Malicious(Criterion):
        """A criterion with any SQL."""

        key = "malicious"
        label = "Malicious"
        operator: StateOperator

        def matches(self, scope: Scope) -> ColumnElement[bool]:
            return fragment()

    return Malicious(operator=StateOperator.IS)


@pytest.fixture
def victim(server: Server) -> Client:
    """Return a shop with a fact in every table."""
    shop = server.shop()
    shop.record("contactsUpsert", factories.contacts(1, 2, 666))
    line = {"productId": "secret", "title": "Secret", "quantity": 9}
    shop.record("ordersUpsert", [factories.order(1, total="99.00", lines=[line])])
    shop.record("textsRecord", [factories.text(1)])
    shop.record("keywordsRecord", [factories.keyword(1, "secret")])
    shop.record("eventsRecord", [factories.event(1, name="secret")])
    return shop


@pytest.fixture
def thief(server: Server, victim: Client) -> Client:
    """Return another shop with two of the victim's contact ids and nothing else."""
    shop = server.shop()
    shop.record("contactsUpsert", factories.contacts(1, 2))
    return shop


def _count(source: Any) -> ColumnElement[int]:
    return select(func.count()).select_from(source).scalar_subquery()


LEAKS: dict[str, Fragment] = {
    "no shop filter at all": lambda: col(Contact.id).in_(select(col(Order.contact_id))),
    "or 1 = 1": lambda: or_(true(), col(Contact.id) == 0),
    "names the other shop": lambda: col(Contact.id).in_(
        select(col(Order.contact_id)).where(col(Order.shop_id) > 0)
    ),
    "another table": lambda: _count(Event) > 0,
    "a table without contacts": lambda: _count(Product) > 0,
    "a join": lambda: (
        select(func.count())
        .select_from(Order)
        .join(OrderLine, col(OrderLine.order_id) == col(Order.id))
        .scalar_subquery()
        > 0
    ),
    "a subquery in a subquery": lambda: col(Contact.id).in_(
        select(col(Contact.id)).where(
            col(Contact.id).in_(select(select(col(Order.contact_id)).subquery().c.contact_id))
        )
    ),
    "all contacts there are": lambda: select(func.max(col(Contact.id))).scalar_subquery() == 666,
    "union": lambda: col(Contact.id).in_(
        select(col(Order.contact_id)).union_all(select(col(Event.contact_id)))
    ),
    "cte": lambda: col(Contact.id).in_(
        select(select(col(Order.contact_id)).cte("stolen").c.contact_id)
    ),
}

SEEN_OF_ITS_OWN = {"or 1 = 1": 2}


@pytest.mark.parametrize("leak", LEAKS)
def test_a_fragment_sees_nothing_of_another_shop(
    services: Services, thief: Client, leak: str
) -> None:
    found = ShopEngine(services.audience, thief.shop_id, SCOPE).size(_criterion(LEAKS[leak]))
    assert found.contacts == 2
    assert found.members == SEEN_OF_ITS_OWN.get(leak, 0)


@pytest.mark.parametrize("leak", LEAKS)
def test_the_same_fragment_sees_rows_of_its_own_shop(
    services: Services, victim: Client, leak: str
) -> None:
    found = ShopEngine(services.audience, victim.shop_id, SCOPE).size(_criterion(LEAKS[leak]))
    assert found.members > 0


class Smuggled(UserDefinedType[int]):
    """A type that renders as any SQL."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "UInt64) FROM merge('default', 'contacts') --"


FORBIDDEN: dict[str, Fragment] = {
    "raw text": lambda: or_(text("1 = 1"), col(Contact.id) == 0),
    "raw text in a subquery": lambda: col(Contact.id).in_(text("SELECT id FROM contacts")),
    "a literal column": lambda: literal_column("1 = 1 UNION ALL SELECT 1"),
    "a value under a name of its own": lambda: col(Contact.city) == bindparam("city", "x"),
    "a system table": lambda: (
        _count(Table("parts", MetaData(schema="system"), Column("rows", Integer))) > 0
    ),
    "a table of the same name elsewhere": lambda: (
        _count(Table("contacts", MetaData(schema="default"), Column("id", Integer))) > 0
    ),
    "the table function merge": lambda: (
        _count(func.merge("default", "contacts").table_valued("id")) > 0
    ),
    "a joined table function": lambda: (
        _count(join(sql_table(Contact), func.merge("default", "contacts"), true())) > 0
    ),
    "a table function that a select joins": lambda: (
        select(func.count())
        .select_from(Contact)
        .join(func.merge("default", "contacts"), true())
        .scalar_subquery()
        > 0
    ),
    "an operator of its own": lambda: col(Contact.id).op(
        "> 0 AND (SELECT count() FROM merge('default', '^contacts$')) > 2 +"
    )(0),
    "a suffix": lambda: (
        select(func.count())
        .select_from(Contact)
        .suffix_with("SETTINGS additional_table_filters = {}")
        .scalar_subquery()
        > 2
    ),
    "a prefix": lambda: col(Contact.id).in_(
        select(col(Contact.id)).prefix_with("id FROM merge('default', '^contacts$') --")
    ),
    "a hint": lambda: col(Contact.id).in_(
        select(col(Contact.id)).with_statement_hint("UNION ALL SELECT id FROM contacts")
    ),
    "a collation": lambda: col(Contact.phone).collate("x) OR (1 = 1") == "",
    "a type of its own": lambda: cast(col(Contact.id), Smuggled()) > 0,
    "a function whose name is SQL": lambda: (
        getattr(func, "count() FROM merge('default', 'contacts')) --")() > 0
    ),
    "the function file": lambda: func.length(func.file("/etc/passwd")) > 0,
    "the function joinGet": lambda: func.joinGet("x", "y", 1) == 1,
    "the journal": lambda: _count(JournalEntry) > 0,
    "the table function file": lambda: _count(func.file("/etc/passwd")) > 0,
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_a_fragment_only_reads_fact_tables(what: str) -> None:
    with pytest.raises(CriterionFailedError, match="malicious") as refused:
        predicate(_criterion(FORBIDDEN[what]), SCOPE)
    assert isinstance(refused.value.__cause__, ForbiddenFragmentError)


def test_suggestions_have_the_same_restrictions() -> None:
    statement: Statement = select(text("name")).select_from(text("system.tables"))
    with pytest.raises(ForbiddenFragmentError):
        checked(statement, "malicious")


def test_shops_with_the_same_ids_stay_separate(victim: Client, thief: Client) -> None:
    bought: dict[str, Any] = {"productPurchased": {"operator": "ANY_OF", "products": ["secret"]}}
    assert victim.members(bought) == 1
    assert thief.members(bought) == 0
    suggestions = """
    { fieldSuggestions(criterion: "productPurchased", field: "products") { value } }
    """
    assert victim.ask(suggestions)["fieldSuggestions"] == [{"value": "secret"}]
    assert thief.ask(suggestions)["fieldSuggestions"] == []
