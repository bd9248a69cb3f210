"""Tables of the units: configuration and last known state; names as in 0.4.0."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from slmm.storage.database import Base, UtcDateTime


class DeviceRow(Base):
    """One unit's configuration."""

    __tablename__ = "nl43_config"

    unit_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    host: Mapped[str] = mapped_column(String(253))
    tcp_port: Mapped[int]
    ftp_port: Mapped[int]
    tcp_enabled: Mapped[bool]
    ftp_enabled: Mapped[bool]
    ftp_username: Mapped[str | None] = mapped_column(String(128))
    ftp_password: Mapped[str | None] = mapped_column(String(512))
    web_enabled: Mapped[bool]
    poll_enabled: Mapped[bool]
    poll_interval_seconds: Mapped[int]
    monitor_enabled: Mapped[bool]
    """The feed is kept alive though nobody watches; restored at boot."""
    is_active: Mapped[bool]
    timezone: Mapped[str | None] = mapped_column(String(64))
    """IANA zone the meter's clock shows; null means that of the service."""
    name: Mapped[str | None] = mapped_column(String(80))
    """What people call it."""
    site: Mapped[str | None] = mapped_column(String(80))
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]


class StatusRow(Base):
    """The last known state of one unit, written behind; levels in dB."""

    __tablename__ = "nl43_status"

    unit_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("nl43_config.unit_id", ondelete="CASCADE"), primary_key=True
    )
    last_seen: Mapped[datetime | None] = mapped_column(UtcDateTime)
    measurement_state: Mapped[str | None] = mapped_column(String(16))
    measurement_start_time: Mapped[datetime | None] = mapped_column(UtcDateTime)
    counter: Mapped[int | None]
    lp: Mapped[float | None]
    leq: Mapped[float | None]
    le: Mapped[float | None]
    lmax: Mapped[float | None]
    lmin: Mapped[float | None]
    lpeak: Mapped[float | None]
    ln1: Mapped[float | None]
    ln2: Mapped[float | None]
    ln3: Mapped[float | None]
    ln4: Mapped[float | None]
    ln5: Mapped[float | None]
    over: Mapped[bool | None]
    under: Mapped[bool | None]
    labels: Mapped[dict[str, object] | None] = mapped_column(JSON)
    raw_payload: Mapped[str | None] = mapped_column(Text)
    battery_level: Mapped[str | None] = mapped_column(String(16))
    power_source: Mapped[str | None] = mapped_column(String(16))
    sd_remaining_mb: Mapped[str | None] = mapped_column(String(32))
    sd_free_ratio: Mapped[str | None] = mapped_column(String(32))
    is_reachable: Mapped[bool | None]
    consecutive_failures: Mapped[int]
    last_poll_attempt: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_success: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(Text)
