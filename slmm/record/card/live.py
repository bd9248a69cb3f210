"""What the record holds already of a time: levels received live, and intervals of the card."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from slmm.record.card.placing import Series
from slmm.record.frames import Source
from slmm.record.partitions import Partitions
from slmm.record.store import Connection, Store

LONGEST_STORED = timedelta(hours=24)
"""Of the meter's own Leq intervals (comm. guide p. 62)."""
TOUCHING = timedelta(seconds=2)
"""So much may intervals overlap that were placed apart."""


class LiveRecord:
    """Asks the historian; raises DiskTrouble."""

    def __init__(self, store: Store, partitions: Partitions) -> None:
        self._store = store
        self._partitions = partitions

    def between(self, unit_id: str, from_at: datetime, until_at: datetime) -> Series:
        """Times in s since 1970 and levels Lp received live, one a second at most, in order."""

        def question(connection: Connection) -> dict[str, Any]:
            rows = self._partitions.relation(connection, "frames", unit_id, from_at, until_at)
            return connection.execute(
                f"select min_by(epoch(ends_at), ends_at) as at_s, min_by(lp, ends_at) as lp from {rows}"
                f" where source <= {int(Source.STREAM)} and lp is not null group by floor(epoch(ends_at)) order by 1"
            ).fetchnumpy()

        if self._store.known_unit(unit_id) is None:
            return np.empty(0), np.empty(0)
        found = self._store.read(question)
        return (
            np.asarray(found["at_s"], dtype=np.float64),
            np.asarray(found["lp"], dtype=np.float64),
        )

    def is_stored(self, unit_id: str, starts_at: datetime, ends_at: datetime) -> bool:
        """Whether intervals of the card tell of some of this time."""

        def question(connection: Connection) -> bool:
            rows = self._partitions.relation(connection, "frames", unit_id, starts_at, ends_at + LONGEST_STORED)
            low, high = (at.astimezone(UTC).replace(tzinfo=None) for at in (starts_at + TOUCHING, ends_at - TOUCHING))
            found = connection.execute(
                f"select 1 from {rows} where source >= {int(Source.SD_LEQ)} and ends_at > ?"
                " and epoch_ms(ends_at) - duration_s * 1000 < epoch_ms(cast(? as timestamp)) limit 1",
                [low, high],
            ).fetchone()
            return found is not None

        return self._store.known_unit(unit_id) is not None and self._store.read(question)
