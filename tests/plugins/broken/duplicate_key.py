"""A plugin with the key of a built-in criterion."""

from sqlalchemy import ColumnElement, true

from graphql_app.criteria import Criterion, Scope, StateOperator, hookimpl


class Spend(Criterion):
    """Everyone."""

    key = "spend"
    label = "Spend"
    operator: StateOperator

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return true()


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [Spend]
