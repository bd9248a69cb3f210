"""Tables beside the levels: runs, files of the SD cards, remarks and exclusions, calibrations, limits, seals.

The levels themselves are the historian's. These rows outlive their unit: they are what a figure is explained with.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, Integer, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from slmm.storage.database import Base, UtcDateTime

_OPEN = text("ended_at IS NULL")


class RunRow(Base):
    """One measurement of one meter, from start to stop."""

    __tablename__ = "runs"
    __table_args__ = (
        Index("uq_runs_open", "unit_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_runs_unit_id_started_at", "unit_id", "started_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_id: Mapped[str] = mapped_column(String(64))
    store_name: Mapped[str | None] = mapped_column(String(8))
    """Four digits; null while nobody has asked the meter."""
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    is_start_exact: Mapped[bool]
    """False: it was running already when we first looked, so it began earlier."""
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    is_end_exact: Mapped[bool] = mapped_column(server_default=text("false"))
    how: Mapped[str | None] = mapped_column(String(16))
    """``stopped`` through us, ``by_itself``, ``unseen`` while the meter was away, ``superseded`` by another start."""
    fingerprint: Mapped[str | None] = mapped_column(String(64))
    settings: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    card: Mapped[str] = mapped_column(String(12), server_default="none")
    """What became of its files: ``none``, ``wanted``, ``partial``, ``merged``, ``failed``."""
    card_note: Mapped[str | None] = mapped_column(Text)
    card_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class CardFileRow(Base):
    """One file of an SD card as it was fetched: the original is kept, this says what it is and what came of it."""

    __tablename__ = "card_files"
    __table_args__ = (UniqueConstraint("unit_id", "remote_path", "sha256"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_id: Mapped[str] = mapped_column(String(64))
    run_id: Mapped[int | None]
    store_name: Mapped[str | None] = mapped_column(String(8))
    kind: Mapped[str] = mapped_column(String(8))
    """``lp``, ``leq``, ``man``, ``header`` or ``other``."""
    remote_path: Mapped[str] = mapped_column(Text)
    local_path: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"))
    fetched_at: Mapped[datetime] = mapped_column(UtcDateTime)
    is_growing: Mapped[bool]
    rows: Mapped[int]
    merged_rows: Mapped[int]
    first_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    clock_offset_s: Mapped[float | None]
    """Seconds by which the meter's clock was taken to be ahead."""
    differences: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    troubles: Mapped[list[Any] | None] = mapped_column(JSON)


class RemarkRow(Base):
    """What somebody said about a moment or a span; one that excludes takes the span out of the judged figures."""

    __tablename__ = "remarks"
    __table_args__ = (Index("ix_remarks_unit_id_starts_at", "unit_id", "starts_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_id: Mapped[str] = mapped_column(String(64))
    starts_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(String(16))
    """``remark``, ``weather``, ``calibration``, ``foreign`` (not the site's sound), ``fault`` or ``other``."""
    excludes: Mapped[bool]
    text: Mapped[str] = mapped_column(Text)
    made_by: Mapped[str] = mapped_column(String(128))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    calibration_id: Mapped[int | None]
    withdrawn_by: Mapped[str | None] = mapped_column(String(128))
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class CalibrationRow(Base):
    """One check with a sound calibrator; levels in dB. Drift is recorded, never applied."""

    __tablename__ = "calibrations"
    __table_args__ = (Index("ix_calibrations_unit_id_at", "unit_id", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_id: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(String(8))
    """``before`` a measurement, ``after`` it, or a ``check`` between."""
    calibrator: Mapped[str | None] = mapped_column(String(128))
    serial_number: Mapped[str | None] = mapped_column(String(64))
    nominal_db: Mapped[float]
    measured_db: Mapped[float]
    adjusted_db: Mapped[float | None]
    """What the meter showed after it was adjusted; null if it was not."""
    note: Mapped[str | None] = mapped_column(Text)
    made_by: Mapped[str] = mapped_column(String(128))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LimitRow(Base):
    """One limit of one unit: a document, see ``slmm.limits.document``."""

    __tablename__ = "limits"
    __table_args__ = (UniqueConstraint("unit_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_id: Mapped[str] = mapped_column(String(64), index=True)
    name: Mapped[str] = mapped_column(String(128))
    document: Mapped[dict[str, Any]] = mapped_column(JSON)
    template: Mapped[str | None] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(server_default="1")
    enabled: Mapped[bool]
    made_by: Mapped[str] = mapped_column(String(128))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SealRow(Base):
    """One link of the chain of evidence: what was stored, its hash, and the hash of the link before it."""

    __tablename__ = "seals"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Counts from 1 without a gap."""
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(String(12))
    """See ``slmm.record.chain.seals.Kind``."""
    subject: Mapped[str] = mapped_column(Text)
    """A path below the data directory, or the hour of the minutes."""
    size_bytes: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"))
    sha256: Mapped[str] = mapped_column(String(64))
    blocks_sha256: Mapped[str] = mapped_column(String(64), server_default="")
    """Hash of the blocks, which the link holds; empty where there never were any."""
    previous: Mapped[str] = mapped_column(String(64))
    link: Mapped[str] = mapped_column(String(64), unique=True)
    blocks: Mapped[bytes | None] = mapped_column(LargeBinary)
    """What finds the first changed byte, see ``slmm.record.chain.fingerprint``; let go of with what it was made of."""
