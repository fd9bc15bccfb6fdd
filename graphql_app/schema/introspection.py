"""Turning introspection off, also through suggestions in error messages."""

import re
from typing import Any

from graphql import FieldNode, GraphQLError, ValidationRule

from graphql_app.errors import ErrorCode

INTROSPECTION_FIELDS = frozenset({"__schema", "__type"})
SUGGESTION = re.compile(r" Did you mean .*\?", re.DOTALL)


class NoIntrospection(ValidationRule):
    """Refuses introspection, except ``__typename``."""

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        if node.name.value in INTROSPECTION_FIELDS:
            self.report_error(
                GraphQLError(
                    "Introspection is turned off on this server.",
                    node,
                    extensions={"code": ErrorCode.INTROSPECTION_OFF.value},
                )
            )


def without_suggestion(message: str) -> str:
    """Remove suggestions, which reveal names of the schema, from an error message."""
    return SUGGESTION.sub("", message)
