"""Limits of queries, and rules at their limits."""

from dataclasses import replace
from typing import Any

import pytest
from graphql import get_introspection_query

from graphql_app.runtime.services import Services
from graphql_app.settings import Settings
from tests.client import SIZE
from tests.factories import contact, contacts, keyword
from tests.schema.operations import LIST, create
from tests.support import Client, serving

NESTED = """
{ segments(first: 5) { nodes { members(first: 20) { nodes { segments {
  members(first: 20) { nodes { segments { name size { members } } } } } } } } } }
"""


def _codes(shop: Client, query: str, **variables: Any) -> set[str]:
    return {error["extensions"]["code"] for error in shop.errors(query, **variables)}


def test_nested_pages_cost_the_product_of_their_sizes(shop: Client) -> None:
    [error] = shop.errors(NESTED)
    assert error["extensions"]["code"] == "QUERY_TOO_COSTLY"
    assert "cost" in error["message"]
    variables = (
        "query ($n: Int) { segments(first: 250) { nodes { members(first: $n) { nodes { id } } } } }"
    )
    assert _codes(shop, variables, n=250) == {"QUERY_TOO_COSTLY"}


PAGES = "{ segments(first: $n) { nodes { members(first: $n) { nodes { id } } } } }"


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        (f"query ($n: Int = 250) {PAGES}", {}),
        (f"query ($n: Int) {PAGES}", {"n": 250.0}),
        (f"query ($n: Int) {PAGES}".replace("members(first", "members(last"), {"n": 250}),
        (f"query One($n: Int = 1) {{ shop {{ id }} }} query Many($n: Int = 250) {PAGES}", {}),
    ],
)
def test_a_page_costs_its_size_however_it_is_requested(
    shop: Client, query: str, variables: dict[str, Any]
) -> None:
    name = "Many" if "Many" in query else None
    response = shop.post(query, variables, operationName=name)
    codes = {error["extensions"]["code"] for error in response.json()["errors"]}
    assert codes == {"QUERY_TOO_COSTLY"}


def test_an_unused_default_costs_nothing(shop: Client) -> None:
    query = f"query ($n: Int = 250) {PAGES}"
    assert len(shop.ask(query, n=2)["segments"]["nodes"]) == 2


def test_repeated_introspection_is_too_costly(shop: Client) -> None:
    fields = " ".join(f"a{number}: fields {{ name description }}" for number in range(20))
    assert _codes(shop, f"{{ __schema {{ types {{ {fields} }} }} }}") == {"QUERY_TOO_COSTLY"}
    types = " ".join(f"a{number}: __schema {{ types {{ name }} }}" for number in range(20))
    assert _codes(shop, f"{{ {types} }}") == {"QUERY_TOO_COSTLY"}
    query = get_introspection_query(input_value_deprecation=True)
    assert shop.ask(query)["__schema"]["types"]


def test_a_page_of_segments_with_sizes_is_within_the_limits(shop: Client) -> None:
    query = """
    { segments(first: 250) { totalCount nodes { id name summary rule problems { message }
      size { members textable contacts share asOf parts { path summary members } } } } }
    """
    assert shop.ask(query)["segments"]["totalCount"] == 2


ALIASES = " ".join(f"a{number}: __typename" for number in range(130))
TYPES = "{ ofType " * 20 + "{ name }" + " }" * 20


@pytest.mark.parametrize(
    ("many", "code"),
    [
        (f"query Many {{ {ALIASES} }}", "TOO_MANY_ALIASES"),
        (
            f"query Many {{ __schema {{ types {{ fields {{ type {TYPES} }} }} }} }}",
            "QUERY_TOO_DEEP",
        ),
    ],
)
def test_a_wide_first_operation_does_not_hide_another_one(
    shop: Client, many: str, code: str
) -> None:
    wide = "query Wide { shop { id " + "name " * 200 + "} } "
    response = shop.post(wide + many, operationName="Many")
    codes = {error["extensions"]["code"] for error in response.json()["errors"]}
    assert codes == {code}


def test_each_limit_is_a_setting(services: Services, settings: Settings, shop: Client) -> None:
    low = {
        "max_depth": 3,
        "max_fields": 8,
        "max_aliases": 2,
        "max_directives": 2,
        "max_tokens": 40,
        "max_cost": 9,
        "max_repeats": 5,
    }
    refused = {
        "{ shop { id } criteria { group { key { a } } } }": "QUERY_TOO_DEEP",
        "{ " + "__typename " * 9 + "}": "TOO_MANY_FIELDS",
        "{ a: shop { b: id c: id } }": "TOO_MANY_ALIASES",
        "query @a @b { shop @c { id } }": "TOO_MANY_DIRECTIVES",
        "{ shop(x: [" + "1 " * 40 + "]) { id } }": "TOO_MANY_TOKENS",
        "{ segmentTemplates { key } }": "QUERY_TOO_COSTLY",
        "{ shop { id id id id } }": "TOO_MANY_REPEATS",
    }
    with serving(services, settings.model_copy(update=low)) as address:
        limited = replace(shop, address=address)
        assert limited.ask("{ shop { id: handle } }") == {"shop": {"id": shop.shop.handle}}
        assert [_codes(limited, query) for query in refused] == [{c} for c in refused.values()]


