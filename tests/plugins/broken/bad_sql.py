"""A plugin whose SQL no engine takes, and that only for one operator."""

from sqlalchemy import ColumnElement, func, true
from sqlmodel import col

from graphql_app.audience.tables import Contact
from graphql_app.criteria import Choice, ChoiceOperator, Criterion, Scope, form_field, hookimpl


class Moon(Choice):
    """Phases of the moon."""

    FULL = "FULL", "full"


class BornUnder(Criterion):
    """The phase of the moon under which a contact was created."""

    key = "bornUnder"
    label = "Born under"
    operator: ChoiceOperator
    moon: Moon | None = form_field(
        "Moon", used_with=[ChoiceOperator.ANY_OF, ChoiceOperator.NONE_OF]
    )

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        if self.operator is ChoiceOperator.IS_SET:
            return true()
        return func.moonPhase(col(Contact.created_at)) == self.moon


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [BornUnder]
