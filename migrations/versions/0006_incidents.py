"""Incidents, alert states and the outbox; rules and events get what they need for them."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

FALSE = sa.text("false")


def _rule_columns() -> tuple[sa.Column, ...]:
    return (
        sa.Column("red_threshold_db", sa.Double()),
        sa.Column("severity", sa.String(8), nullable=False, server_default="amber"),
        sa.Column("clear_duration_s", sa.Integer()),
        sa.Column("window_s", sa.Integer(), nullable=False, server_default="900"),
        sa.Column("source", sa.String(16), nullable=False, server_default="auto"),
        sa.Column("on_holidays", sa.String(16), nullable=False, server_default="ignore"),
        sa.Column("holiday_calendar", sa.String(16)),
        sa.Column("timezone", sa.String(64)),
        sa.Column("at_window_end", sa.String(8), nullable=False, server_default="close"),
        sa.Column("on_no_data", sa.String(8), nullable=False, server_default="freeze"),
        sa.Column("latch", sa.Boolean(), nullable=False, server_default=FALSE),
        sa.Column("require_measuring", sa.Boolean(), nullable=False, server_default=FALSE),
        sa.Column("remind_after_s", sa.String(64)),
        sa.Column("escalate_after_s", sa.Integer()),
        sa.Column("escalation_channels", sa.String(255)),
        sa.Column("escalation_recipients", sa.Text()),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
    )


def _event_columns() -> tuple[sa.Column, ...]:
    return (
        sa.Column("uid", sa.String(32)),
        sa.Column("incident_id", sa.Integer()),
        sa.Column("rule_version", sa.Integer()),
        sa.Column("rule_json", sa.JSON()),
        sa.Column("severity", sa.String(8), nullable=False, server_default="amber"),
        sa.Column("breach_at", sa.DateTime()),
        sa.Column("peak_at", sa.DateTime()),
        sa.Column("recovered_at", sa.DateTime()),
        sa.Column("end_reason", sa.String(24)),
        sa.Column("is_latched", sa.Boolean(), nullable=False, server_default=FALSE),
        sa.Column("suppressed", sa.Boolean(), nullable=False, server_default=FALSE),
        sa.Column("occurrences", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("flags", sa.String(64)),
        sa.Column("detail", sa.Text()),
        sa.Column("cause", sa.String(32)),
    )


# One open event for a rule and unit: of several that an earlier release left open only the newest goes on.
CLOSE_SURPLUS = """
    update alert_events set clear_at = onset_at, status = 'cleared', end_reason = 'orphaned'
    where clear_at is null and id not in (
        select max(id) from alert_events where clear_at is null group by rule_id, unit_id)
