"""Facts about a meter for people: its name, its site, and where it stands."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("nl43_config", sa.Column("name", sa.String(80)))
    op.add_column("nl43_config", sa.Column("site", sa.String(80)))
    op.add_column("nl43_config", sa.Column("latitude", sa.Double()))
    op.add_column("nl43_config", sa.Column("longitude", sa.Double()))


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("nl43_config") as table:
        for name in ("longitude", "latitude", "site", "name"):
            table.drop_column(name)
