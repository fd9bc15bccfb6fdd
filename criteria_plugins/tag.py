"""Tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, func
from sqlmodel import col

from graphql_app.audience.tables import Contact, Statement
from graphql_app.criteria import (
    Criterion,
    Group,
    OneOrMore,
    Scope,
    SetOperator,
    Text,
    form_field,
    hookimpl,
    suggest_frequent,
)


class Tag(Criterion):
    """Which of the shop's own labels a contact has; compared exactly, capitals included."""

    key = "tag"
    label = "Tag"
    group = Group.PROFILE

    operator: SetOperator
    tags: OneOrMore[Text] = form_field("Tags", placeholder="wholesale", suggests=True)

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        """Contacts with any, or each, of the tags."""
        wanted = func.array(*(tag.strip() for tag in self.tags))
        has = func.hasAll if self.operator is SetOperator.ALL_OF else func.hasAny
        return has(col(Contact.tags), wanted) == 1

    @classmethod
    def suggest(cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]) -> Statement:
        """Tags in use, those with the most contacts first."""
        return suggest_frequent(func.arrayJoin(col(Contact.tags)), search)


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    """Register the criterion."""
    return [Tag]
