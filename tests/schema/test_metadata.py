"""A form can be built from ``criteria`` alone, with no knowledge of any criterion."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import pytest

from tests.support import SIZE, Client, Server

METADATA = """
{
  criteria {
    key label description group inputType example
    plugin { name version }
    operators { name label negated fields }
    fields {
      name label kind required multiple minimum maximum step pattern
      options { value label } suggests usedWith
    }
  }
}
"""
INPUT = """
query ($name: String!) {
  __type(name: $name) {
    kind
    inputFields { name type { kind ofType { name enumValues { name } } } }
  }
}
"""
SUGGESTIONS = """
query ($criterion: String!, $field: String!) {
  fieldSuggestions(criterion: $criterion, field: $field) { value label }
}
"""

# The one kind whose value is not a scalar: what its input type says.
WINDOWS: Sequence[Mapping[str, Any]] = (
    {"last": {"count": 1, "unit": "HOURS"}},
    {"last": {"count": 1000, "unit": "MONTHS"}},
    {"since": "2024-05-01"},
    {"before": "2024-05-01"},
    {"between": {"from": "2024-05-01", "to": "2024-05-01"}},
)

End = Literal["minimum", "maximum"]


@pytest.fixture(scope="module")
def client(server: Server) -> Client:
    shop = server.shop()
    shop.record(
        "contactsUpsert",
        [
            {"id": "1", "phone": "+1", "subscribedAt": "2024-05-01T00:00:00Z", "country": "US"},
            {"id": "2", "subscribedAt": "2024-06-01T00:00:00Z", "country": "CA", "region": "ON"},
            {"id": "3", "phone": "+3"},
        ],
    )
    shop.record(
        "ordersUpsert",
        [
            {
                "id": "1",
                "contactId": "2",
                "orderedAt": "2024-05-01T10:00:00Z",
                "total": "9.99",
                "lines": [{"productId": "example"}],
            }
        ],
    )
    shop.record("textsRecord", [{"id": "1", "contactId": "3", "sentAt": "2024-07-03T10:00:00Z"}])
    shop.record(
        "keywordsRecord",
        [{"contactId": "1", "keyword": "example", "receivedAt": "2024-07-03T10:00:00Z"}],
    )
    return shop


@pytest.fixture(scope="module")
def criteria(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.ask(METADATA)["criteria"]
    assert len(found) >= 9
    return found


def _value(field: Mapping[str, Any], end: End) -> Any:
    """A value for an input, as a form that knows its kind only would send it."""
    if field["options"] is not None:
        value: Any = field["options"][0 if end == "minimum" else -1]["value"]
    else:
        match field["kind"]:
            case "COUNT":
                value = int(field[end])
            case "MONEY" | "DATE":
                value = field[end]
            case "TEXT":
                value = "example"
            case "TIME_WINDOW":
                value = WINDOWS[0 if end == "minimum" else 1]
            case kind:
                raise AssertionError(f"a form cannot know what {kind} is")
    if field["pattern"] is not None:
        assert re.search(field["pattern"], value)
    return [value] if field["multiple"] else value


def _fields(criterion: Mapping[str, Any], operator: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [field for field in criterion["fields"] if operator["name"] in field["usedWith"]]


def _rule(
    criterion: Mapping[str, Any], operator: Mapping[str, Any], optional: bool, end: End
) -> dict[str, Any]:
    values = {
        field["name"]: _value(field, end)
        for field in _fields(criterion, operator)
        if optional or field["required"]
    }
    return {criterion["key"]: {"operator": operator["name"], **values}}


def _forms(criteria: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Any, Any]]:
    for criterion in criteria:
        for operator in criterion["operators"]:
            yield criterion, operator


@pytest.mark.parametrize("end", ["minimum", "maximum"])
@pytest.mark.parametrize("optional", [False, True])
def test_every_operator_can_be_filled_in(
    client: Client, criteria: list[dict[str, Any]], optional: bool, end: End
) -> None:
    rules = [_rule(criterion, operator, optional, end) for criterion, operator in _forms(criteria)]
    assert len(rules) > 40
    for rule in rules:
        size = client.size(rule)
        assert 0 <= size["members"] <= size["contacts"] == 3


def test_every_time_window_can_be_filled_in(client: Client, criteria: list[dict[str, Any]]) -> None:
    windowed = 0
    for criterion in criteria:
        operator = criterion["operators"][0]
        for field in _fields(criterion, operator):
            if field["kind"] == "TIME_WINDOW":
                windowed += 1
                for window in WINDOWS:
                    rule = _rule(criterion, operator, optional=False, end="minimum")
                    rule[criterion["key"]][field["name"]] = window
                    assert client.size(rule)["contacts"] == 3
    assert windowed


def test_examples_are_valid_rules_of_their_criterion(
    client: Client, criteria: list[dict[str, Any]]
) -> None:
    for criterion in criteria:
        assert list(criterion["example"]) == [criterion["key"]]
        assert client.size(criterion["example"])["contacts"] == 3


def test_operators_and_fields_say_the_same_of_each_other(
    criteria: list[dict[str, Any]],
) -> None:
    for criterion, operator in _forms(criteria):
        names = [field["name"] for field in _fields(criterion, operator)]
        assert operator["fields"] == names
        assert operator["label"]
    for criterion in criteria:
        operators = {operator["name"] for operator in criterion["operators"]}
        assert all({*field["usedWith"]} <= operators for field in criterion["fields"])
        assert criterion["plugin"]["name"]
        assert criterion["plugin"]["version"]


def test_the_input_type_is_in_introspection_with_the_same_operators_and_fields(
    client: Client, criteria: list[dict[str, Any]]
) -> None:
    for criterion in criteria:
        found = client.ask(INPUT, name=criterion["inputType"])["__type"]
        assert found["kind"] == "INPUT_OBJECT"
        types = {field["name"]: field["type"] for field in found["inputFields"]}
        assert {*types} == {"operator", *(field["name"] for field in criterion["fields"])}
        values = [value["name"] for value in types["operator"]["ofType"]["enumValues"]]
        assert sorted(values) == sorted(operator["name"] for operator in criterion["operators"])
        for field in criterion["fields"]:
            always = field["required"] and len(field["usedWith"]) == len(criterion["operators"])
            assert (types[field["name"]]["kind"] == "NON_NULL") == always


def test_a_required_field_that_is_left_out_is_refused(
    client: Client, criteria: list[dict[str, Any]]
) -> None:
    for criterion, operator in _forms(criteria):
        for field in _fields(criterion, operator):
            if field["required"]:
                rule = _rule(criterion, operator, optional=True, end="minimum")
                del rule[criterion["key"]][field["name"]]
                errors = client.errors(SIZE, rule=rule)
                assert errors[0]["extensions"]["code"] in {"INVALID", "BAD_REQUEST"}
                assert field["name"] in errors[0]["message"]


def test_a_field_with_an_operator_that_does_not_use_it_is_refused(
    client: Client, criteria: list[dict[str, Any]]
) -> None:
    tried = 0
    for criterion, operator in _forms(criteria):
        for field in criterion["fields"]:
            if operator["name"] not in field["usedWith"]:
                tried += 1
                rule = _rule(criterion, operator, optional=True, end="minimum")
                rule[criterion["key"]][field["name"]] = _value(field, "minimum")
                extensions = client.errors(SIZE, rule=rule)[0]["extensions"]
                assert extensions == {
                    "code": "INVALID",
                    "path": ["rule", criterion["key"], field["name"]],
                }
    assert tried > 20


def test_values_just_outside_of_the_range_are_refused(
    client: Client, criteria: list[dict[str, Any]]
) -> None:
    for criterion, operator in _forms(criteria):
        for field in _fields(criterion, operator):
            if field["kind"] == "COUNT":
                for value in (int(field["minimum"]) - 1, int(field["maximum"]) + 1):
                    rule = _rule(criterion, operator, optional=True, end="maximum")
                    rule[criterion["key"]][field["name"]] = value
                    errors = client.errors(SIZE, rule=rule)
                    assert errors[0]["extensions"]["code"] in {"INVALID", "BAD_REQUEST"}


def test_a_negated_operator_is_the_complement_of_another(
    client: Client, criteria: list[dict[str, Any]]
) -> None:
    negated = 0
    for criterion, operator in _forms(criteria):
        if operator["negated"]:
            negated += 1
            rule = _rule(criterion, operator, optional=False, end="minimum")
            own = client.members(rule)
            others = [
                client.members(_rule(criterion, other, optional=False, end="minimum"))
                for other in criterion["operators"]
                if not other["negated"] and other["fields"] == operator["fields"]
            ]
            assert 3 - own in others
            assert client.members({"not": rule}) == 3 - own
    assert negated


def test_fields_that_suggest_have_suggestions(
    client: Client, criteria: list[dict[str, Any]]
) -> None:
    suggesting = [
        (criterion["key"], field["name"])
        for criterion in criteria
        for field in criterion["fields"]
        if field["suggests"]
    ]
    assert suggesting
    for criterion, field in suggesting:
        found = client.ask(SUGGESTIONS, criterion=criterion, field=field)["fieldSuggestions"]
        assert found
        assert all(option["value"] and option["label"] for option in found)


def test_what_there_are_no_suggestions_for_is_a_coded_error(client: Client) -> None:
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