"""


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("alert_rules") as table:
        for column in _rule_columns():
            table.add_column(column)
    with op.batch_alter_table("alert_events") as table:
        for column in _event_columns():
            table.add_column(column)
        table.create_unique_constraint("uq_alert_events_uid", ["uid"])
        table.create_index("ix_alert_events_incident_id", ["incident_id"])
    op.execute(CLOSE_SURPLUS)
    _unique_while("uq_alert_events_open", "alert_events", ["rule_id", "unit_id"], "clear_at IS NULL")
    _create_incidents()
    _create_states()
    _create_outbox()


def _unique_while(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, unique=True, sqlite_where=where, postgresql_where=where)


def _create_incidents() -> None:
    op.create_table(
        "alert_incidents",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.String(32), nullable=False),
        sa.Column("unit_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("severity", sa.String(8), nullable=False),
        sa.Column("opened_at", sa.DateTime(), nullable=False),
        sa.Column("closed_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("id", name="pk_alert_incidents"),
        sa.UniqueConstraint("uid", name="uq_alert_incidents_uid"),
    )
    op.create_index("ix_alert_incidents_unit_id", "alert_incidents", ["unit_id"])
    op.create_index("ix_alert_incidents_opened_at", "alert_incidents", ["opened_at"])
    _unique_while("uq_alert_incidents_open", "alert_incidents", ["unit_id", "kind"], "closed_at IS NULL")


def _create_states() -> None:
    op.create_table(
        "alert_states",
        sa.Column("rule_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("unit_id", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.Column("event_uid", sa.String(32)),
        sa.Column("saved_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("rule_id", "unit_id", name="pk_alert_states"),
    )
    op.create_table(
        "alert_transitions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(24)),
        sa.Column("event_uid", sa.String(32)),
        sa.Column("rule_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("written_at", sa.DateTime(), nullable=False),
        sa.Column("value", sa.Double()),
        sa.Column("actor", sa.String(128)),
        sa.Column("reason", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_alert_transitions"),
        sa.UniqueConstraint("key", name="uq_alert_transitions_key"),
    )
    op.create_index("ix_alert_transitions_event_uid", "alert_transitions", ["event_uid"])
    op.create_index("ix_alert_transitions_written_at", "alert_transitions", ["written_at"])
    op.create_table(
        "alert_shelves",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.String(64), nullable=False),
        sa.Column("rule_id", sa.Integer()),
        sa.Column("until", sa.DateTime(), nullable=False),
        sa.Column("is_one_shot", sa.Boolean(), nullable=False),
        sa.Column("created_by", sa.String(128), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime()),
        sa.Column("ended_by", sa.String(128)),
        sa.PrimaryKeyConstraint("id", name="pk_alert_shelves"),
    )
    op.create_index("ix_alert_shelves_unit_id", "alert_shelves", ["unit_id"])


def _create_outbox() -> None:
    op.create_table(
        "alert_channels",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("config_sealed", sa.Text(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("is_paused", sa.Boolean(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", sa.DateTime()),
        sa.Column("not_before", sa.DateTime()),
        sa.Column("last_error", sa.Text()),
        sa.Column("last_ok_at", sa.DateTime()),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alert_channels"),
        sa.UniqueConstraint("name", name="uq_alert_channels_name"),
    )
    op.create_table(
        "alert_recipients",
        sa.Column("address", sa.String(254), nullable=False),
        sa.Column("name", sa.String(128)),
        sa.Column("quiet_start", sa.String(5)),
        sa.Column("quiet_end", sa.String(5)),
        sa.Column("quiet_for_red", sa.Boolean(), nullable=False),
        sa.Column("timezone", sa.String(64)),
        sa.PrimaryKeyConstraint("address", name="pk_alert_recipients"),
    )
    op.create_table(
        "alert_notifications",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.String(32), nullable=False),
        sa.Column("incident_id", sa.Integer()),
        sa.Column("unit_id", sa.String(64)),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("stage", sa.String(32), nullable=False),
        sa.Column("severity", sa.String(8), nullable=False),
        sa.Column("channel", sa.String(64), nullable=False),
        sa.Column("recipient", sa.String(254), nullable=False),
        sa.Column("status", sa.String(12), nullable=False),
        sa.Column("not_before", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("lease_until", sa.DateTime()),
        sa.Column("lease_owner", sa.String(32)),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("merged_into", sa.String(32)),
        sa.Column("last_error", sa.Text()),
        sa.Column("last_code", sa.Integer()),
        sa.Column("answer", sa.Text()),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("sent_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("id", name="pk_alert_notifications"),
        sa.UniqueConstraint("uid", name="uq_alert_notifications_uid"),
        sa.UniqueConstraint("incident_id", "kind", "stage", "channel", "recipient", name="uq_alert_notifications_once"),
    )
    op.create_index("ix_alert_notifications_due", "alert_notifications", ["status", "not_before"])
    op.create_index("ix_alert_notifications_incident_id", "alert_notifications", ["incident_id"])
    op.create_index("ix_alert_notifications_created_at", "alert_notifications", ["created_at"])


def downgrade() -> None:
    """Take back."""
    for name in (
        "alert_notifications",
        "alert_recipients",
        "alert_channels",
        "alert_shelves",
        "alert_transitions",
        "alert_states",
        "alert_incidents",
    ):
        op.drop_table(name)
    op.drop_index("uq_alert_events_open", "alert_events")
    with op.batch_alter_table("alert_events") as table:
        table.drop_index("ix_alert_events_incident_id")
        table.drop_constraint("uq_alert_events_uid", type_="unique")
        for column in _event_columns():
            table.drop_column(column.name)
    with op.batch_alter_table("alert_rules") as table:
        for column in _rule_columns():
            table.drop_column(column.name)
