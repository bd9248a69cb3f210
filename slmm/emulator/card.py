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

from slmm.emulator.integration import Measurement
from slmm.emulator.sound import SAMPLE_S

TOTAL_MB = 30_436.0
BYTES_A_MB = 1_000_000
UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
LP_FILE_S = 3600.0
"""A new Lp file begins each hour (manual), a new Leq file each 60,000 records."""
LEQ_FILE_RECORDS = 60_000
LP_FOLDER_FILES = 1000
FLUSH_SAMPLES = 10
LP_HEADER = "Address,Start Time,Lp(Main),Leq(Main),Lmax(Main),Lmin(Main),Lpeak(Main),Over(Main),Under(Main)"
LEQ_HEADER = (
    "Address,Start Time,Measurement Time,Leq(Main),LE(Main),Lmax(Main),Lmin(Main),LN1(Main),LN2(Main),LN3(Main),"
    "LN4(Main),LN5(Main),Lpeak(Main),Over(Main),Under(Main)"
)


def interval_s(preset: str, number: str, unit: str) -> float | None:
    """A store interval as seconds, never shorter than a sample; None for Off."""
    if preset == "Off":
        return None
    if preset == "Manual":
        return max(SAMPLE_S, float(number) * UNITS_S[unit])
    digits = preset.rstrip("msh")
    return max(SAMPLE_S, float(digits) * UNITS_S[preset[len(digits) :]])


def _level(value_db: float) -> str:
    return f"{value_db:5.1f}"


def _duration(seconds: float) -> str:
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{int(days):02d}d {int(hours):02d}:{int(minutes):02d}:{rest:04.1f}"


def _moment(clock: datetime, with_fraction: bool = False) -> str:
    text = f"{clock:%Y/%m/%d %H:%M:%S}"
    return f"{text}.{clock.microsecond // 100_000}" if with_fraction else text


def leq_row(address: int, began: datetime, part: Measurement, percents: list[float]) -> str:
    """One interval as a row; the percentiles in the order of their slots."""
    order = sorted(range(5), key=percents.__getitem__)
    found = dict(zip(order, part.percentiles_db([percents[slot] for slot in order]), strict=True))
    levels = [part.leq_db, part.le_db, part.lmax_db, part.lmin_db, *(found[slot] for slot in range(5)), part.lpeak_db]
    fields = [f"{address:5d}", _moment(began), _duration(part.duration_s), *map(_level, levels), "0", "0"]
    return ",".join(fields)


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


