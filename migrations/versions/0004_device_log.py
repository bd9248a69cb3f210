"""The log of each device, the settings it was last seen with, and the zone of its clock."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "device_logs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("unit_id", sa.String(64), nullable=False),
        sa.Column("timestamp", sa.DateTime(), nullable=False),
        sa.Column("level", sa.String(10), nullable=False),
        sa.Column("category", sa.String(16), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_device_logs"),
    )
    op.create_index("ix_device_logs_unit_id_id", "device_logs", ["unit_id", "id"])
    op.create_index("ix_device_logs_timestamp", "device_logs", ["timestamp"])
    op.create_table(
        "settings_fingerprints",
        sa.Column("unit_id", sa.String(64), nullable=False),
        sa.Column("taken_at", sa.DateTime(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("unit_id", name="pk_settings_fingerprints"),
    )
    with op.batch_alter_table("nl43_config") as batch:
        batch.add_column(sa.Column("timezone", sa.String(64)))


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("nl43_config") as batch:
        batch.drop_column("timezone")
    for name in ("settings_fingerprints", "device_logs"):
        op.drop_table(name)
