"""What is let go of, and when."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CursorResult, delete
from sqlalchemy.orm import Session

from slmm.storage.models import ReadingRow


def prune_trail(session: Session, before: datetime) -> int:
    """Remove trail rows older than *before*; how many."""
    result = session.execute(delete(ReadingRow).where(ReadingRow.timestamp < before))
    return result.rowcount if isinstance(result, CursorResult) else 0
