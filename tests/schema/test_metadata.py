"""A form can be built from ``criteria`` alone, with no knowledge of any criterion."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.client import SIZE
from tests.factories import contact, event, keyword, order, text
from tests.schema.form_builder import (
    METADATA,
    SUGGESTIONS,
    WINDOWS,
    End,
    Forms,
    Person,
    fields_of,
    fields_with_conditions,
    forms_with_operators,
)
from tests.support import Client, Server

INPUT = """
query ($name: String!) {
  __type(name: $name) {
    kind
    inputFields { name type { kind ofType { name enumValues { name } } } }
  }
}
"""
# A property of every kind that has operators.
PROPERTIES = {"color": "red", "points": 5, "member": True, "birthday": "2000-02-29"}


@pytest.fixture(scope="module")
def client(server: Server) -> Client:
    shop = server.shop()
    shop.record(
        "contactsUpsert",
        [
            {
                "id": "1",
                "phone": "+12125550100",
                "email": "a@shop.example",
                "city": "Austin",
                "country": "US",
                "tags": ["vip"],
                "subscribedAt": "2024-05-01T00:00:00Z",
                "createdAt": "2024-05-01T00:00:00Z",
                "properties": PROPERTIES,
            },
            contact(2, subscribedAt="2024-06-01T00:00:00Z", country="CA", region="ON"),
            contact(3, phone="+12125550103"),
        ],
    )
    shop.record("ordersUpsert", [order(1, 2, "example", total="9.99")])
    shop.record("textsRecord", [text(1, 3, "2024-07-03T10:00:00Z")])
    shop.record("keywordsRecord", [keyword(1, "example", "2024-07-03T10:00:00Z")])
    viewed = event(1, name="viewed", at="2024-07-03T10:00:00Z")
    shop.record("eventsRecord", [{**viewed, "properties": PROPERTIES}])
    return shop


@pytest.fixture(scope="module")
def criteria(client: Client) -> Forms:
    found: Forms = client.ask(METADATA)["criteria"]
    assert len(found) >= 25
    return found


@pytest.fixture(scope="module")
def person(client: Client) -> Person:
    return Person(client)


def _check_sizes(client: Client, rules: Sequence[Mapping[str, Any]]) -> None:
    """Check that the server counts the contacts who match each rule."""
    for first in range(0, len(rules), 10):
        some = rules[first : first + 10]
        for rule, members in zip(some, client.members_each(some), strict=True):
            assert 0 <= members <= 3, rule


@pytest.mark.parametrize("end", ["minimum", "maximum"])
@pytest.mark.parametrize("optional", [False, True])
def test_every_operator_can_be_filled_in(
    client: Client, criteria: Forms, person: Person, optional: bool, end: End
) -> None:
    rules = [
        person.rule(criterion, operator, optional, end)
        for criterion, operator in forms_with_operators(criteria)
    ]
    assert len(rules) > 150
    _check_sizes(client, rules)


@pytest.mark.parametrize("end", ["minimum", "maximum"])
def test_every_operator_of_a_condition_can_be_filled_in(
    client: Client, criteria: Forms, person: Person, end: End
) -> None:
    filled, rules, forms = 0, list[Any](), list[Any]()
    for criterion, field in fields_with_conditions(criteria):
        rule = person.rule(criterion, criterion["operators"][0], False, end)
        key, name = criterion["key"], field["name"]
        given = {other: value for other, value in rule[key].items() if other != "operator"}
        form, operators = field["condition"], field["condition"]["operators"]
        together = 1 if end == "minimum" else field["maxItems"]
        if form in forms:  # another criterion has the same conditions
            operators = operators[:3]
        else:
            assert len(operators) >= together
            forms.append(form)
        conditions = [
            person.form(key, form, operator, True, end, f"{name}.", given) for operator in operators
        ]
        filled += len(conditions)
        for first in range(0, len(conditions), together):
            some = conditions[first : first + together]
            rules.append({key: {**rule[key], name: some}})
    assert filled > 20
    _check_sizes(client, rules)


def test_every_time_window_can_be_filled_in(
    client: Client, criteria: Forms, person: Person
) -> None:
    rules = list[Any]()
    for criterion in criteria:
        operator = criterion["operators"][0]
        for field in fields_of(criterion, operator):
            if field["kind"] == "TIME_WINDOW":
                for window in WINDOWS:
                    rule = person.rule(criterion, operator, optional=False, end="minimum")
                    rule[criterion["key"]][field["name"]] = window
                    rules.append(rule)
    assert rules
    _check_sizes(client, rules)


def test_examples_are_valid_rules(client: Client, criteria: Forms) -> None:
    for criterion in criteria:
        assert list(criterion["example"]) == [criterion["key"]]
    _check_sizes(client, [criterion["example"] for criterion in criteria])


def test_operators_and_fields_agree_on_which_belong_together(criteria: Forms) -> None:
    conditions = [field["condition"] for _, field in fields_with_conditions(criteria)]
    for form, operator in forms_with_operators([*criteria, *conditions]):
        names = [field["name"] for field in fields_of(form, operator)]
        assert operator["fields"] == names
        assert operator["label"]
    for form in (*criteria, *conditions):
        operators = {operator["name"] for operator in form["operators"]}
        assert all({*field["usedWith"]} <= operators for field in form["fields"])
        assert form["description"]
    for criterion in criteria:
        assert criterion["plugin"]["name"]
        assert criterion["plugin"]["version"]


def test_introspection_has_an_input_type_with_the_same_operators_andfields_of(
    client: Client, criteria: Forms
) -> None:
    conditions = [field["condition"] for _, field in fields_with_conditions(criteria)]
    assert conditions
    for form in (*criteria, *conditions):
        found = client.ask(INPUT, name=form["inputType"])["__type"]
        assert found["kind"] == "INPUT_OBJECT"
        types = {field["name"]: field["type"] for field in found["inputFields"]}
        assert {*types} == {"operator", *(field["name"] for field in form["fields"])}
        values = [value["name"] for value in types["operator"]["ofType"]["enumValues"]]
        assert sorted(values) == sorted(operator["name"] for operator in form["operators"])
        for field in form["fields"]:
            always = field["required"] and len(field["usedWith"]) == len(form["operators"])
            assert (types[field["name"]]["kind"] == "NON_NULL") == always


def test_a_missing_required_field_is_refused(
    client: Client, criteria: Forms, person: Person
) -> None:
    for criterion, operator in forms_with_operators(criteria):
        for field in fields_of(criterion, operator):
            if field["required"]:
                rule = person.rule(criterion, operator, optional=True, end="minimum")
                del rule[criterion["key"]][field["name"]]
                errors = client.errors(SIZE, rule=rule)
                assert errors[0]["extensions"]["code"] in {"INVALID", "BAD_REQUEST"}
                assert field["name"] in errors[0]["message"]


def test_a_field_that_its_operator_does_not_use_is_refused(
    client: Client, criteria: Forms, person: Person
) -> None:
    checked = 0
    for criterion, operator in forms_with_operators(criteria):
        for field in criterion["fields"]:
            if operator["name"] not in field["usedWith"]:
                checked += 1
                rule = person.rule(criterion, operator, optional=True, end="minimum")
                key, name = criterion["key"], field["name"]
                other = next(it for it in criterion["operators"] if it["name"] in field["usedWith"])
                rule[key][name] = person.rule(criterion, other, True, "minimum")[key][name]
                extensions = client.errors(SIZE, rule=rule)[0]["extensions"]
                assert extensions == {"code": "INVALID", "path": ["rule", key, name]}
    assert checked > 20


def test_values_just_outside_the_range_are_refused(
    client: Client, criteria: Forms, person: Person
) -> None:
    for criterion, operator in forms_with_operators(criteria):
        for field in fields_of(criterion, operator):
            if field["kind"] == "COUNT":
                for value in (int(field["minimum"]) - 1, int(field["maximum"]) + 1):
                    rule = person.rule(criterion, operator, optional=True, end="maximum")
                    rule[criterion["key"]][field["name"]] = value
                    errors = client.errors(SIZE, rule=rule)
                    assert errors[0]["extensions"]["code"] in {"INVALID", "BAD_REQUEST"}


def test_each_negated_operator_is_the_complement_of_another(
    client: Client, criteria: Forms, person: Person
) -> None:
    negated = 0
    for criterion, operator in forms_with_operators(criteria):
        if operator["negated"]:
            negated += 1
            rule = person.rule(criterion, operator, optional=False, end="minimum")
            others = [
                person.rule(criterion, other, optional=False, end="minimum")
                for other in criterion["operators"]
                if not other["negated"] and other["fields"] == operator["fields"]
            ]
            own, rest, *of_others = client.members_each([rule, {"not": rule}, *others])
            assert 3 - own in of_others
            assert rest == 3 - own
    assert negated


def test_a_list_has_at_most_the_number_of_values_of_its_field(
    client: Client, criteria: Forms, person: Person
) -> None:
    checked = set()
    for criterion, operator in forms_with_operators(criteria):
        key = criterion["key"]
        for field in fields_of(criterion, operator):
            assert field["multiple"] == (field["maxItems"] is not None)
            if field["multiple"] and (key, field["name"]) not in checked:
                checked.add((key, field["name"]))
                rule = person.rule(criterion, operator, True, "minimum")
                rule[key][field["name"]] *= field["maxItems"]
                assert client.size(rule)["contacts"] == 3
                rule[key][field["name"]] *= 2
                extensions = client.errors(SIZE, rule=rule)[0]["extensions"]
                assert extensions == {"code": "INVALID", "path": ["rule", key, field["name"]]}
    assert len(checked) > 8


def test_suggestions_have_labels_and_operators_of_the_form(criteria: Forms, person: Person) -> None:
    suggesting = suiting = 0
    for criterion, operator in forms_with_operators(criteria):
        key = criterion["key"]
        given = person.rule(criterion, operator, True, "minimum")[key]
        operators = {other["name"] for other in criterion["operators"]}
        for field in fields_of(criterion, operator):
            if field["suggests"]:
                suggesting += 1
                for option in person.suggestions(key, field["name"], given):
                    assert option["value"]
                    assert option["label"]
                    if option["operators"] is not None:
                        suiting += 1
                        assert {*option["operators"]} < operators
    assert suggesting > 50
    assert suiting


def test_asking_for_suggestions_of_a_field_without_any_is_a_coded_error(client: Client) -> None:
    for criterion, field, code, path in (
        ("nothing", "amount", "UNKNOWN_CRITERION", ["criterion"]),
        ("spend", "nothing", "NOT_FOUND", ["field"]),
    ):
        errors = client.errors(SUGGESTIONS, criterion=criterion, field=field)
        assert errors[0]["extensions"] == {"code": code, "path": path}


def test_criteria_are_found_by_key_and_by_words(client: Client) -> None:
    by_key = "query ($key: String!) { criterion(key: $key) { key label } }"
    search = "query ($search: String) { criteria(search: $search) { key } }"
    assert client.ask(by_key, key="spend")["criterion"]["key"] == "spend"
    assert client.ask(by_key, key="nothing")["criterion"] is None
    assert {"key": "spend"} in client.ask(search, search="TOTAL spend")["criteria"]
    assert client.ask(search, search="no such words at all")["criteria"] == []
