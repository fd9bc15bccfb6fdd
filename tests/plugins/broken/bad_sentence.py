"""A plugin that cannot say what it asks."""

from sqlalchemy import ColumnElement, true

from graphql_app.criteria import Criterion, Scope, StateOperator, hookimpl


class Speechless(Criterion):
    """Something that cannot be said."""

    key = "speechless"
    label = "Speechless"
    operator: StateOperator

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return true()

    def describe(self, scope: Scope) -> str:
        raise LookupError("no words")


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [Speechless]
