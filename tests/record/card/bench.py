"""A record, a database and cards to merge: what tests of the merge stand on."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from slmm.events import Levels
from slmm.record.card.alignment import ClockReading
from slmm.record.card.merge import CardMerge, Merged
from slmm.record.frames import Frame, Source, aware
from slmm.record.office import RecordOffice
from slmm.settings import Settings
from slmm.storage.database import Base, Database
from slmm.storage.models import CardFileRow
from tests.record.card.cards import Meter, Run, fetched

BERLIN = ZoneInfo("Europe/Berlin")


@contextmanager
def a_bench(office: RecordOffice, settings: Settings, top: Path) -> Iterator["Bench"]:
    """With an empty database, for meters in Berlin."""
    database = Database.open(settings.sqlalchemy_url)
    Base.metadata.create_all(database.engine)
    clocks: dict[str, ClockReading] = {}
    merge = CardMerge(office, database, lambda unit_id: BERLIN, clocks.get)
    yield Bench(office, merge, database, top, clocks)
    database.close()


@dataclass
class Bench:
    """A record, a database, and cards."""

    office: RecordOffice
    merge: CardMerge
    database: Database
    top: Path
    clocks: dict[str, ClockReading]

    def bring(self, run: Run, until_s: float | None = None, files: dict[str, str] | None = None) -> Merged:
        """Fetch what the card holds at a second of the sound, and merge it."""
        at = run.meter.at(run.end_s if until_s is None else until_s)
        found = fetched(self.top / run.meter.unit_id, files or run.files(until_s), at)
        return self.merge.merge(run.meter.unit_id, found)

    def stored(self, unit_id: str, store: str | None = None) -> dict[tuple[Source, int], list[datetime]]:
        """Where the rows of a card end on record, by source and address."""
        low, high = (datetime(year, 1, 1, tzinfo=UTC) for year in (2025, 2028))

        def question(connection: Any) -> Any:
            rows = self.office.partitions.relation(connection, "frames", unit_id, low, high)
            where = "" if store is None else f" and store = '{store}'"
            return connection.execute(
                f"select source, address, ends_at from {rows} where source >= 2{where} order by ends_at"
            ).fetchall()

        found: dict[tuple[Source, int], list[datetime]] = {}
        for source, address, ends_at in self.office.store.read(question):
            found.setdefault((Source(source), address), []).append(aware(ends_at))
        return found

    def check(self, run: Run, within_s: float = 1.0) -> None:
        """Every row of the run is there once, and where it belongs."""
        expected: dict[tuple[Source, int], datetime] = {}
        for source, interval_s in ((Source.SD_LP, run.lp_s), (Source.SD_LEQ, run.leq_s)):
            if interval_s:
                for number, start in enumerate(run.starts(interval_s)):
                    expected[source, run.first_address + number] = run.meter.at(float(start) + interval_s)
        found = self.stored(run.meter.unit_id, run.store)
        assert found.keys() == expected.keys()
        assert [key for key, ends in found.items() if len(ends) != 1] == []
        off_s = np.array([(found[key][0] - ends_at).total_seconds() for key, ends_at in expected.items()])
        assert np.abs(off_s).max() <= within_s, [
            (k, o) for k, o in zip(expected, off_s, strict=True) if abs(o) > within_s
        ][:9]

    def live(self, meter: Meter, from_s: float, until_s: float, every_s: float = 1.0, *, is_made: bool = True) -> None:
        """What was received of a meter's display, and the minutes made of it."""
        rows = []
        for second in np.arange(from_s, until_s, every_s):
            level = float(meter.levels[int(second)])
            rows.append(Frame(meter.unit_id, meter.at(float(second) + 1.0), Source.POLL, Levels(lp=level)))
        self.office.historian.write(rows)
        if is_made:
            self.office.rollup.remake(meter.unit_id, meter.at(from_s), meter.at(until_s))

    def read_clock(self, meter: Meter, *seconds: float) -> None:
        """Its clock is read, to the whole second."""
        for second in seconds:
            at = meter.at(second)
            reading = ClockReading(at, meter.ahead_at(second))
            self.merge.ledger.note_clock(meter.unit_id, reading, is_news=True)

    def files(self, unit_id: str) -> list[CardFileRow]:
        return self.merge.book.files(unit_id)

    def check_all(self, unit_id: str, runs: Sequence[Run], within_s: float) -> None:
        """All rows of all runs of a meter, also of those under one name: no more, no fewer, and where they belong."""
        low, high = (datetime(year, 1, 1, tzinfo=UTC) for year in (2025, 2028))

        def question(connection: Any) -> Any:
            rows = self.office.partitions.relation(connection, "frames", unit_id, low, high)
            return connection.execute(
                f"select source, epoch(ends_at) as ends_s, leq from {rows} where source >= 2 order by ends_at"
            ).fetchnumpy()

        found = self.office.store.read(question)
        for source in (Source.SD_LP, Source.SD_LEQ):
            expected: list[float] = []
            for run in runs:
                interval_s = run.lp_s if source is Source.SD_LP else run.leq_s
                if interval_s:
                    expected += (run.starts(interval_s) + interval_s + run.meter.starts_at.timestamp()).tolist()
            ends_s = found["ends_s"][found["source"] == source]
            assert len(ends_s) == len(expected), (unit_id, source)
            off_s = np.abs(ends_s - np.sort(expected))
            assert off_s.max() <= within_s, (unit_id, source, float(off_s.max()))
