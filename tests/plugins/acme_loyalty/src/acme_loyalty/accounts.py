"""Accounts in the loyalty program."""

from datetime import datetime

from sqlmodel import Field

from graphql_app.audience.tables import (
    INSTANT,
    AudienceTable,
    Int64,
    Nullable,
    String,
    UInt64,
    fact_engine,
)


class LoyaltyAccount(AudienceTable, table=True):
    """A contact's account in the loyalty program; each contact has one."""

    __tablename__ = "acme_loyalty_accounts"
    __table_args__ = (fact_engine("contact_id"),)

    contact_id: int = Field(primary_key=True, sa_type=UInt64, description="Owner of the account.")
    points: int = Field(sa_type=Int64, description="Points on the account.")
    tier: str | None = Field(
        default=None, sa_type=Nullable(String), description="The tier, e.g. gold."
    )
    joined_at: datetime | None = Field(
        default=None, sa_type=Nullable(INSTANT), description="When the contact joined the program."
    )
