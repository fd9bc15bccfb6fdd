"""The weekday on which a shop's weeks begin; Monday for existing shops."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column(
        "first_weekday", sa.String(length=9), nullable=False, server_default="MONDAY"
    )
    op.add_column("shop", column)


def downgrade() -> None:
    op.drop_column("shop", "first_weekday")
