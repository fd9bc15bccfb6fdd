"""The version of the folding of segments' names, which ``segment_names.refold`` sets."""

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

segment = sa.table(
    "segment",
    sa.column("id", sa.Integer),
    sa.column("name", sa.String),
    sa.column("name_key", sa.String),
)


# Not as a batch, which would recreate the table on SQLite and delete the rows that refer to it.
def upgrade() -> None:
    version = sa.Column("folding_version", sa.Integer(), nullable=False, server_default="0")
    op.add_column("segment", version)


def downgrade() -> None:
    op.drop_column("segment", "folding_version")
    connection = op.get_bind()
    keys = {
        row.id: unicodedata.normalize("NFC", " ".join(row.name.split())).casefold()
        for row in connection.execute(sa.select(segment)).all()
    }
    # In two steps, because a segment's new key may be another one's old key.
    for final in (False, True):
        for id, key in keys.items():
            changed = segment.c.name_key != key
            new = segment.update().where(segment.c.id == id, changed)
            connection.execute(new.values(name_key=key if final else f"\n{id}"))
