"""Tables of what happened to each meter: its log, and the settings it was last seen with."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, BigInteger, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from slmm.storage.database import Base, UtcDateTime


class LogRow(Base):
    """One line of a device's log."""

    __tablename__ = "device_logs"
    __table_args__ = (
        Index("ix_device_logs_unit_id_id", "unit_id", "id"),
        Index("ix_device_logs_timestamp", "timestamp"),
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    unit_id: Mapped[str] = mapped_column(String(64))
    timestamp: Mapped[datetime] = mapped_column(UtcDateTime)
    level: Mapped[str] = mapped_column(String(10))
    category: Mapped[str] = mapped_column(String(16))
    message: Mapped[str] = mapped_column(Text)


class FingerprintRow(Base):
    """The settings of one meter when somebody last looked at all of them."""

    __tablename__ = "settings_fingerprints"

    unit_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    taken_at: Mapped[datetime] = mapped_column(UtcDateTime)
    sha256: Mapped[str] = mapped_column(String(64))
    settings: Mapped[dict[str, object]] = mapped_column(JSON)


class SettingsTemplateRow(Base):
    """A named set of settings for meters."""

    __tablename__ = "settings_templates"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    note: Mapped[str] = mapped_column(Text)
    settings: Mapped[dict[str, str]] = mapped_column(JSON)
    made_by: Mapped[str] = mapped_column(String(128))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
