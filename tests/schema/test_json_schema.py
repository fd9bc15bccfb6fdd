"""A criterion's JSON Schema accepts exactly the documents that the API accepts.

This module is long because it has strategies that generate valid and invalid documents
from a schema.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from decimal import Decimal
from functools import reduce
from operator import getitem
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema_rs import Draft202012Validator as Validator

from graphql_app.criteria import Form
from graphql_app.errors import AppError
from graphql_app.plugin_discovery import discover
from graphql_app.plugins import Registry
from graphql_app.segments.rules.parser import parse
from graphql_app.segments.rules.tree import Named
from graphql_app.segments.rules.tree import document as as_document
from tests.client import SIZE
from tests.hypothesis_profiles import one_in
from tests.support import Client, Server

Schemas = Mapping[str, Any]
Accepts = Callable[[str, Any], bool]  # whether the JSON Schema of a key accepts a document

KEYS = sorted(discover().criteria)
SCHEMA = "query ($key: String!) { criterion(key: $key) { jsonSchema uiSchema } }"
SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much]
FEW = settings(max_examples=one_in(2), suppress_health_check=SLOW)


class _Ordered:
    """The keyword ``x-ordered``: the second of two bounds must not be below the first."""

    def __init__(self, _: Any, names: Sequence[str], path: Any) -> None:
        self._names = names

    def validate(self, instance: Any) -> None:
        if not isinstance(instance, dict) or not {*self._names} <= {*instance}:
            return
        low, high = (instance[name] for name in self._names)
        try:  # compare amounts and numbers by value, days as text
            reverse = Decimal(high) < Decimal(low)
        except (ArithmeticError, TypeError, ValueError):
            reverse = str(high) < str(low)
        if reverse:
            raise ValueError(f"{self._names[1]} is below {self._names[0]}")


@pytest.fixture(scope="module")
def client(server: Server) -> Client:
    return server.shop()


FORM = "{ fields { name notBelow condition { fields { name notBelow } } } jsonSchema }"


@pytest.mark.parametrize("key", KEYS)
def test_the_metadata_has_the_same_bounds(client: Client, key: str) -> None:
    query = f"query ($key: String!) {{ criterion(key: $key) {FORM} }}"
    form = client.ask(query, key=key)["criterion"]
    conditions = [field["condition"] for field in form["fields"] if field["condition"]]
    fields = [field for each in (form, *conditions) for field in each["fields"]]
    bounds = {(field["notBelow"], field["name"]) for field in fields if field["notBelow"]}
    pairs = {tuple(pair) for pair in _pairs(form["jsonSchema"])}
    assert bounds == pairs - {("from", "to")}  # belongs to a time window, which is one field


def _pairs(schema: Any) -> Iterator[Sequence[str]]:
    """Yield every ``x-ordered`` at any depth."""
    if isinstance(schema, dict):
        if "x-ordered" in schema:
            yield schema["x-ordered"]
        schema = [*schema.values()]
    if isinstance(schema, list):
        for inner in schema:
            yield from _pairs(inner)


@pytest.fixture(scope="module")
def schemas(client: Client) -> Schemas:
    return {key: client.ask(SCHEMA, key=key)["criterion"]["jsonSchema"] for key in KEYS}


@pytest.fixture(scope="module")
def accepts(schemas: Schemas) -> Accepts:
    made = {
        key: Validator(schema, validate_formats=True, keywords={"x-ordered": _Ordered})
        for key, schema in schemas.items()
    }
    return lambda key, document: made[key].is_valid(document)


def _any_segment(id: str) -> Named:
    """Return a library with every id; a schema cannot know which segments exist."""
    return Named(id, "Any", {"all": []})


def _parses(registry: Registry, key: str, document: Any) -> bool:
    try:
        parse({key: document}, registry, library=_any_segment)
    except AppError:
        return False
    return True


def _documents(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Generate documents that a schema accepts, except for ``x-ordered`` and impossible days."""
    if "allOf" in schema:
        return st.one_of(*(_documents(_then(each)) for each in schema["allOf"]))
    if "oneOf" in schema:
        return st.one_of(*(_documents(branch) for branch in schema["oneOf"]))
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema["type"]:
        case "integer":
            low, high = schema["minimum"], schema["maximum"]
            return st.one_of(st.integers(low, high), st.sampled_from([low, high, float(low)]))
        case "array":
            items = _documents(schema["items"])
            return st.lists(items, min_size=schema["minItems"], max_size=min(4, schema["maxItems"]))
        case "string" if "format" in schema:
            return st.dates().map(str).filter(lambda day: re.search(schema["pattern"], day))
        case "string" if "maxLength" in schema:
            characters = st.characters(exclude_categories=["Cs"])
            text = st.text(characters, min_size=schema["minLength"], max_size=8)
            # The longest texts; some grow when their case is folded.
            longest = st.sampled_from([letter * schema["maxLength"] for letter in "xİß"])
            return text.filter(lambda found: re.search(schema["pattern"], found)) | longest
        case "string":
            return st.from_regex(schema["pattern"], fullmatch=True)
        case "object":
            fields = {name: _documents(field) for name, field in schema["properties"].items()}
            optional = {*fields} - {*schema["required"]}
            return st.fixed_dictionaries(
                {name: field for name, field in fields.items() if name not in optional},
                optional={name: fields[name] for name in optional},
            )
        case other:
            raise AssertionError(f"no documents of type {other}")


