"""Tables of alerts; the columns of 0.4.0 keep their names, and an event outlives its rule and its unit.

One incident is all that is wrong with one unit at one time: the events of its rules that overlap. People are told
of incidents, machines read events.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from slmm.storage.database import Base, UtcDateTime

_OPEN = text("clear_at IS NULL")
_UNCLOSED = text("closed_at IS NULL")


class RuleRow(Base):
    """When to alert: levels in dB, times in s; days as 0–6 from Monday, with commas."""

    __tablename__ = "alert_rules"

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_id: Mapped[str] = mapped_column(String(64), index=True)
    name: Mapped[str] = mapped_column(String(128))
    metric: Mapped[str] = mapped_column(String(32))
    comparison: Mapped[str] = mapped_column(String(8))
    threshold_db: Mapped[float]
    red_threshold_db: Mapped[float | None]
    severity: Mapped[str] = mapped_column(String(8), server_default="amber")
    duration_s: Mapped[int]
    clear_duration_s: Mapped[int | None]
    clear_margin_db: Mapped[float]
    cooldown_s: Mapped[int]
    window_s: Mapped[int] = mapped_column(server_default="900")
    source: Mapped[str] = mapped_column(String(16), server_default="auto")
    schedule_start: Mapped[str | None] = mapped_column(String(5))
    schedule_end: Mapped[str | None] = mapped_column(String(5))
    schedule_days: Mapped[str | None] = mapped_column(String(32))
    on_holidays: Mapped[str] = mapped_column(String(16), server_default="ignore")
    holiday_calendar: Mapped[str | None] = mapped_column(String(16))
    timezone: Mapped[str | None] = mapped_column(String(64))
    at_window_end: Mapped[str] = mapped_column(String(8), server_default="close")
    on_no_data: Mapped[str] = mapped_column(String(8), server_default="freeze")
    latch: Mapped[bool] = mapped_column(server_default=text("false"))
    require_measuring: Mapped[bool] = mapped_column(server_default=text("false"))
    channels: Mapped[str] = mapped_column(String(255))
    recipients: Mapped[str | None] = mapped_column(Text)
    remind_after_s: Mapped[str | None] = mapped_column(String(64))
    escalate_after_s: Mapped[int | None]
    escalation_channels: Mapped[str | None] = mapped_column(String(255))
    escalation_recipients: Mapped[str | None] = mapped_column(Text)
    enabled: Mapped[bool]
    limit_id: Mapped[int | None]
    """The limit this rule watches; its thresholds, hours and period are then the limit's."""
    limit_warns: Mapped[bool] = mapped_column(server_default=text("false"))
    """Told as soon as a running period cannot come out well any more, and not only when it is judged."""
    version: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class EventRow(Base):
    """One rule broken, from onset to end; ``rule_id`` 0 is a meter that delivers no data."""

    __tablename__ = "alert_events"
    __table_args__ = (
        Index(
            "uq_alert_events_open",
            "rule_id",
            "unit_id",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str | None] = mapped_column(String(32), unique=True)
    incident_id: Mapped[int | None] = mapped_column(index=True)
    rule_id: Mapped[int] = mapped_column(index=True)
    rule_version: Mapped[int | None]
    rule_json: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """The rule as it was at the onset."""
    unit_id: Mapped[str] = mapped_column(String(64), index=True)
    rule_name: Mapped[str | None] = mapped_column(String(128))
    metric: Mapped[str] = mapped_column(String(32))
    severity: Mapped[str] = mapped_column(String(8), server_default="amber")
    threshold_db: Mapped[float]
    breach_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    onset_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    onset_value: Mapped[float | None]
    peak_value: Mapped[float | None]
    peak_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    recovered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    clear_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    end_reason: Mapped[str | None] = mapped_column(String(24))
    status: Mapped[str] = mapped_column(String(16))
    """``active`` until it ends, then ``cleared``, as in 0.4.0; why it ended stands in ``end_reason``."""
    is_latched: Mapped[bool] = mapped_column(server_default=text("false"))
    suppressed: Mapped[bool] = mapped_column(server_default=text("false"))
    """Nobody was told at the onset: the rule or the unit was snoozed."""
    occurrences: Mapped[int] = mapped_column(server_default="1")
    flags: Mapped[str | None] = mapped_column(String(64))
    """Quality of the onset's reading, such as ``over``, with commas."""
    detail: Mapped[str | None] = mapped_column(Text)
    """One sentence more, such as the verdict on a lost meter."""
    cause: Mapped[str | None] = mapped_column(String(32))
    """What somebody found it was, such as ``piling``."""
    acknowledged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acknowledged_by: Mapped[str | None] = mapped_column(String(128))
    notes: Mapped[str | None] = mapped_column(Text)


class IncidentRow(Base):
    """What people are told about: the overlapping events of one unit and kind."""

    __tablename__ = "alert_incidents"
    __table_args__ = (
        Index(
            "uq_alert_incidents_open",
            "unit_id",
            "kind",
            unique=True,
            sqlite_where=_UNCLOSED,
            postgresql_where=_UNCLOSED,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(String(32), unique=True)
    unit_id: Mapped[str] = mapped_column(String(64), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    """``level`` or ``connectivity``."""
    severity: Mapped[str] = mapped_column(String(8))
    """The worst so far."""
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class StateRow(Base):
    """Where a rule stands, so that a restart goes on from there."""

    __tablename__ = "alert_states"

    rule_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    unit_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[int]
    state: Mapped[dict[str, Any]] = mapped_column(JSON)
    event_uid: Mapped[str | None] = mapped_column(String(32))
    saved_at: Mapped[datetime] = mapped_column(UtcDateTime)


class TransitionRow(Base):
    """What happened to an event, in order; written once, never changed."""

    __tablename__ = "alert_transitions"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str | None] = mapped_column(String(24), unique=True)
    """What makes writing it a second time harmless."""
    event_uid: Mapped[str | None] = mapped_column(String(32), index=True)
    rule_id: Mapped[int]
    unit_id: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(24))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    """Time of the sample or the act."""
    written_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    value: Mapped[float | None]
    actor: Mapped[str | None] = mapped_column(String(128))
    reason: Mapped[str | None] = mapped_column(Text)


class ShelfRow(Base):
    """A rule or a whole unit snoozed until a time: recorded, but nobody is told."""

    __tablename__ = "alert_shelves"

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_id: Mapped[str] = mapped_column(String(64), index=True)
    rule_id: Mapped[int | None]
    """None for the whole unit."""
    until: Mapped[datetime] = mapped_column(UtcDateTime)
    is_one_shot: Mapped[bool]
    """Ends with the next return to normal."""
    created_by: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(Text)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_by: Mapped[str | None] = mapped_column(String(128))


class ChannelRow(Base):
    """A way to tell people; its settings are encrypted as a whole."""

    __tablename__ = "alert_channels"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    kind: Mapped[str] = mapped_column(String(16))
    config_sealed: Mapped[str] = mapped_column(Text)
    is_enabled: Mapped[bool]
    is_paused: Mapped[bool]
    """Stopped by itself: it refused our password, or is gone; a change of its settings starts it again."""
    failures: Mapped[int]
    """Failed attempts in a row."""
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(Text)
    last_ok_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RecipientRow(Base):
    """What is known of somebody who is told: name and quiet hours."""

    __tablename__ = "alert_recipients"

    address: Mapped[str] = mapped_column(String(254), primary_key=True)
    name: Mapped[str | None] = mapped_column(String(128))
    quiet_start: Mapped[str | None] = mapped_column(String(5))
    quiet_end: Mapped[str | None] = mapped_column(String(5))
    quiet_for_red: Mapped[bool]
    """Whether even a red incident waits for the morning."""
    timezone: Mapped[str | None] = mapped_column(String(64))


class NotificationRow(Base):
    """The outbox: one message to one recipient, with the words it will always have."""

    __tablename__ = "alert_notifications"
    __table_args__ = (
        UniqueConstraint("incident_id", "kind", "stage", "channel", "recipient", name="uq_alert_notifications_once"),
        Index("ix_alert_notifications_due", "status", "not_before"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(String(32), unique=True)
    incident_id: Mapped[int | None] = mapped_column(index=True)
    unit_id: Mapped[str | None] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))
    stage: Mapped[str] = mapped_column(String(32))
    """What is told once: the severity of an onset, the number of a reminder."""
    severity: Mapped[str] = mapped_column(String(8))
    channel: Mapped[str] = mapped_column(String(64))
    recipient: Mapped[str] = mapped_column(String(254))
    status: Mapped[str] = mapped_column(String(12))
    """pending, sending, sent, dead, cancelled, merged, suppressed."""
    not_before: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When it is given up."""
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lease_owner: Mapped[str | None] = mapped_column(String(32))
    attempts: Mapped[int]
    subject: Mapped[str] = mapped_column(String(255))
    body: Mapped[str] = mapped_column(Text)
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    merged_into: Mapped[str | None] = mapped_column(String(32))
    last_error: Mapped[str | None] = mapped_column(Text)
    last_code: Mapped[int | None]
    answer: Mapped[str | None] = mapped_column(Text)
    """What the receiver said when it took it."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
