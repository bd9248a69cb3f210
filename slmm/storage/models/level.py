"""Table of the trail: one row per unit and sample interval; levels in dB."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from slmm.storage.database import Base, UtcDateTime


class ReadingRow(Base):
    """One reading kept for the trail."""

    __tablename__ = "nl43_readings"
    __table_args__ = (UniqueConstraint("unit_id", "timestamp"),)

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    unit_id: Mapped[str] = mapped_column(String(64), ForeignKey("nl43_config.unit_id", ondelete="CASCADE"))
    timestamp: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
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