def test_values_may_be_inline_in_a_query(shop: Client) -> None:
    products = ", ".join(f'"{number}"' for number in range(1_000))
    rule = f"{{ not: {{ productPurchased: {{ operator: ANY_OF, products: [{products}] }} }} }}"
    items = ", ".join(
        f'{{ id: {number}, phone: "+120255501{number % 100:02}", city: "Boston" }}'
        for number in range(400)
    )
    shop.ask(f"mutation {{ contactsUpsert(contacts: [{items}]) {{ recorded }} }}")
    answer = shop.ask(f"{{ segmentSize(rule: {rule}) {{ members }} }}")
    assert answer == {"segmentSize": {"members": 400}}


def test_a_document_with_several_operations_needs_an_operation_name(shop: Client) -> None:
    record = 'mutation Record { contactsUpsert(contacts: [{id: "1"}]) { recorded } }'
    [error] = shop.errors(f"{record} query Everyone {{ shop {{ name }} }}")
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert "operationName" in error["message"]
    assert shop.size({"all": []})["contacts"] == 0


def test_errors_in_the_types_of_a_rule_have_a_path(shop: Client) -> None:
    rule = {"all": [{"all": []}, {"spend": {"operator": "MORE", "amount": "1"}}]}
    [error] = shop.errors(SIZE, rule=rule)
    path = ["rule", "all", 1, "spend", "operator"]
    assert error["extensions"] == {"code": "BAD_REQUEST", "path": path}


def test_the_largest_allowed_rule_is_counted(shop: Client) -> None:
    shop.record("contactsUpsert", contacts(1))

    def none_of(products: list[str]) -> dict[str, Any]:
        return {"productPurchased": {"operator": "NONE_OF", "products": products}}

    same = none_of([f"{'x' * 240}{number}" for number in range(1_000)])
    assert shop.members({"all": [same] * 100}) == 1
    distinct = [none_of([f"{n}-{m}" for m in range(1_000)]) for n in range(100)]
    assert shop.members({"all": distinct}) == 1


def test_100_lists_of_1000_tags_are_counted_over_4000_contacts(shop: Client) -> None:
    """Comparing each tag with each value, as the engine's hasAny does, would time out."""
    tagged = [contact(id, tags=[f"{id % 100}-{n}" for n in range(20)]) for id in range(4_000)]
    shop.record("contactsUpsert", tagged)
    lists = [[f"{n}-{m}" for m in range(1_000)] for n in range(100)]
    rules = [{"tag": {"operator": "ANY_OF", "tags": tags}} for tags in lists]
    assert shop.members_each(rules) == [40] * 100


def test_a_rule_with_many_empty_groups_is_refused(shop: Client) -> None:
    rule: dict[str, Any] = {"all": [{"all": [{"all": []}] * 20}] * 20}
    [error] = shop.errors(SIZE, rule=rule)
    assert error["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert "the limit is 300" in error["message"]


@pytest.mark.parametrize("name", ["Сегмент " * 20, "😀" * 200, "ß" * 250])
def test_segments_with_names_in_any_script_can_be_paged(shop: Client, name: str) -> None:
    for suffix in ("1", "2"):
        create(shop, name.strip() + suffix)
    names, cursor, more = [], None, True
    while more:
        page = shop.ask(LIST, first=1, after=cursor, sortKey="NAME")["segments"]
        names += [node["name"] for node in page["nodes"]]
        cursor, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert len(set(names)) == 4


def test_a_rule_whose_keywords_grow_when_folded_can_be_read_again(shop: Client) -> None:
    shop.record("contactsUpsert", contacts(1))
    shop.record("keywordsRecord", [keyword(1, "ß" * 200)])
    made = create(shop, "Long", {"keyword": {"operator": "ANY_OF", "keywords": ["ẞ" * 200]}})
    query = "query ($id: ID!) { segment(id: $id) { problems { message } size { members } } }"
    segment = shop.ask(query, id=made["id"])["segment"]
    assert segment == {"problems": [], "size": {"members": 1}}
    assert len(shop.ask("{ segmentTemplates { key } }")["segmentTemplates"]) == 4


def test_long_values_cost_as_much_as_statements(shop: Client) -> None:
    for name in ("properties", "tags"):
        aliases = " ".join(f"a{number}: {name}" for number in range(4))
        query = f"{{ segmentMembers(rule: {{all: []}}, first: 250) {{ nodes {{ {aliases} }} }} }}"
        assert _codes(shop, query) == {"QUERY_TOO_COSTLY"}
