"""Check the criterion in the GraphQL schema."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

from anyio import CapacityLimiter
from anyio.from_thread import start_blocking_portal

from graphql_app.criteria import Form, Scope
from graphql_app.runtime.context import Context
from graphql_app.schema.build import Schema, build_schema
from graphql_app.schema.rule import input_name
from graphql_app.segments.rules.parser import MAX_CRITERIA
from graphql_app.testing.findings import Finding
from graphql_app.testing.harness import Case, Harness

SIZE = "query ($rule: RuleInput!) { segmentSize(rule: $rule) { parts { members } } }"
TYPE = """
query ($name: String!) { __type(name: $name) { description inputFields { name description } } }
"""
METADATA = """
query ($key: String!) {
  criterion(key: $key) {
    label description group inputType jsonSchema uiSchema jsonFormsUiSchema example
    operators { name label fields }
    fields { name label kind options { value label } condition { inputType description } }
  }
}
"""


@dataclass(frozen=True)
class FixedTimeContext(Context):
    """A request at a fixed instant."""

    at: Scope

    @cached_property
    def scope(self) -> Scope:
        return self.at


def check_graphql(harness: Harness, cases: Sequence[Case]) -> Iterator[Finding]:
    """Check that the schema describes the criterion and returns the engine's sizes."""
    try:
        schema = build_schema(harness.services.registry)
    except Exception as error:
        yield Finding(
            f"The GraphQL schema cannot be built with it: {type(error).__name__}: {error}",
            "Annotate its fields with the field types of graphql_app.criteria.",
        )
        return
    with start_blocking_portal() as portal:
        ask = partial(portal.call, _ask, schema, harness)
        yield from _check_descriptions(harness.kind, ask)
        data, errors = ask(METADATA, {"key": harness.kind.key})
        if errors or data["criterion"] is None:
            yield Finding(
                f"Its metadata cannot be queried: {errors[0] if errors else 'not found'}",
                "Use plain values in every field: text, numbers and lists that JSON can hold.",
            )
        chosen = harness.one_per_shape(cases)[:MAX_CRITERIA]
        sizes = [len(members) for members in harness.members(chosen, harness.shop)]
        rules = [{harness.kind.key: case.fields} for case in chosen]
        data, errors = ask(SIZE, {"rule": {"any": rules}})
        if not errors and [part["members"] for part in data["segmentSize"]["parts"][1:]] == sizes:
            return
        for case, rule, size in zip(chosen, rules, sizes, strict=True):
            data, errors = ask(SIZE, {"rule": rule})
            if errors or data["segmentSize"]["parts"][0]["members"] != size:
                yield Finding(
                    f"A query with the rule as GraphQL variables fails: {errors[0]}"
                    if errors
                    else "A query with the rule as GraphQL variables returns a different size.",
                    "Give your own FieldType the `kind` of its values: a text for "
                    "TEXT, CHOICE, DATE, MONEY and NUMBER, a whole number for COUNT.",
                    case.example,
                )


def _check_descriptions(kind: type[Form], ask: Any) -> Iterator[Finding]:
    for form in (kind, *(spec.condition for spec in kind.fields() if spec.condition)):
        data, _ = ask(TYPE, {"name": input_name(form)})
        made: Mapping[str, Any] = (data or {}).get("__type") or {}
        bare = [field["name"] for field in made.get("inputFields", ()) if not field["description"]]
        if not made.get("description") or bare:
            yield Finding(
                f"The GraphQL input {input_name(form)} lacks descriptions: {', '.join(bare)}",
                "Give the class a docstring and each field a label.",
            )


async def _ask(
    schema: Schema, harness: Harness, query: str, variables: Mapping[str, Any]
) -> tuple[Any, list[str]]:
    """Execute a query as the shop; return the data and the errors' messages."""
    # A limiter belongs to the event loop that first uses it.
    services = replace(harness.services, workers=CapacityLimiter(1))
    result = await schema.execute(
        query,
        variable_values=dict(variables),
        context_value=FixedTimeContext(services, harness.shop.access, harness.scope),
    )
    return result.data, [error.message for error in result.errors or ()]
