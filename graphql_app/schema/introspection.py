"""A schema that is not told: neither when it is asked for, nor by way of suggestions."""

from __future__ import annotations

import re
from typing import Any

from graphql import FieldNode, GraphQLError, ValidationRule

from graphql_app.errors import ErrorCode

TELLING = frozenset({"__schema", "__type"})
SUGGESTION = re.compile(r" Did you mean .*\?", re.DOTALL)


class NoIntrospection(ValidationRule):
    """Refuses to tell the schema; the name of a value's type may be asked."""

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        """Refuse the fields that tell it."""
        if node.name.value in TELLING:
            self.report_error(
                GraphQLError(
                    "This server does not tell its schema.",
                    node,
                    extensions={"code": ErrorCode.INTROSPECTION_OFF.value},
                )
            )


def without_suggestion(message: str) -> str:
    """What an error says, without names that the client did not use itself."""
    return SUGGESTION.sub("", message)
