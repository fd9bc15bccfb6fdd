"""The email domain."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, func
from sqlmodel import col

from graphql_app.audience.tables import Contact, Statement
from graphql_app.criteria import (
    ChoiceOperator,
    Criterion,
    Group,
    OneOrMore,
    Phrase,
    Scope,
    Text,
    fold,
    form_field,
    hookimpl,
    suggest_spellings,
)

WITH_DOMAINS = (ChoiceOperator.ANY_OF, ChoiceOperator.NONE_OF)


class EmailDomain(Criterion):
    """The part of a contact's email address after the @, regardless of upper and lower case."""

    key = "emailDomain"
    label = "Email domain"
    group = Group.PROFILE

    operator: ChoiceOperator
    domains: OneOrMore[Text] | None = form_field(
        "Domains", used_with=WITH_DOMAINS, placeholder="gmail.com", suggests=True
    )

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        domain = col(Contact.email_domain)
        if self.domains is None:
            return domain.is_not(None)
        return domain.in_(dict.fromkeys(fold(each).removeprefix("@") for each in self.domains))

    @classmethod
    def suggest(cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]) -> Statement:
        # What folding makes an @ separates the domain, too.
        domain = func.replaceRegexpOne(col(Contact.email), "(?s)^.*[@﹫＠]", "")
        return suggest_spellings(domain, col(Contact.email_domain), search)

    def describe_phrase(self, scope: Scope) -> Phrase:
        return Phrase(
            does="has an email address at",
            does_not="has no email address at",
            none="has no email address",
            some="has an email address",
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [EmailDomain]
