"""Ids of segments that were deleted are not given again, on SQLite as they never were elsewhere.

SQLite gives a new row the number after the highest that is there, unless the table is made with
AUTOINCREMENT, which a table that is there cannot be given: it is made anew.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# What refers to segments would go with the table.
KEEP = (
    "CREATE TEMPORARY TABLE kept_revision AS SELECT * FROM segment_revision",
    "CREATE TEMPORARY TABLE kept_use AS SELECT * FROM segment_use",
    "DELETE FROM segment_revision",
    "DELETE FROM segment_use",
)
PUT_BACK = (
    "INSERT INTO segment_revision SELECT * FROM kept_revision",
    "INSERT INTO segment_use SELECT * FROM kept_use",
    "DROP TABLE kept_revision",
    "DROP TABLE kept_use",
)


def upgrade() -> None:
    """Apply."""
    _make_anew(sqlite_autoincrement=True)


def downgrade() -> None:
    """Take back."""
    _make_anew(sqlite_autoincrement=False)


def _make_anew(**options: bool) -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    for statement in KEEP:
        op.execute(statement)
    with op.batch_alter_table("segment", recreate="always", table_kwargs=options):
        pass
    for statement in PUT_BACK:
        op.execute(statement)
