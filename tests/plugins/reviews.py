"""A third party's plugin: reviews that contacts wrote, in tables of its own."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import func, select
from sqlmodel import Field, col

from graphql_app.audience.tables import (
    INSTANT,
    MONEY,
    NAME,
    Array,
    AudienceTable,
    Bool,
    Int64,
    Nullable,
    Statement,
    String,
    UInt64,
    fact_engine,
)
from graphql_app.criteria import CountCriterion, Criterion, Scope, hookimpl


class Review(AudienceTable, table=True):
    """A review that a contact wrote.

    A review keeps its id when it moves to another contact.
    """

    __tablename__ = "acme_reviews"
    __table_args__ = (fact_engine("contact_id", "id"),)
    time_column = "written_at"

    contact_id: int = Field(primary_key=True, sa_type=UInt64, description="Who wrote it.")
    id: int = Field(primary_key=True, sa_type=UInt64, description="The review's id.")
    product_id: str = Field(sa_type=NAME, description="What it is about.")
    stars: int = Field(sa_type=Int64, description="How good it is, 1 to 5.")
    title: str | None = Field(sa_type=Nullable(String), description="Its title.")
    paid: Decimal | None = Field(sa_type=Nullable(MONEY), description="What the product cost.")
    published: bool = Field(default=True, sa_type=Bool, description="Whether it can be read.")
    labels: list[str] = Field(sa_type=Array(String), description="The shop's own labels.")
    written_at: datetime = Field(sa_type=INSTANT, description="When it was written.")


class Reviewer(AudienceTable, table=True):
    """A contact's standing as a reviewer."""

    __tablename__ = "acme_reviewers"
    __table_args__ = (fact_engine("contact_id"),)

    contact_id: int = Field(primary_key=True, sa_type=UInt64, description="Whose standing.")
    points: int = Field(sa_type=Int64, description="Points for reviews.")
    rank: str | None = Field(sa_type=Nullable(String), description="The rank that they make.")


class ReviewsWritten(CountCriterion):
    """How many reviews that can be read a contact wrote."""

    key = "reviewsWritten"
    label = "Reviews written"

    def measure(self, scope: Scope) -> Statement:
        return (
            select(col(Review.contact_id), func.count())
            .where(col(Review.published))
            .group_by(col(Review.contact_id))
        )


class ReviewerPoints(CountCriterion):
    """How many points a contact has for reviews."""

    key = "reviewerPoints"
    label = "Reviewer points"

    def measure(self, scope: Scope) -> Statement:
        return select(col(Reviewer.contact_id), col(Reviewer.points))


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [ReviewsWritten, ReviewerPoints]


@hookimpl
def register_audience_tables() -> list[type[AudienceTable]]:
    return [Review, Reviewer]
