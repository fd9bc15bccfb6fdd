"""Random operations on the schema: every error has a code, and none is internal.

``schemathesis`` generates valid and invalid operations, with strategies for the scalars from here.
Then the tests reduce one-of inputs to one key, and replace some ids by existing ones.
"""

import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import graphql
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.graphql import nodes

from graphql_app.errors import ErrorCode
from tests.docs.pages import ROOT
from tests.factories import contacts
from tests.hypothesis_profiles import one_in
from tests.support import Client, Server

TEXTS = st.text(max_size=20)
NAMES = st.from_regex("[a-z]{1,8}", fullmatch=True)


def _object(values: dict[str, str]) -> graphql.ValueNode:
    fields = (f"{name}: {graphql.print_ast(nodes.String(text))}" for name, text in values.items())
    return graphql.parse_value(f"{{ {', '.join(fields)} }}")


def _decimals(places: int) -> st.SearchStrategy[graphql.ValueNode]:
    return st.decimals(0, 10**13, places=places).map(lambda number: nodes.String(str(number)))


schemathesis.graphql.scalar("Date", st.dates().map(str).map(nodes.String))
schemathesis.graphql.scalar(
    "DateTime", st.datetimes().map(lambda time: nodes.String(f"{time.isoformat()}Z"))
)
schemathesis.graphql.scalar("Money", _decimals(2))
schemathesis.graphql.scalar("Decimal", _decimals(4))
schemathesis.graphql.scalar("JSON", st.dictionaries(NAMES, TEXTS, max_size=3).map(_object))

schema = schemathesis.graphql.from_path(ROOT / "schema.graphql")
TYPES = graphql.build_schema((ROOT / "schema.graphql").read_text())


@dataclass
class Fuzzed:
    """A shop, the ids of its contacts and segments, and how operations on it ended."""

    client: Client
    ids: list[str]
    ends: Counter[str] = field(default_factory=Counter)


@pytest.fixture(scope="module")
def fuzzed(server: Server) -> Fuzzed:
    client = server.shop()
    client.record("contactsUpsert", contacts(*range(5), tags=["a"]))
    segments = client.ask("{ segments(first: 10) { nodes { id } } }")["segments"]["nodes"]
    return Fuzzed(client, [*(node["id"] for node in segments), "0", "1"])


class _Repair(graphql.Visitor):
    """A visitor that leaves one-of inputs one key, and replaces half of the ids with real ones."""

    def __init__(self, types: graphql.TypeInfo, ids: list[str]) -> None:
        super().__init__()
        self._types = types
        self._ids = ids

    def enter_object_value(self, node: graphql.ObjectValueNode, *_: Any) -> Any:
        kind = graphql.get_named_type(self._types.get_input_type())
        if not (isinstance(kind, graphql.GraphQLInputObjectType) and kind.is_one_of):
            return None
        known = [each for each in node.fields if each.name.value in kind.fields]
        return graphql.ObjectValueNode(fields=tuple(known[:1]))

    def enter_string_value(self, node: graphql.StringValueNode, *_: Any) -> Any:
        kind = graphql.get_named_type(self._types.get_input_type())
        number = zlib.crc32(node.value.encode(errors="replace"))
        if kind is not graphql.GraphQLID or number % 2:
            return None
        return graphql.StringValueNode(value=self._ids[number // 2 % len(self._ids)])


def _repair(text: str, ids: list[str]) -> str:
    types = graphql.TypeInfo(TYPES)
    visitor = graphql.TypeInfoVisitor(types, _Repair(types, ids))
    return graphql.print_ast(graphql.visit(graphql.parse(text), visitor))


# Not ``schema.parametrize``: its tests have one id, and pytest-xdist runs one test of each id.
FOUND: list[Any] = [*schema.get_all_operations()]
OPERATIONS = {found.ok().label: found.ok() for found in FOUND}


@pytest.mark.hypothesis  # so that `make soak` runs it, with more examples
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_an_operation_is_answered_or_refused_with_a_code(operation: Any, fuzzed: Fuzzed) -> None:
    @given(case=operation.as_strategy())
    @settings(
        max_examples=one_in(4, at_least=10),
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[*HealthCheck],
    )
    def check(case: Any) -> None:
        response = fuzzed.client.post(_repair(case.body, fuzzed.ids))
        assert response.status_code == 200
        answer = response.json()
        codes = {ErrorCode(error["extensions"]["code"]) for error in answer.get("errors", ())}
        assert ErrorCode.INTERNAL not in codes
        assert codes or answer["data"]
        fuzzed.ends["refused" if codes else "answered"] += 1

    check()


def test_many_were_answered_and_many_refused(fuzzed: Fuzzed) -> None:
    total = sum(fuzzed.ends.values())
    assert min(fuzzed.ends["answered"], fuzzed.ends["refused"]) >= total / 7
