"""Tables of alerts, with the columns of 0.4.0; an event outlives its rule and its unit."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from slmm.storage.database import Base, UtcDateTime


class RuleRow(Base):
    """When to alert: levels in dB, times in s; days as 0–6 from Monday, with commas."""

    __tablename__ = "alert_rules"

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_id: Mapped[str] = mapped_column(String(64), index=True)
    name: Mapped[str] = mapped_column(String(128))
    metric: Mapped[str] = mapped_column(String(32))
    comparison: Mapped[str] = mapped_column(String(8))
    threshold_db: Mapped[float]
    duration_s: Mapped[int]
    clear_margin_db: Mapped[float]
    cooldown_s: Mapped[int]
    schedule_start: Mapped[str | None] = mapped_column(String(5))
    schedule_end: Mapped[str | None] = mapped_column(String(5))
    schedule_days: Mapped[str | None] = mapped_column(String(32))
    channels: Mapped[str] = mapped_column(String(255))
    recipients: Mapped[str | None] = mapped_column(Text)
    enabled: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class EventRow(Base):
    """One alert from onset to clear; ``rule_id`` 0 is a meter that was lost."""

    __tablename__ = "alert_events"

    id: Mapped[int] = mapped_column(primary_key=True)
    rule_id: Mapped[int] = mapped_column(index=True)
    unit_id: Mapped[str] = mapped_column(String(64), index=True)
    rule_name: Mapped[str | None] = mapped_column(String(128))
    metric: Mapped[str] = mapped_column(String(32))
    threshold_db: Mapped[float]
    onset_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    onset_value: Mapped[float | None]
    peak_value: Mapped[float | None]
    clear_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    status: Mapped[str] = mapped_column(String(16))
    acknowledged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acknowledged_by: Mapped[str | None] = mapped_column(String(128))
    notes: Mapped[str | None] = mapped_column(Text)
