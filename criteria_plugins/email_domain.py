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
    folded,
    form_field,
    hookimpl,
    suggest_frequent,
)

WITH_DOMAINS = (ChoiceOperator.ANY_OF, ChoiceOperator.NONE_OF)
SPACE = r"\s\x0b\x1c-\x1f\x85\pZ"  # what str.strip removes


def _domain() -> ColumnElement[str]:
    """Return SQL for the text after the last @ of an address, folded; NULL if there is none."""
    domain = func.regexpExtract(col(Contact.email), f"@([^@{SPACE}]+)[{SPACE}]*$", 1)
    return folded(func.nullIf(domain, ""))


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
        if self.domains is None:
            return _domain().is_not(None)
        wanted = [fold(domain.strip()).removeprefix("@") for domain in self.domains]
        return _domain().in_(wanted)

    @classmethod
    def suggest(cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]) -> Statement:
        return suggest_frequent(_domain(), search)

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
