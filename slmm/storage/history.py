"""Questions about the past."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from slmm.storage.models import ReadingRow


def trail(session: Session, unit_id: str, since: datetime) -> list[dict[str, Any]]:
    """The trail of a unit from *since* on, oldest first: aware UTC timestamps, levels in dB or None."""
    columns = (
        ReadingRow.timestamp,
        ReadingRow.lp,
        ReadingRow.leq,
        ReadingRow.lmax,
        ReadingRow.ln1,
        ReadingRow.ln2,
    )
    wanted = (
        select(*columns)
        .where(ReadingRow.unit_id == unit_id, ReadingRow.timestamp >= since)
        .order_by(ReadingRow.timestamp)
    )
    return [dict(row) for row in session.execute(wanted).mappings()]
