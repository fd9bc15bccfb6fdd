"""A plugin with a criterion that cannot be described."""

from sqlalchemy import ColumnElement, true

from graphql_app.criteria import Criterion, Scope, StateOperator, hookimpl


class Speechless(Criterion):
    """Raises when it is described."""

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
