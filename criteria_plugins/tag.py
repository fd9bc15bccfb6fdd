"""The tags."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, func, select
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
    fold,
    form_field,
    has_all,
    has_any,
    hookimpl,
    suggest_spellings,
)

WITH_TAGS = (
    OptionalSetOperator.ANY_OF,
    OptionalSetOperator.ALL_OF,
    OptionalSetOperator.NONE_OF,
)


class Tag(Criterion):
    """Which tags a contact has, regardless of upper and lower case."""

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
        return has(col(Contact.tags_folded), [*map(fold, self.tags)])

    @classmethod
    def suggest(cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]) -> Statement:
        tags = func.arrayZip(col(Contact.tags), col(Contact.tags_folded))
        tag = select(func.arrayJoin(tags).label("tag")).subquery().c.tag
        return suggest_spellings(func.tupleElement(tag, 1), func.tupleElement(tag, 2), search)

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
