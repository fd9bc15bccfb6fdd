"""The GraphQL schema of a registry, assembled from one module per noun."""

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import strawberry
from graphql import GraphQLError, lexicographic_sort_schema
from strawberry.extensions import AddValidationRules, ParserCache, ValidationCache
from strawberry.printer import print_schema
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext, ExecutionResult
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.graphql import OperationType

from graphql_app.plugins import Registry
from graphql_app.schema import contact_segments  # noqa: F401 - adds a field to Contact
from graphql_app.schema.contact import Contact, ContactQuery
from graphql_app.schema.contact_mutations import ContactsMutation
from graphql_app.schema.criterion import CriterionQuery
from graphql_app.schema.descriptions import root
from graphql_app.schema.errors import CodedErrors, coded
from graphql_app.schema.executor import ConsistentExecutor
from graphql_app.schema.explanation import explanation_query
from graphql_app.schema.fact_tables import FactTableMutation, FactTableQuery
from graphql_app.schema.facts import FactsMutation
from graphql_app.schema.introspection import NoIntrospection, without_suggestion
from graphql_app.schema.limits import query_limits
from graphql_app.schema.nodes import NodeQuery
from graphql_app.schema.operation_metrics import OperationMetrics
from graphql_app.schema.permissions import root_scopes
from graphql_app.schema.rule import RuleInputs
from graphql_app.schema.scalars import JSON, SCALARS
from graphql_app.schema.segment import Segment, segment_query
from graphql_app.schema.segment_mutations import segment_mutation
from graphql_app.schema.shop import Shop, ShopQuery
from graphql_app.schema.size import size_query, size_subscription
from graphql_app.schema.template import TemplateQuery
from graphql_app.schema.variables import VariableChecks
from graphql_app.settings import Settings

CACHED_QUERIES = 250

# Longer documents contain their data and rarely repeat. Parsed, a document takes 70 times its
# length.
CACHED_LENGTH = 4_096


class ShortParserCache(ParserCache):
    def on_parse(self) -> Iterator[None]:
        if len(self.execution_context.query or "") <= CACHED_LENGTH:
            yield from super().on_parse()
        else:
            yield


class ShortValidationCache(ValidationCache):
    def on_validate(self) -> Iterator[None]:
        if len(self.execution_context.query or "") <= CACHED_LENGTH:
            yield from super().on_validate()
        else:
            yield


class Schema(strawberry.Schema):
    """A schema that leaves the logging of errors to ``CodedErrors``."""

    def process_errors(
        self, errors: Sequence[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        if self.config.disable_field_suggestions:
            for error in errors:
                error.message = without_suggestion(error.message)

    async def execute(
        self,
        query: str | None,
        *args: Any,
        allowed_operation_types: Iterable[OperationType] | None = None,
        **kwargs: Any,
    ) -> ExecutionResult:
        """Execute a query or mutation, and give codes to errors of parsing and validation, too.

        Raises:
            InvalidOperationTypeError: The operation is a subscription.
        """
        allowed = {*(allowed_operation_types or OperationType)} - {OperationType.SUBSCRIPTION}
        options = {**kwargs, "allowed_operation_types": allowed}
        result = await super().execute(query, *args, **options)
        if result.errors:
            result.errors = coded(result.errors)
        return result

    def as_str(self) -> str:
        """Return the schema as sorted text.

        Strawberry's own option to sort passes enums to resolvers as names, not as their members.
        """
        ordered = copy(self)
        ordered._schema = lexicographic_sort_schema(self._schema)
        return print_schema(ordered)


def build_schema(registry: Registry, settings: Settings | None = None) -> Schema:
    """Build the GraphQL schema with the criteria of a registry; without settings, no limits."""
    introspection = settings is None or settings.introspection
    schema = copy(_build_types(registry))
    schema.config = replace(schema.config, disable_field_suggestions=not introspection)
    schema.extensions = (
        OperationMetrics,
        CodedErrors,
        partial(VariableChecks, root_scopes(schema)),
        *([] if settings is None else [query_limits(settings)]),
        *([] if introspection else [lambda: AddValidationRules([NoIntrospection])]),
        lambda: ShortParserCache(maxsize=CACHED_QUERIES),
        lambda: ShortValidationCache(maxsize=CACHED_QUERIES),
    )
    return schema


@lru_cache(maxsize=1)  # acceptance builds what the server uses, and it takes 0.2 s
def _build_types(registry: Registry) -> Schema:
    inputs = RuleInputs(registry)
    queries: tuple[Any, ...] = (
        NodeQuery,
        ShopQuery,
        CriterionQuery,
        TemplateQuery,
        size_query(inputs),
        explanation_query(inputs),
        segment_query(inputs),
        ContactQuery,
        FactTableQuery,
    )
    schema = Schema(
        query=root("Query", queries, "Everything that a client can read of the token's shop."),
        mutation=root(
            "Mutation",
            (segment_mutation(inputs), FactsMutation, ContactsMutation, FactTableMutation),
            "Everything that a client can change. A payload without userErrors means success.",
        ),
        subscription=root(
            "Subscription",
            (size_subscription(inputs),),
            "Results that are sent again whenever they change, over WebSocket.",
        ),
        types=[Shop, Segment, Contact],
        config=StrawberryConfig(scalar_map=SCALARS),
        execution_context_class=ConsistentExecutor,
    )
    _pass_inputs_as_sent(schema)
    return schema


def _pass_inputs_as_sent(schema: Schema) -> None:
    """Have resolvers receive input objects as the JSON that the client sent, by GraphQL names.

    The domain checks the JSON, so every source of rules and facts has the same messages. It also
    saves time: Strawberry's own conversion would block the event loop for 0.1 s for 10,000 objects.
    It leaves scalars as they are, so it finds the inputs among these.
    """
    converter = schema.schema_converter
    definitions = (made.definition for made in converter.type_map.values())
    inputs = [
        each.origin
        for each in definitions
        if isinstance(each, StrawberryObjectDefinition) and each.is_input
    ]
    scalars = converter.scalar_registry
    converter.scalar_registry = {**scalars, **dict.fromkeys(inputs, scalars[JSON])}
