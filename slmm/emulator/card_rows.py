"""How the meter writes what it stores: names of columns and files, rows, times; two models' styles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from slmm.emulator.integration import Measurement
from slmm.emulator.sound import SAMPLE_S

UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
LP_NAMES = ("Lp", "Leq", "Lmax", "Lmin", "Lpeak", "Over", "Under")
LEQ_NAMES = ("Leq", "LE", "Lmax", "Lmin", "LN1", "LN2", "LN3", "LN4", "LN5", "Lpeak", "Over", "Under")
CLOCK_NOISE = timedelta(microseconds=50)
"""Time passes here in tenths of a second, which are no exact binary numbers."""


@dataclass(frozen=True, slots=True)
class Style:
    """How a model names what it stores."""

    channel: str
    """Behind each quantity."""
    row_end: str
    index_digits: int
    lp_folder: str
    """To be filled with its number."""
    leq_folder: str

    def header(self, names: Sequence[str], *, has_duration: bool) -> str:
        """The row above all others."""
        times = ("Start Time", "Measurement Time") if has_duration else ("Start Time",)
        return ",".join(["Address", *times, *(f"{name}{self.channel}" for name in names)])

    def row(self, fields: Sequence[str]) -> str:
        """One row without its line end."""
        return ",".join(fields) + self.row_end


STYLES = {
    "nl43": Style("(Main)", "", 4, "Auto_Lp_{:02d}", "Auto_Leq"),
    "nl42": Style("", ",", 3, "AUTO_LP", "AUTO_LEQ"),
}


def interval_s(preset: str, number: str, unit: str) -> float | None:
    """A store interval in seconds; None for Off."""
    if preset == "Off":
        return None
    if preset == "Manual":
        return max(SAMPLE_S, float(number) * UNITS_S[unit])
    digits = preset.rstrip("msh")
    return float(digits) * UNITS_S[preset[len(digits) :]]


def level(value_db: float) -> str:
    """Five characters, one decimal."""
    return f"{value_db:5.1f}"


def duration(seconds: float) -> str:
    """Such as ``00d 00:01:00.0``."""
    days, rest = divmod(round(seconds, 1), 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{int(days):02d}d {int(hours):02d}:{int(minutes):02d}:{rest:04.1f}"


def moment(clock: datetime, digits: int = 0) -> str:
    """A time of the meter's clock, cut off to so many digits of a second."""
    exact = clock + CLOCK_NOISE
    text = f"{exact:%Y/%m/%d %H:%M:%S}"
    return f"{text}.{exact:%f}"[: len(text) + 1 + digits] if digits else text


def flags(over: bool, under: bool) -> list[str]:
    """Over and under, a character each."""
    return [str(int(over)), str(int(under))]


def leq_fields(address: int, began: datetime, part: Measurement, percents: list[float]) -> list[str]:
    """One interval up to its flags; the percentiles in the order of their slots."""
    order = sorted(range(5), key=percents.__getitem__)
    found = dict(zip(order, part.percentiles_db([percents[slot] for slot in order]), strict=True))
    levels = [part.leq_db, part.le_db, part.lmax_db, part.lmin_db, *(found[slot] for slot in range(5)), part.lpeak_db]
    return [f"{address:5d}", moment(began), duration(part.duration_s), *map(level, levels)]
