"""Keywords that contacts text to the shop."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlmodel import col

from graphql_app.audience.tables import Contact, KeywordUse, Statement
from graphql_app.criteria import (
    Criterion,
    Group,
    Keyword,
    OneOrMore,
    OptionalSetOperator,
    Phrase,
    Scope,
    TimeWindow,
    fold,
    form_field,
    hookimpl,
    suggest_spellings,
)

WITH_KEYWORDS = (
    OptionalSetOperator.ANY_OF,
    OptionalSetOperator.ALL_OF,
    OptionalSetOperator.NONE_OF,
)


class KeywordTexted(Criterion):
    """Which keywords a contact has texted to the shop, regardless of upper and lower case."""

    key = "keyword"
    label = "Keyword texted"
    group = Group.MESSAGING

    operator: OptionalSetOperator
    keywords: OneOrMore[Keyword] | None = form_field(
        "Keywords", used_with=WITH_KEYWORDS, placeholder="JOIN", suggests=True
    )
    within: TimeWindow | None = form_field("Time frame", optional=True)

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        users = (
            select(col(KeywordUse.contact_id))
            .where(*scope.within(self.within, col(KeywordUse.received_at)))
            .group_by(col(KeywordUse.contact_id))
        )
        if self.keywords is not None:
            keyword, wanted = col(KeywordUse.keyword_folded), [*map(fold, self.keywords)]
            users = users.where(keyword.in_(dict.fromkeys(wanted)))
            if self.operator is OptionalSetOperator.ALL_OF:
                users = users.having(func.uniqExact(keyword) == len({*wanted}))
        return col(Contact.id).in_(users)

    @classmethod
    def suggest(cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]) -> Statement:
        return suggest_spellings(col(KeywordUse.keyword), col(KeywordUse.keyword_folded), search)

    def describe_phrase(self, scope: Scope) -> Phrase:
        return Phrase(
            does="has texted",
            does_not="has not texted",
            none="has texted no keyword",
            never="has never texted a keyword",
            some="has texted a keyword",
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [KeywordTexted]
