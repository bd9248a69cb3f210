"""The SD card: folders and files as the meter writes them while it measures.

The tree and the names are those seen on real cards; the rows follow the style of known files (.rnd, .rnh), for no
capture of an NL-43's is at hand. Times are those of the meter's own clock.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

from slmm.emulator.card_rows import LEQ_NAMES, LP_NAMES, STYLES, flags, interval_s, leq_fields, level, moment
from slmm.emulator.integration import Measurement
from slmm.emulator.quirks import Quirks
from slmm.emulator.sound import SAMPLE_S

TOTAL_MB = 30_436.0
BYTES_A_MB = 1_000_000
LP_FILE_S = 3600.0
"""A new Lp file begins each hour (manual), a new Leq file each 60,000 records."""
LEQ_FILE_RECORDS = 60_000
LP_FOLDER_FILES = 1000
FLUSH_SAMPLES = 10
_LEQ_INTERVAL = ("Preset", "(Num)", "(Unit)")


class _Table:
    """One .rnd file that grows."""

    def __init__(self, path: Path, header: str, clock: datetime) -> None:
        is_new = not path.exists()
        self._path = path
        self._file: IO[str] = opened(path, "a", clock)
        if is_new:
            self._file.write(f"CSV\r\n{header}\r\n")

    def add(self, row: str) -> None:
        self._file.write(f"{row}\r\n")

    def flush(self, clock: datetime) -> None:
        """To the disk, with the meter's idea of the time."""
        self._file.flush()
        stamp(self._path, clock)

    def close(self, clock: datetime) -> None:
        self._file.close()
        stamp(self._path, clock)


def stamp(path: Path, clock: datetime) -> None:
    """The FTP server lists times as if they were UTC: so the meter's clock shows."""
    seconds = clock.replace(tzinfo=UTC).timestamp()
    os.utime(path, (seconds, seconds))


def opened(path: Path, mode: str, clock: datetime) -> IO[str]:
    """Make or open a file; the date of a folder stays that of its making, as on a FAT card."""
    folder, above = path.parents[:2]
    seconds = clock.replace(tzinfo=UTC).timestamp()
    dates = {each: each.stat().st_mtime if each.exists() else seconds for each in (folder, above)}
    folder.mkdir(parents=True, exist_ok=True)
    file = path.open(mode, encoding="ascii", newline="")
    for each, date in dates.items():
        os.utime(each, (date, date))
    return file


@dataclass(slots=True)
class _Part:
    """An interval that is being filled."""

    began: datetime
    measured: Measurement
    last_lp_db: float = 0.0
    over: bool = False
    under: bool = False

    def add(self, levels: tuple[float, float, float], over: bool, under: bool) -> None:
        """Integrate 100 ms: Leq, Lp and Lpeak; an overload anywhere stays in the result."""
        leq_db, self.last_lp_db, lpeak_db = levels
        self.measured.add(leq_db, self.last_lp_db, lpeak_db)
        self.over |= over
        self.under |= under


