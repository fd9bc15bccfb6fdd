"""The tags."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, func
from sqlmodel import col

from graphql_app.audience.tables import Contact, Statement
from graphql_app.criteria import (
    Criterion,
    Group,
    OneOrMore,
    OptionalSetOperator,
    Phrase,
    Scope,
    Text,
    form_field,
    has_all,
    has_any,
    hookimpl,
    suggest_frequent,
)

WITH_TAGS = (
    OptionalSetOperator.ANY_OF,
    OptionalSetOperator.ALL_OF,
    OptionalSetOperator.NONE_OF,
)


class Tag(Criterion):
    """Which tags a contact has. Upper and lower case matter."""

    key = "tag"
    label = "Tag"
    group = Group.PROFILE

    operator: OptionalSetOperator
    tags: OneOrMore[Text] | None = form_field(
        "Tags", used_with=WITH_TAGS, placeholder="wholesale", suggests=True
    )

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        if self.tags is None:
            return func.notEmpty(col(Contact.tags)) == 1
        has = has_all if self.operator is OptionalSetOperator.ALL_OF else has_any
        return has(col(Contact.tags), [tag.strip() for tag in self.tags])

    @classmethod
    def suggest(cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]) -> Statement:
        return suggest_frequent(func.arrayJoin(col(Contact.tags)), search)

    def describe_phrase(self, scope: Scope) -> Phrase:
        return Phrase(
            does="is tagged with",
            does_not="is not tagged with",
            none="has no tags",
            some="has at least one tag",
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [Tag]
