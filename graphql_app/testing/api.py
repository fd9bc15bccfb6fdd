"""Checks of the criterion in the GraphQL schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from anyio import CapacityLimiter
from anyio.from_thread import start_blocking_portal

from graphql_app.criteria import Form, Scope
from graphql_app.runtime.context import Context
from graphql_app.schema.build import Schema, build_schema
from graphql_app.schema.rule import input_name
from graphql_app.segments.rules.parser import MAX_CRITERIA
from graphql_app.testing.findings import Finding
from graphql_app.testing.harness import Bench, Case

SIZE = "query ($rule: RuleInput!) { segmentSize(rule: $rule) { parts { members } } }"
TYPE = """
query ($name: String!) { __type(name: $name) { description inputFields { name description } } }
"""
METADATA = """
query ($key: String!) {
  criterion(key: $key) {
    label description group inputType jsonSchema uiSchema example
    operators { name label fields }
    fields { name label kind options { value label } condition { inputType description } }
  }
}
"""


@dataclass(frozen=True)
class At(Context):
    """A request of a shop at an instant of the check's own."""

    at: Scope

    @cached_property
    def scope(self) -> Scope:
        """That instant, not now."""
        return self.at


def in_graphql(bench: Bench, cases: Sequence[Case]) -> Iterator[Finding]:
    """The schema has the criterion, described, and answers its rules as the engine does."""
    try:
        schema = build_schema(bench.services.registry)
    except Exception as error:
        yield Finding(
            f"There is no GraphQL schema with it: {type(error).__name__}: {error}",
            "Annotate its fields with the field types of graphql_app.criteria.",
        )
        return
    with start_blocking_portal() as portal:

        def ask(query: str, **variables: Any) -> tuple[Any, list[str]]:
            answer: tuple[Any, list[str]] = portal.call(_ask, schema, bench, query, variables)
            return answer

        yield from _described(bench.kind, ask)
        data, errors = ask(METADATA, key=bench.kind.key)
        if errors or data["criterion"] is None:
            yield Finding(
                f"Its metadata cannot be asked for: {errors[0] if errors else 'it is not there'}",
                "Give every field plain values: text, numbers and lists that JSON can hold.",
            )
        asked = bench.one_per_shape(cases)[:MAX_CRITERIA]
        sizes = [len(members) for members in bench.members(asked, bench.shop)]
        rules = [{bench.kind.key: case.fields} for case in asked]
        data, errors = ask(SIZE, rule={"any": rules})
        if not errors and [part["members"] for part in data["segmentSize"]["parts"][1:]] == sizes:
            return
        for case, rule, size in zip(asked, rules, sizes, strict=True):
            data, errors = ask(SIZE, rule=rule)
            if errors or data["segmentSize"]["parts"][0]["members"] != size:
                yield Finding(
                    f"Asked for as GraphQL variables it fails: {errors[0]}"
                    if errors
                    else "Asked for as GraphQL variables it has another size.",
                    "Give a FieldType of your own the `kind` whose values it takes: a text for "
                    "TEXT, CHOICE, DATE, MONEY and NUMBER, a whole number for COUNT.",
                    case.shown,
                )


def _described(kind: type[Form], ask: Any) -> Iterator[Finding]:
    for form in (kind, *(spec.condition for spec in kind.fields() if spec.condition)):
        data, _ = ask(TYPE, name=input_name(form))
        made: Mapping[str, Any] = (data or {}).get("__type") or {}
        bare = [field["name"] for field in made.get("inputFields", ()) if not field["description"]]
        if not made.get("description") or bare:
            yield Finding(
                f"The GraphQL input {input_name(form)} is not described: {', '.join(bare)}",
                "Give the class a docstring, and each field a label.",
            )


async def _ask(
    schema: Schema, bench: Bench, query: str, variables: Mapping[str, Any]
) -> tuple[Any, list[str]]:
    """Execute a query as the shop; the data and the messages of the errors."""
    # A limiter belongs to the event loop that first uses it.
    services = replace(bench.services, workers=CapacityLimiter(1))
    result = await schema.execute(
        query,
        variable_values=dict(variables),
        context_value=At(services, bench.shop.access, bench.scope),
    )
    return result.data, [error.message for error in result.errors or ()]