def _then(conditional: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema that applies to the operators of a condition."""
    operator = conditional["if"]["properties"]["operator"]
    then = conditional["then"]
    return {**then, "properties": {**then["properties"], "operator": operator}}


DAY = "2024-05-01"
ODD: Sequence[Any] = (
    None, True, False, 0, 1, -1, 5.0, -0.0, 5.5, 1e300, 36_500, 36_501, 1000, 1001,
    2**31 - 1, 2**31, 2**63, 10**30, "", " ", "\u2003", "\u00a0\t", "\u200b", "\x1c", "\x00",
    "5", "x" * 255, "x" * 256, "\U0001f600" * 255, "2024-02-30", "2023-02-29", "2024-02-29",
    "2024-5-1", "20240501", "2024-W18-3", "1969-12-31", "1970-01-01", "2199-12-31", "2200-01-01",
    "0000-12-31", "0001-01-01", "0999-02-29", "9999-12-31", "10000-01-01",
    "2024-05-01T00:00:00Z", "2024-05-01\n", "\u0662\u0660\u0662\u0664-05-01",
    "us", "US", "GB", "UK", "ZZ", "EU", "USA", "50.00", "50.00000", "50.", ".5", "-1", "+5",
    "1e3", "0050", "50.00\n", " 50.00", "\u0665", "99999999999999.9999", "999999999999999",
    "IS", "is", "ANY_OF", "BETWEEN", "HOURS", "hours", "DAY",
    [], {}, [None], [[]], ["x"], ["x", None], ["x", " "], [1], ["US", "us"], ["x"] * 1000,
    ["x"] * 1001, {"last": {"count": 1, "unit": "DAYS"}, "since": DAY}, {"last": None},
    {"last": {"count": 0, "unit": "DAYS"}}, {"last": {"count": 1001, "unit": "DAYS"}},
    {"last": {"count": 2.0, "unit": "WEEKS"}}, {"last": {"count": True, "unit": "WEEKS"}},
    {"since": DAY, "before": None}, {"between": {"from": DAY, "to": "2024-04-30"}},
    {"between": {"from": DAY, "to": DAY}}, {"between": {"from_": DAY, "to": DAY}}, {"since": ""},
)  # fmt: skip
NAMES = ("operator", "amount", "count", "date", "days", "upTo", "up_to", "within", "type", "")


def _paths(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(document, dict | list):
        inner = document.items() if isinstance(document, dict) else enumerate(document)
        for name, value in inner:
            yield from _paths(value, (*path, name))


@st.composite
def _broken(draw: st.DrawFn, documents: st.SearchStrategy[Any]) -> Any:
    """Generate a valid document with something missing, added, swapped or replaced."""
    document = deepcopy(draw(documents))
    for _ in range(draw(st.integers(1, 2))):
        paths = [path for path in _paths(document) if path]
        if not paths:
            return document
        *above, name = draw(st.sampled_from(paths))
        holder = reduce(getitem, above, document)
        odd = st.one_of(
            st.sampled_from(ODD).map(deepcopy), st.text(max_size=3, alphabet="aA \n\t0-.٠")
        )
        match draw(st.sampled_from(["replace", "replace", "drop", "add", "swap"])):
            case "drop":
                del holder[name]
            case "add" if isinstance(holder, dict):
                added = draw(st.sampled_from(NAMES))
                holder[added] = deepcopy(holder[name]) if draw(st.booleans()) else draw(odd)
            case "swap":
                other = draw(st.sampled_from([*holder] if isinstance(holder, dict) else [name]))
                holder[name], holder[other] = holder[other], holder[name]
            case _:
                holder[name] = draw(odd)
    return document


def test_every_json_schema_is_valid_and_names_the_operators(
    schemas: Schemas, registry: Registry
) -> None:
    for key, schema in schemas.items():
        Draft202012Validator.check_schema(schema)
        named = [operator["const"] for operator in schema["properties"]["operator"]["oneOf"]]
        assert named == [*registry.criteria[key].operators()]
        assert schema["title"] == registry.criteria[key].label


@pytest.mark.hypothesis  # so that `make soak` runs it, with more examples
@pytest.mark.parametrize("broken", [False, True], ids=["valid", "broken"])
@pytest.mark.parametrize("key", KEYS)
def test_the_schema_and_the_parser_accept_the_same_documents(
    key: str, broken: bool, schemas: Schemas, accepts: Accepts, registry: Registry
) -> None:
    documents = _documents(schemas[key])

    @FEW
    @given(_broken(documents) if broken else documents)
    def check(document: Any) -> None:
        assert _parses(registry, key, document) == accepts(key, document), document

    check()


@pytest.mark.hypothesis
@pytest.mark.parametrize("key", KEYS)
def test_the_canonical_form_of_a_rule_is_stable(
    key: str, schemas: Schemas, registry: Registry
) -> None:
    """Saving a rule repeatedly must not change its meaning."""

    @FEW
    @given(_documents(schemas[key]))
    def check(document: Any) -> None:
        assume(_parses(registry, key, document))
        canonical = as_document(parse({key: document}, registry, library=_any_segment))
        again = parse(canonical, registry, library=_any_segment)
        assert as_document(again) == canonical

    check()


def _complete(form: type[Form]) -> Iterator[dict[str, Any]]:
    """Return a document for every operator with all of its fields."""
    for operator in form.operators():
        used = [spec for spec in form.fields() if operator in spec.used_with]
        yield {"operator": operator.value, **{spec.name: spec.example for spec in used}}


@pytest.mark.parametrize("key", KEYS)
def test_lists_of_up_to_ten_conditions_accept_every_operator(
    key: str, accepts: Accepts, registry: Registry
) -> None:
    complete = next(_complete(registry.criteria[key]))
    for spec in registry.criteria[key].fields():
        for condition in () if spec.condition is None else _complete(spec.condition):
            for number in (1, 10, 11):
                document = {**complete, spec.name: [condition] * number}
                verdict = accepts(key, document)
                assert _parses(registry, key, document) == verdict == (number <= 10)


@pytest.mark.parametrize("key", KEYS)
def test_odd_values_are_refused_by_both_in_every_place(
    key: str, accepts: Accepts, registry: Registry
) -> None:
    shapes = set()
    for complete in _complete(registry.criteria[key]):
        assert accepts(key, complete)
        assert _parses(registry, key, complete)
        # Operators with the same fields share a part of the schema.
        paths = [] if frozenset(complete) in shapes else list(_paths(complete))
        shapes.add(frozenset(complete))
        for path in paths:
            for odd in ODD:
                document: Any = deepcopy(complete) if path else odd
                if path:
                    reduce(getitem, path[:-1], document)[path[-1]] = odd
                assert accepts(key, document) == _parses(registry, key, document), document


def test_only_x_ordered_refuses_bounds_out_of_order(
    schemas: Schemas, accepts: Accepts, registry: Registry
) -> None:
    plain = Draft202012Validator(schemas["spend"])
    for document, verdict in (
        ({"operator": "BETWEEN", "amount": "9", "upTo": "10.0"}, True),
        ({"operator": "BETWEEN", "amount": "10", "upTo": "10.0000"}, True),
        ({"operator": "BETWEEN", "amount": "10.0001", "upTo": "10"}, False),
        ({"operator": "BETWEEN", "amount": "10", "upTo": "9"}, False),
    ):
        assert plain.is_valid(document)
        assert accepts("spend", document) == _parses(registry, "spend", document) == verdict


def _arrays(schema: Any) -> set[str]:
    """Return the names of the fields that take lists, at any depth."""
    found = set()
    inner = schema.values() if isinstance(schema, dict) else schema
    if isinstance(schema, dict):
        fields = schema.get("properties", {})
        found = {name for name, field in fields.items() if field.get("type") == "array"}
    return found.union(*(_arrays(each) for each in inner if isinstance(each, dict | list)))


def _coerced(document: Any, arrays: set[str]) -> bool:
    """Return whether GraphQL coerces a value: a single value to a list, or 5 to an id."""
    if isinstance(document, list):
        return any(_coerced(item, arrays) for item in document)
    if not isinstance(document, dict):
        return False
    return any(
        (name in arrays and not isinstance(value, list | None))
        or (name == "segment" and isinstance(value, int | float))
        or _coerced(value, arrays)
        for name, value in document.items()
    )


@pytest.mark.hypothesis
@pytest.mark.parametrize("key", KEYS)
def test_the_server_accepts_documents_that_the_schema_accepts(
    key: str, schemas: Schemas, accepts: Accepts, client: Client
) -> None:
    """Over HTTP, the only permitted error of an accepted document is a missing segment."""
    documents = _documents(schemas[key])
    arrays = _arrays(schemas[key])
    outcomes = set()

    @FEW
    @example({})  # at least one value is refused
    @given(st.one_of(documents, _broken(documents)))
    def check(document: Any) -> None:
        assume(not _coerced(document, arrays))
        answer = client.post(SIZE, {"rule": {key: document}}).json()
        verdict = accepts(key, document)
        outcomes.add(verdict)
        codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
        assert (codes <= {"NOT_FOUND"}) == verdict, (document, answer)
        assert codes <= {"INVALID", "BAD_REQUEST"} or (key == "inSegment" and verdict)

    check()
    assert outcomes == {False, True}


def test_the_ui_schema_orders_all_fields_of_the_schema(client: Client, schemas: Schemas) -> None:
    for key, schema in schemas.items():
        order = client.ask(SCHEMA, key=key)["criterion"]["uiSchema"]["ui:order"]
        branches = [schema, *(each["then"] for each in schema.get("allOf", ()))]
        named = {name for branch in branches for name in branch["properties"]}
        assert order[0] == "operator"
        assert sorted(order) == sorted(named)
        assert json.dumps(schema)
