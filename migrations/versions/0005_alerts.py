"""Alert rules and events, with the columns of 0.4.0; events outlive their rules and units."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "alert_rules",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("metric", sa.String(32), nullable=False),
        sa.Column("comparison", sa.String(8), nullable=False),
        sa.Column("threshold_db", sa.Double(), nullable=False),
        sa.Column("duration_s", sa.Integer(), nullable=False),
        sa.Column("clear_margin_db", sa.Double(), nullable=False),
        sa.Column("cooldown_s", sa.Integer(), nullable=False),
        sa.Column("schedule_start", sa.String(5)),
        sa.Column("schedule_end", sa.String(5)),
        sa.Column("schedule_days", sa.String(32)),
        sa.Column("channels", sa.String(255), nullable=False),
        sa.Column("recipients", sa.Text()),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alert_rules"),
    )
    op.create_index("ix_alert_rules_unit_id", "alert_rules", ["unit_id"])
    op.create_table(
        "alert_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rule_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.String(64), nullable=False),
        sa.Column("rule_name", sa.String(128)),
        sa.Column("metric", sa.String(32), nullable=False),
        sa.Column("threshold_db", sa.Double(), nullable=False),
        sa.Column("onset_at", sa.DateTime(), nullable=False),
        sa.Column("onset_value", sa.Double()),
        sa.Column("peak_value", sa.Double()),
        sa.Column("clear_at", sa.DateTime()),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime()),
        sa.Column("acknowledged_by", sa.String(128)),
        sa.Column("notes", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_alert_events"),
    )
    op.create_index("ix_alert_events_unit_id", "alert_events", ["unit_id"])
    op.create_index("ix_alert_events_rule_id", "alert_events", ["rule_id"])
    op.create_index("ix_alert_events_onset_at", "alert_events", ["onset_at"])


def downgrade() -> None:
    """Take back."""
    for name in ("alert_events", "alert_rules"):
        op.drop_table(name)
