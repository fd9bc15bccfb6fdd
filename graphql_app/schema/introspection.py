"""Turning introspection off, also through suggestions in error messages."""

import re
from typing import Any

from graphql import FieldNode, GraphQLError, ValidationRule

from graphql_app.errors import ErrorCode

INTROSPECTION_FIELDS = frozenset({"__schema", "__type"})
SUGGESTION = re.compile(r" Did you mean .*\?", re.DOTALL)


class NoIntrospection(ValidationRule):
    """A rule that refuses introspection, except ``__typename``."""

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        if node.name.value in INTROSPECTION_FIELDS:
            message = "Introspection is turned off on this server."
            extensions = {"code": ErrorCode.INTROSPECTION_OFF.value}
            self.report_error(GraphQLError(message, node, extensions=extensions))


def without_suggestion(message: str) -> str:
    """Remove suggestions, which reveal names of the schema, from an error message."""
    return SUGGESTION.sub("", message)
