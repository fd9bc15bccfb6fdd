"""The email address."""

from sqlalchemy import ColumnElement, func
from sqlmodel import col

from graphql_app.audience.tables import Contact
from graphql_app.criteria import (
    Criterion,
    Group,
    OneOrMore,
    Phrase,
    Scope,
    Text,
    TextOperator,
    fold,
    form_field,
    hookimpl,
)

WITH_EMAILS = (TextOperator.ANY_OF, TextOperator.NONE_OF)
WITH_TEXT = (TextOperator.CONTAINS, TextOperator.NOT_CONTAINS)


class Email(Criterion):
    """A contact's email address, regardless of upper and lower case."""

    key = "email"
    label = "Email address"
    group = Group.PROFILE

    operator: TextOperator
    emails: OneOrMore[Text] | None = form_field(
        "Email addresses", used_with=WITH_EMAILS, placeholder="ann@example.com"
    )
    text: Text | None = form_field("Text", used_with=WITH_TEXT, placeholder="@example.")

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        email = col(Contact.email_folded)
        if self.emails is not None:
            return email.in_(dict.fromkeys(map(fold, self.emails)))
        if self.text is not None:
            return func.position(email, fold(self.text)) > 0
        return email.is_not(None)

    def describe_phrase(self, scope: Scope) -> Phrase:
        contains = self.text is not None
        return Phrase(
            does="has an email address that contains" if contains else "has the email address",
            does_not=(
                "has no email address that contains"
                if contains
                else "does not have the email address"
            ),
            operator="",
            none="has no email address",
            some="has an email address",
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [Email]