class Recording:
    """The files of one automatic measurement."""

    def __init__(self, folder: Path, registers: Mapping[str, str], serial_number: str, clock: datetime) -> None:
        self._folder = folder
        self._registers = dict(registers)
        self._serial_number = serial_number
        self._began = clock
        self._name = f"NL_{registers['Index Number']}_SLM"
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
        self._lp_rows = self._leq_rows = self._samples = 0
        self._lp_part: _Part | None = None
        self._leq_part: _Part | None = None
        self._write_header(None)

    def _write_header(self, ended: datetime | None) -> None:
        registers = self._registers
        lines = [
            *("CSV", "[Instrument]", "Model,NL-43", f"Serial Number,{self._serial_number}"),
            *("[Store]", "Store Mode,Auto", f"Store Name,{self._store}", f"Index Number,{registers['Index Number']}"),
            *("[Time]", f"Start Time,{_moment(self._began)}", f"Stop Time,{_moment(ended) if ended else ''}"),
            "[Measurement]",
            f"Frequency Weighting(Main),{registers['Frequency Weighting (Main)']}",
            f"Time Weighting(Main),{registers['Time Weighting (Main)']}",
            f"Lp Store Interval,{registers['Lp Store Interval']}",
            f"Leq Calculation Interval,{registers['Leq Calculation Interval Preset']}",
            *(f"Percentile {slot},{registers[f'Percentile {slot}']}" for slot in range(1, 6)),
        ]
        path = self._folder / f"{self._name}_{self._store}_0000.rnh"
        with opened(path, "w", self._began) as file:
            file.write("".join(f"{line}\r\n" for line in lines))
        stamp(path, ended or self._began)

    def add(self, leq_db: float, lp_db: float, lpeak_db: float, began: datetime) -> None:
        """The next 100 ms, which began at that time of the meter."""
        if self._lp_s is not None:
            part = self._lp_part = self._lp_part or _Part(began, Measurement())
            part.measured.add(leq_db, lp_db, lpeak_db)
            part.last_lp_db = lp_db
            if part.measured.duration_s >= self._lp_s - SAMPLE_S / 2:
                self._add_lp(part)
        if self._leq_s is not None:
            part = self._leq_part = self._leq_part or _Part(began, Measurement())
            part.measured.add(leq_db, lp_db, lpeak_db)
            if part.measured.duration_s >= self._leq_s - SAMPLE_S / 2:
                self._add_leq(part)
        self._samples += 1
        if self._samples % FLUSH_SAMPLES == 0:
            for table in (self._lp_table, self._leq_table):
                if table is not None:
                    table.flush(began)

    def _add_lp(self, part: _Part) -> None:
        assert self._lp_s is not None
        a_file = max(1, round(LP_FILE_S / self._lp_s))
        number, row = divmod(self._lp_rows, a_file)
        if row == 0:
            self._close(self._lp_table, part.began)
            folder = self._folder / f"Auto_Lp_{number // LP_FOLDER_FILES + 1:02d}"
            self._lp_table = _Table(
                folder / f"{self._name}_Lp _{self._store}_{number + 1:04d}.rnd", LP_HEADER, part.began
            )
        measured = part.measured
        levels = (part.last_lp_db, measured.leq_db, measured.lmax_db, measured.lmin_db, measured.lpeak_db)
        moment = _moment(part.began, with_fraction=self._lp_s < 1.0)
        assert self._lp_table is not None
        self._lp_rows += 1
        self._lp_table.add(",".join([f"{self._lp_rows:5d}", moment, *map(_level, levels), "0", "0"]))
        self._lp_part = None

    def _add_leq(self, part: _Part) -> None:
        number, row = divmod(self._leq_rows, LEQ_FILE_RECORDS)
        if row == 0:
            self._close(self._leq_table, part.began)
            path = self._folder / "Auto_Leq" / f"{self._name}_Leq_{self._store}_{number + 1:04d}.rnd"
            self._leq_table = _Table(path, LEQ_HEADER, part.began)
        assert self._leq_table is not None
        self._leq_rows += 1
        self._leq_table.add(leq_row(self._leq_rows, part.began, part.measured, self._percents))
        self._leq_part = None

    @staticmethod
    def _close(table: _Table | None, clock: datetime) -> None:
        if table is not None:
            table.close(clock)

    def end(self, clock: datetime) -> None:
        """Close the files; an interval that is not full is not stored."""
        self._close(self._lp_table, clock)
        self._close(self._leq_table, clock)
        self._write_header(clock)


class Card:
    """The card of one meter as real files below *root*."""

    def __init__(self, root: Path, clock: datetime) -> None:
        self.root = root
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
        return Recording(self._folder(registers), registers, serial_number, clock)

    def store(self, registers: Mapping[str, str], measured: Measurement, clock: datetime) -> None:
        """Manual store: one row more under the present name."""
        folder = self._folder(registers)
        path = folder / f"NL_{registers['Index Number']}_SLM_MAN_{registers['Store Name']}_0000.rnd"
        table = _Table(path, LEQ_HEADER, clock)
        percents = [float(registers[f"Percentile {slot}"]) for slot in range(1, 6)]
        began = clock - timedelta(seconds=measured.duration_s)
        table.add(leq_row(int(registers["Manual Address"]), began, measured, percents))
        table.close(clock)

    @property
    def free_mb(self) -> float:
        """What is left, in MB."""
        used = sum(path.stat().st_size for path in self.root.rglob("*") if path.is_file())
        return max(0.0, TOTAL_MB - self.filled_mb - used / BYTES_A_MB)
