"""A shop's country, for phone numbers without a country code; NULL for existing shops."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("shop", sa.Column("country", sa.String(length=2), nullable=True))


def downgrade() -> None:
    op.drop_column("shop", "country")
