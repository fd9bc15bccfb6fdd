"""A plugin whose operators have the name of a type of the host."""

from sqlalchemy import ColumnElement, true

from graphql_app.criteria import Criterion, Operator, Scope, hookimpl


class Segment(Operator):
    """Whether it is one."""

    IS = "IS", "is"


class Fruit(Criterion):
    """Whether a contact is fond of fruit."""

    key = "fruit"
    label = "Fruit"
    operator: Segment

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return true()


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [Fruit]
