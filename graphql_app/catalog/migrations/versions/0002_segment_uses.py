"""References from segments to other segments."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "segment_use",
        sa.Column("segment_id", sa.Integer(), nullable=False),
        sa.Column("used_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["segment_id"], ["segment.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["used_id"], ["segment.id"]),
        sa.PrimaryKeyConstraint("segment_id", "used_id"),
    )
    with op.batch_alter_table("segment_use", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_segment_use_used_id"), ["used_id"], unique=False)


def downgrade() -> None:
    op.drop_table("segment_use")
