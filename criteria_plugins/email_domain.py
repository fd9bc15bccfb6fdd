"""E-mail domain."""

from __future__ import annotations

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
    Scope,
    Text,
    fold,
    folded,
    form_field,
    hookimpl,
    suggest_frequent,
)

WITH_DOMAINS = (ChoiceOperator.ANY_OF, ChoiceOperator.NONE_OF)
SPACE = r"\s\x0b\x1c-\x1f\x85\pZ"  # what str.strip takes off


def _domain() -> ColumnElement[str]:
    """SQL: what follows the last @ of a contact's address, in small letters; NULL if nothing."""
    domain = func.regexpExtract(col(Contact.email), f"@([^@{SPACE}]+)[{SPACE}]*$", 1)
    return folded(func.nullIf(domain, ""))


class EmailDomain(Criterion):
    """The part of a contact's e-mail address after the @; capitals do not matter."""

    key = "emailDomain"
    label = "E-mail domain"
    group = Group.PROFILE

    operator: ChoiceOperator
    domains: OneOrMore[Text] | None = form_field(
        "Domains", used_with=WITH_DOMAINS, placeholder="gmail.com", suggests=True
    )

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        """Contacts with an address of one of the domains."""
        if self.domains is None:
            return _domain().is_not(None)
        wanted = [fold(domain.strip()).removeprefix("@") for domain in self.domains]
        return _domain().in_(wanted)

    @classmethod
    def suggest(cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]) -> Statement:
        """Domains of addresses, those with the most contacts first."""
        return suggest_frequent(_domain(), search)


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    """Register the criterion."""
    return [EmailDomain]
