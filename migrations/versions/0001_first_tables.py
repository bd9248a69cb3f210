"""First tables: units, their last state, and the trail."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "nl43_config",
        sa.Column("unit_id", sa.String(64), nullable=False),
        sa.Column("host", sa.String(253), nullable=False),
        sa.Column("tcp_port", sa.Integer(), nullable=False),
        sa.Column("ftp_port", sa.Integer(), nullable=False),
        sa.Column("tcp_enabled", sa.Boolean(), nullable=False),
        sa.Column("ftp_enabled", sa.Boolean(), nullable=False),
        sa.Column("ftp_username", sa.String(128)),
        sa.Column("ftp_password", sa.String(512)),
        sa.Column("web_enabled", sa.Boolean(), nullable=False),
        sa.Column("poll_enabled", sa.Boolean(), nullable=False),
        sa.Column("poll_interval_seconds", sa.Integer(), nullable=False),
        sa.Column("monitor_enabled", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("unit_id", name="pk_nl43_config"),
    )
    op.create_table(
        "nl43_status",
        sa.Column("unit_id", sa.String(64), nullable=False),
        sa.Column("last_seen", sa.DateTime()),
        sa.Column("measurement_state", sa.String(16)),
        sa.Column("measurement_start_time", sa.DateTime()),
        sa.Column("counter", sa.Integer()),
        sa.Column("levels", sa.JSON()),
        sa.Column("labels", sa.JSON()),
        sa.Column("raw_payload", sa.Text()),
        sa.Column("battery_level", sa.String(16)),
        sa.Column("power_source", sa.String(16)),
        sa.Column("sd_remaining_mb", sa.String(32)),
        sa.Column("sd_free_ratio", sa.String(32)),
        sa.Column("is_reachable", sa.Boolean()),
        sa.Column("consecutive_failures", sa.Integer(), nullable=False),
        sa.Column("last_poll_attempt", sa.DateTime()),
        sa.Column("last_success", sa.DateTime()),
        sa.Column("last_error", sa.Text()),
        sa.ForeignKeyConstraint(
            ["unit_id"],
            ["nl43_config.unit_id"],
            name="fk_nl43_status_unit_id_nl43_config",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("unit_id", name="pk_nl43_status"),
    )
    levels = ("lp", "leq", "lmax", "lmin", "lpeak", "ln1", "ln2", "ln3", "ln4", "ln5")
    op.create_table(
        "nl43_readings",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("unit_id", sa.String(64), nullable=False),
        sa.Column("timestamp", sa.DateTime(), nullable=False),
        *(sa.Column(name, sa.Double()) for name in levels),
        sa.ForeignKeyConstraint(
            ["unit_id"],
            ["nl43_config.unit_id"],
            name="fk_nl43_readings_unit_id_nl43_config",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_nl43_readings"),
        sa.UniqueConstraint("unit_id", "timestamp", name="uq_nl43_readings_unit_id_timestamp"),
    )
    op.create_index("ix_nl43_readings_timestamp", "nl43_readings", ["timestamp"])


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_nl43_readings_timestamp", table_name="nl43_readings")
    for name in ("nl43_readings", "nl43_status", "nl43_config"):
        op.drop_table(name)
