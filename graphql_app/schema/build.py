"""The schema of one registry: the nouns put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import merge_types
from strawberry.types import ExecutionContext

from graphql_app.plugins import Registry
from graphql_app.schema.contact import Contact, ContactQuery
from graphql_app.schema.criterion import CriterionQuery
from graphql_app.schema.errors import CodedErrors
from graphql_app.schema.facts import FactsMutation
from graphql_app.schema.limits import QueryLimits
from graphql_app.schema.nodes import NodeQuery
from graphql_app.schema.rule import RuleInputs
from graphql_app.schema.scalars import SCALARS
from graphql_app.schema.segment import Segment, segment_query
from graphql_app.schema.segment_mutations import segment_mutation
from graphql_app.schema.shop import Shop, ShopQuery
from graphql_app.schema.size import size_query
from graphql_app.schema.template import TemplateQuery

CACHED_QUERIES = 500


class Schema(strawberry.Schema):
    """A schema whose errors are logged where they are coded, and not twice."""

    def process_errors(
        self, errors: Sequence[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Leave them to ``CodedErrors``."""


def build_schema(registry: Registry) -> Schema:
    """The GraphQL schema with the criteria of a registry."""
    inputs = RuleInputs(registry)
    queries: tuple[Any, ...] = (
        NodeQuery,
        ShopQuery,
        CriterionQuery,
        TemplateQuery,
        size_query(inputs),
        segment_query(inputs),
        ContactQuery,
    )
    return Schema(
        query=merge_types("Query", queries),
        mutation=merge_types("Mutation", (segment_mutation(inputs), FactsMutation)),
        types=[Shop, Segment, Contact],
        config=StrawberryConfig(scalar_map=SCALARS, sort_schema=True),
        extensions=[
            CodedErrors,
            QueryLimits,
            lambda: ParserCache(maxsize=CACHED_QUERIES),
            lambda: ValidationCache(maxsize=CACHED_QUERIES),
        ],
    )
