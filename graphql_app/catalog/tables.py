"""The catalog's tables."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Index, TypeDecorator, UniqueConstraint
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from graphql_app.catalog.weekday import Weekday
from graphql_app.folding import FOLDING_VERSION


class UtcDateTime(TypeDecorator[datetime]):
    """A timezone-aware datetime, stored in UTC because SQLite does not store time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC)


def now() -> datetime:
    return datetime.now(UTC)


class CatalogTable(SQLModel, registry=registry()):
    __tablename__: ClassVar[str]


class Shop(CatalogTable, table=True):
    """A tenant. Every other row of the catalog belongs to a shop."""

    __tablename__ = "shop"

    id: int | None = Field(default=None, primary_key=True)
    handle: str = Field(unique=True, max_length=63)
    name: str = Field(max_length=255)
    description: str = Field(default="")
    timezone: str = Field(max_length=63)
    currency: str = Field(max_length=3)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    first_weekday: str = Field(
        default=Weekday.MONDAY.value,
        max_length=9,
        sa_column_kwargs={"server_default": Weekday.MONDAY.value},
    )
    country: str | None = Field(default=None, max_length=2)


class ApiToken(CatalogTable, table=True):
    """A token that gives access to a shop. Only a hash of its secret is stored."""

    __tablename__ = "api_token"

    id: str = Field(primary_key=True, max_length=32)
    shop_id: int = Field(foreign_key="shop.id", index=True)
    name: str = Field(default="", max_length=255)
    secret_hash: str = Field(max_length=64)
    scopes: list[str] = Field(sa_type=JSON)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Segment(CatalogTable, table=True):
    """A saved segment. ``name_key``, the folded name, makes names unique within a shop."""

    __tablename__ = "segment"
    __table_args__ = (
        UniqueConstraint("shop_id", "name_key"),
        UniqueConstraint("shop_id", "default_key"),
        Index("ix_segment_shop_updated", "shop_id", "archived", "updated_at", "id"),
        {"sqlite_autoincrement": True},  # never reuse the id of a deleted segment
    )

    id: int | None = Field(default=None, primary_key=True)
    shop_id: int = Field(foreign_key="shop.id")
    name: str = Field(max_length=255)
    name_key: str
    folding_version: int = Field(default=FOLDING_VERSION, sa_column_kwargs={"server_default": "0"})
    description: str = Field(default="", max_length=2000)
    rule: dict[str, Any] = Field(sa_type=JSON)
    summary: str  # when it was saved: read if the rule cannot be described, and by older versions
    default_key: str | None = Field(default=None, max_length=63)
    archived: bool = Field(default=False)
    version: int = Field(default=1)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)

    @property
    def is_default(self) -> bool:
        """Whether the segment is one of the read-only segments that every shop has."""
        return self.default_key is not None


class SegmentRevision(CatalogTable, table=True):
    """The content of a segment at one of its earlier versions."""

    __tablename__ = "segment_revision"

    segment_id: int = Field(primary_key=True, foreign_key="segment.id", ondelete="CASCADE")
    version: int = Field(primary_key=True)
    name: str = Field(max_length=255)
    description: str = Field(default="", max_length=2000)
    rule: dict[str, Any] = Field(sa_type=JSON)
    recorded_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class SegmentUse(CatalogTable, table=True):
    """A reference from a segment's rule to another segment, which cannot be deleted meanwhile."""

    __tablename__ = "segment_use"

    segment_id: int = Field(primary_key=True, foreign_key="segment.id", ondelete="CASCADE")
    used_id: int = Field(primary_key=True, foreign_key="segment.id", index=True)


class FactsClock(CatalogTable, table=True):
    """The version of a shop's latest write of facts, if several processes share the audience."""

    __tablename__ = "facts_clock"

    shop_id: int = Field(primary_key=True, foreign_key="shop.id")
    version: int = Field(sa_type=BigInteger)


class IdempotencyKey(CatalogTable, table=True):
    """The key of a recorded batch of facts; see ``catalog.idempotency``."""

    __tablename__ = "idempotency_key"
    __table_args__ = (Index("ix_idempotency_key_age", "shop_id", "created_at"),)

    shop_id: int = Field(primary_key=True, foreign_key="shop.id")
    key_hash: str = Field(primary_key=True, max_length=64)
    fingerprint: str = Field(max_length=64)
    recorded: int
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
