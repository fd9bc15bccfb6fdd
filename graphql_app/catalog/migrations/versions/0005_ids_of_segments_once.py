"""Never reuse the ids of deleted segments on SQLite; PostgreSQL never does.

That takes AUTOINCREMENT, which SQLite cannot add to an existing table, so the table is recreated.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Dropping the table would delete the rows that refer to it.
KEEP = (
    "CREATE TEMPORARY TABLE kept_revision AS SELECT * FROM segment_revision",
    "CREATE TEMPORARY TABLE kept_use AS SELECT * FROM segment_use",
    "DELETE FROM segment_revision",
    "DELETE FROM segment_use",
)
RESTORE = (
    "INSERT INTO segment_revision SELECT * FROM kept_revision",
    "INSERT INTO segment_use SELECT * FROM kept_use",
    "DROP TABLE kept_revision",
    "DROP TABLE kept_use",
)


def upgrade() -> None:
    _recreate_table(sqlite_autoincrement=True)


def downgrade() -> None:
    _recreate_table(sqlite_autoincrement=False)


def _recreate_table(**options: bool) -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    for statement in KEEP:
        op.execute(statement)
    with op.batch_alter_table("segment", recreate="always", table_kwargs=options):
        pass
    for statement in RESTORE:
        op.execute(statement)
