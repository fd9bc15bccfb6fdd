"""The creation date."""

from sqlmodel import col

from graphql_app.audience.tables import Contact, Expression
from graphql_app.criteria import Criterion, DateCriterion, Group, Phrase, Scope, hookimpl


class CreatedDate(DateCriterion):
    """When a contact was created in the source system."""

    key = "createdDate"
    label = "Created date"
    group = Group.PROFILE

    def measure(self, scope: Scope) -> Expression:
        return col(Contact.created_at)

    def describe_phrase(self, scope: Scope) -> Phrase:
        return Phrase(
            does="was created",
            does_not="was not created",
            none="has no creation date",
            some="has a creation date",
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [CreatedDate]