class Recording:
    """The files of one automatic measurement."""

    def __init__(
        self, folder: Path, registers: Mapping[str, str], serial_number: str, clock: datetime, quirks: Quirks
    ) -> None:
        self._folder = folder
        self._registers = dict(registers)
        self._serial_number = serial_number
        self._began = clock
        self._quirks = quirks
        self._style = STYLES[quirks.card_style]
        self._name = f"NL_{registers['Index Number'][-self._style.index_digits :]}_SLM"
        self._store = registers["Store Name"]
        self._percents = [float(registers[f"Percentile {slot}"]) for slot in range(1, 6)]
        self._lp_s = interval_s(registers["Lp Store Interval"], "1", "s")
        self._leq_s = interval_s(
            registers["Leq Calculation Interval Preset"],
            registers["Leq Calculation Interval (Num)"],
            registers["Leq Calculation Interval (Unit)"],
        )
        self._lp_table: _Table | None = None
        self._leq_table: _Table | None = None
        # Sound comes in samples of 100 ms: shorter intervals all show the one they lie in.
        self._lp_a_sample = 1 if self._lp_s is None else max(1, round(SAMPLE_S / self._lp_s))
        self._lp_rows = self._leq_rows = self._samples = 0
        self._lp_part: _Part | None = None
        self._leq_part: _Part | None = None
        self._write_header(None)

    def _write_header(self, ended: datetime | None) -> None:
        registers = self._registers
        lines = [
            *("CSV", "[Instrument]", "Model,NL-43", f"Serial Number,{self._serial_number}"),
            *("[Store]", "Store Mode,Auto", f"Store Name,{self._store}", f"Index Number,{registers['Index Number']}"),
            *("[Time]", f"Start Time,{moment(self._began)}", f"Stop Time,{moment(ended) if ended else ''}"),
            "[Measurement]",
            f"Frequency Weighting(Main),{registers['Frequency Weighting (Main)']}",
            f"Time Weighting(Main),{registers['Time Weighting (Main)']}",
            f"Lp Store Interval,{registers['Lp Store Interval']}",
            f"Leq Calculation Interval,{self._leq_interval()}",
            *(f"Percentile {slot},{registers[f'Percentile {slot}']}" for slot in range(1, 6)),
        ]
        path = self._folder / f"{self._name}_{self._store}_0000.rnh"
        with opened(path, "w", self._began) as file:
            file.write("".join(f"{line}\r\n" for line in lines))
        stamp(path, ended or self._began)

    def _leq_interval(self) -> str:
        preset, number, unit = (self._registers[f"Leq Calculation Interval {part}"] for part in _LEQ_INTERVAL)
        return number + unit if preset == "Manual" else preset

    def add(
        self, leq_db: float, lp_db: float, lpeak_db: float, began: datetime, over: bool = False, under: bool = False
    ) -> None:
        """The next 100 ms, which began at that time of the meter."""
        levels = (leq_db, lp_db, lpeak_db)
        if self._lp_s is not None:
            part = self._lp_part = self._lp_part or _Part(began, Measurement())
            part.add(levels, over, under)
            if part.measured.duration_s >= self._lp_s - SAMPLE_S / 2:
                self._add_lp(part, self._lp_s)
        if self._leq_s is not None:
            part = self._leq_part = self._leq_part or _Part(began, Measurement())
            part.add(levels, over, under)
            if part.measured.duration_s >= self._leq_s - SAMPLE_S / 2:
                self._add_leq(part)
        self._samples += 1
        if self._samples % FLUSH_SAMPLES == 0:
            for table in (self._lp_table, self._leq_table):
                if table is not None:
                    table.flush(began)

    def _add_lp(self, part: _Part, every_s: float) -> None:
        digits = 0 if every_s >= 1.0 else len(f"{every_s:g}") - 2
        measured = part.measured
        levels = (part.last_lp_db, measured.leq_db, measured.lmax_db, measured.lmin_db, measured.lpeak_db)
        shown = [*map(level, levels), *flags(part.over, part.under)]
        for number in range(self._lp_a_sample):
            began = part.began + timedelta(seconds=number * every_s)
            table = self._lp_file(max(1, round(LP_FILE_S / every_s)), began)
            self._lp_rows += 1
            table.add(self._style.row([f"{self._lp_rows:5d}", moment(began, digits), *shown]))
        self._lp_part = None

    def _lp_file(self, rows_a_file: int, clock: datetime) -> _Table:
        number, row = divmod(self._lp_rows, rows_a_file)
        if row == 0 or self._lp_table is None:
            self._close(self._lp_table, clock)
            folder = self._folder / self._style.lp_folder.format(number // LP_FOLDER_FILES + 1)
            path = folder / f"{self._name}_Lp _{self._store}_{number + 1:04d}.rnd"
            self._lp_table = _Table(path, self._style.header(LP_NAMES, has_duration=False), clock)
        return self._lp_table

    def _add_leq(self, part: _Part) -> None:
        number, row = divmod(self._leq_rows, LEQ_FILE_RECORDS)
        if row == 0 or self._leq_table is None:
            self._close(self._leq_table, part.began)
            path = self._folder / self._style.leq_folder / f"{self._name}_Leq_{self._store}_{number + 1:04d}.rnd"
            self._leq_table = _Table(path, self._style.header(LEQ_NAMES, has_duration=True), part.began)
        self._leq_rows += 1
        fields = leq_fields(self._leq_rows, part.began, part.measured, self._percents)
        self._leq_table.add(self._style.row([*fields, *flags(part.over, part.under)]))
        self._leq_part = None

    @staticmethod
    def _close(table: _Table | None, clock: datetime) -> None:
        if table is not None:
            table.close(clock)

    def end(self, clock: datetime) -> None:
        """Close the files; whether an interval that is not full is stored, no source tells."""
        if self._quirks.stores_last_part and self._leq_part is not None:
            self._add_leq(self._leq_part)
        self._close(self._lp_table, clock)
        self._close(self._leq_table, clock)
        self._write_header(clock)


class Card:
    """The card of one meter as real files below *root*."""

    def __init__(self, root: Path, clock: datetime, quirks: Quirks | None = None) -> None:
        self.root = root
        self._quirks = quirks or Quirks()
        self.filled_mb = 0.0
        """Taken by other things, so that a test can fill the card."""
        for name in ("DCIM", "NL-43/Screenshot"):
            if not (root / name).exists():
                (root / name).mkdir(parents=True)
                stamp(root / name, clock)
        stamp(root / "NL-43", clock)

    def _folder(self, registers: Mapping[str, str]) -> Path:
        mode = "Manual" if registers["Store Mode"] == "Manual" else "Auto"
        return self.root / "NL-43" / f"{mode}_{registers['Store Name']}"

    def holds(self, registers: Mapping[str, str]) -> bool:
        """Whether something is stored under the present mode and name."""
        return self._folder(registers).exists()

    def record(self, registers: Mapping[str, str], serial_number: str, clock: datetime) -> Recording:
        """Begin the files of an automatic measurement."""
        return Recording(self._folder(registers), registers, serial_number, clock, self._quirks)

    def store(
        self,
        registers: Mapping[str, str],
        measured: Measurement,
        clock: datetime,
        over: bool = False,
        under: bool = False,
    ) -> None:
        """Manual store: one row more under the present name."""
        style = STYLES[self._quirks.card_style]
        index = registers["Index Number"][-style.index_digits :]
        path = self._folder(registers) / f"NL_{index}_SLM_MAN_{registers['Store Name']}_0000.rnd"
        table = _Table(path, style.header(LEQ_NAMES, has_duration=True), clock)
        percents = [float(registers[f"Percentile {slot}"]) for slot in range(1, 6)]
        began = clock - timedelta(seconds=measured.duration_s)
        fields = leq_fields(int(registers["Manual Address"]), began, measured, percents)
        table.add(style.row([*fields, *flags(over, under)]))
        table.close(clock)

    @property
    def free_mb(self) -> float:
        """What is left, in MB."""
        used = sum(path.stat().st_size for path in self.root.rglob("*") if path.is_file())
        return max(0.0, TOTAL_MB - self.filled_mb - used / BYTES_A_MB)
