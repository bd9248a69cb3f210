"""Levels of the last state in columns, and LE in the trail.

No release has written the schema before this one, so the old column goes at once.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

LEVELS = ("lp", "leq", "le", "lmax", "lmin", "lpeak", "ln1", "ln2", "ln3", "ln4", "ln5")
SIGNS = ("over", "under")
status = sa.table(
    "nl43_status",
    sa.column("unit_id", sa.String),
    sa.column("levels", sa.JSON),
    *(sa.column(name, sa.Double) for name in LEVELS),
    *(sa.column(name, sa.Boolean) for name in SIGNS),
)


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("nl43_status") as batch:
        for name in LEVELS:
            batch.add_column(sa.Column(name, sa.Double()))
        for name in SIGNS:
            batch.add_column(sa.Column(name, sa.Boolean()))
    connection = op.get_bind()
    for unit_id, levels in connection.execute(sa.select(status.c.unit_id, status.c.levels)).all():
        values = {name: (levels or {}).get(name) for name in LEVELS + SIGNS}
        connection.execute(sa.update(status).where(status.c.unit_id == unit_id).values(values))
    with op.batch_alter_table("nl43_status") as batch:
        batch.drop_column("levels")
    with op.batch_alter_table("nl43_readings") as batch:
        batch.add_column(sa.Column("le", sa.Double()))


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("nl43_readings") as batch:
        batch.drop_column("le")
    with op.batch_alter_table("nl43_status") as batch:
        batch.add_column(sa.Column("levels", sa.JSON()))
    connection = op.get_bind()
    for row in connection.execute(sa.select(status)).mappings().all():
        levels = {name: row[name] for name in LEVELS + SIGNS}
        connection.execute(sa.update(status).where(status.c.unit_id == row["unit_id"]).values(levels=levels))
    with op.batch_alter_table("nl43_status") as batch:
        for name in LEVELS + SIGNS:
            batch.drop_column(name)
