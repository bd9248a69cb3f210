"""SD cards with a known truth: files as the meter writes them, made all at once from the sound of a site."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slmm.record.card.file import Fetched

Floats = NDArray[np.float64]
LP_HEADER = "Address,Start Time,Lp(Main),Leq(Main),Lmax(Main),Lmin(Main),Lpeak(Main),Over(Main),Under(Main)"
LEQ_HEADER = (
    "Address,Start Time,Measurement Time,Leq(Main),LE(Main),Lmax(Main),Lmin(Main),LN1(Main),LN2(Main),LN3(Main),"
    "LN4(Main),LN5(Main),Lpeak(Main),Over(Main),Under(Main)"
)
EPOCH = np.datetime64("1970-01-01T00:00:00", "us")


def wandering(seconds: int, seed: int) -> Floats:
    """Levels of a site in dB, one a second; no two places are alike."""
    random = np.random.default_rng(seed)
    kicks = random.standard_normal(seconds)
    slow = np.convolve(kicks, np.exp(-np.arange(60) / 12.0), mode="same")
    return np.round(58.0 + 2.0 * slow + 1.5 * random.standard_normal(seconds), 1)


@dataclass
class Meter:
    """What happens at one meter: its sound, and what its clock shows of it."""

    unit_id: str
    starts_at: datetime
    """A whole second of UTC, at which its sound begins."""
    levels: Floats
    ahead_s: float = 0.0
    """By how much its clock is ahead of UTC, its zone included."""
    clock_set: list[tuple[int, float]] = field(default_factory=list)
    """From which second of the sound on it was set to another."""

    def ahead_at(self, second: float) -> float:
        return next((ahead for since, ahead in reversed(self.clock_set) if second >= since), self.ahead_s)

    def at(self, second: float) -> datetime:
        return self.starts_at + timedelta(seconds=second)

    def shown(self, seconds: Floats) -> list[str]:
        """What its clock shows at these seconds of the sound, cut off to whole seconds."""
        ahead = np.array([self.ahead_at(second) for second in seconds]) if self.clock_set else self.ahead_s
        shown = EPOCH + np.floor(self.starts_at.timestamp() + seconds + ahead).astype("timedelta64[s]")
        texts = np.datetime_as_string(shown, unit="s")
        return [text.replace("-", "/").replace("T", " ") for text in texts]

    def laeq(self, from_s: float, until_s: float) -> float:
        """The truth."""
        part = self.levels[round(from_s) : round(until_s)]
        return float(10.0 * np.log10(np.mean(10.0 ** (part / 10.0))))


@dataclass
class Run:
    """One automatic measurement on the card of a meter."""

    meter: Meter
    store: str
    begin_s: int
    end_s: int
    lp_s: int | None = 1
    leq_s: int | None = 60
    rows_a_file: int = 3600
    first_address: int = 1
    lost: Sequence[tuple[int, int]] = ()
    """Without power from one second of the sound to another: the measurement goes on afterwards."""

    def starts(self, interval_s: int, until_s: float | None = None) -> Floats:
        """Where whole intervals begin that are stored by then, in seconds of the sound."""
        until_s = self.end_s if until_s is None else min(until_s, self.end_s)
        found: list[Floats] = []
        begin = self.begin_s
        for off, on in (*self.lost, (self.end_s, self.end_s)):
            found.append(np.arange(begin, min(off, until_s) - interval_s + 1, interval_s, dtype=np.float64))
            begin = on
        return np.concatenate(found)

    def header(self, until_s: float | None) -> str:
        meter = self.meter
        stop = meter.shown(np.array([self.end_s]))[0] if until_s is None else ""
        lines = [
            *("CSV", "[Instrument]", "Model,NL-43", "Serial Number,00123456"),
            *("[Store]", "Store Mode,Auto", f"Store Name,{self.store}", "Index Number,0001", "[Time]"),
            *(f"Start Time,{meter.shown(np.array([self.begin_s]))[0]}", f"Stop Time,{stop}", "[Measurement]"),
            *("Frequency Weighting(Main),A", "Time Weighting(Main),F"),
            *((f"Lp Store Interval,{self.lp_s}s",) if self.lp_s else ()),
            *((f"Leq Calculation Interval,{self.leq_s}s",) if self.leq_s else ()),
        ]
        return "".join(f"{line}\r\n" for line in lines)

    def files(self, until_s: float | None = None) -> dict[str, str]:
        """Path and text of each, as they are at that second of the sound."""
        folder = f"/NL-43/Auto_{self.store}"
        found = {f"{folder}/NL_0001_SLM_{self.store}_0000.rnh": self.header(until_s)}
        if self.lp_s:
            rows = self.lp_rows(self.lp_s, until_s)
            for number in range(0, len(rows), self.rows_a_file):
                name = f"NL_0001_SLM_Lp _{self.store}_{number // self.rows_a_file + 1:04d}.rnd"
                part = "\r\n".join(rows[number : number + self.rows_a_file])
                found[f"{folder}/Auto_Lp_01/{name}"] = f"CSV\r\n{LP_HEADER}\r\n{part}\r\n"
        if self.leq_s:
            part = "".join(f"{row}\r\n" for row in self.leq_rows(self.leq_s, until_s))
            found[f"{folder}/Auto_Leq/NL_0001_SLM_Leq_{self.store}_0001.rnd"] = f"CSV\r\n{LEQ_HEADER}\r\n{part}"
        return found

    def lp_rows(self, interval_s: int, until_s: float | None = None) -> list[str]:
        rows = []
        starts = self.starts(interval_s, until_s)
        parts = self.meter.levels[starts.astype(int)[:, None] + np.arange(interval_s)]
        leq = 10.0 * np.log10(np.mean(10.0 ** (parts / 10.0), axis=1))
        for number, shown in enumerate(self.meter.shown(starts)):
            part = parts[number]
            levels = f"{part[-1]:5.1f},{leq[number]:5.1f},{part.max():5.1f},{part.min():5.1f},{part.max() + 12:5.1f}"
            rows.append(f"{self.first_address + number:5d},{shown},{levels},0,0")
        return rows

    def leq_rows(self, interval_s: int, until_s: float | None = None) -> list[str]:
        rows = []
        starts = self.starts(interval_s, until_s)
        parts = self.meter.levels[starts.astype(int)[:, None] + np.arange(interval_s)]
        leq = 10.0 * np.log10(np.mean(10.0 ** (parts / 10.0), axis=1))
        lasted = f"00d 00:{interval_s // 60:02d}:{interval_s % 60:02d}.0"
        for number, shown in enumerate(self.meter.shown(starts)):
            part = np.sort(parts[number])[::-1]
            percentiles = ",".join(f"{part[int(len(part) * each)]:5.1f}" for each in (0.05, 0.1, 0.5, 0.9, 0.95))
            exposure = leq[number] + 10.0 * np.log10(interval_s)
            levels = f"{leq[number]:5.1f},{exposure:5.1f},{part[0]:5.1f},{part[-1]:5.1f},{percentiles}"
            rows.append(f"{self.first_address + number:5d},{shown},{lasted},{levels},{part[0] + 12:5.1f},0,0")
        return rows


def fetched(top: Path, files: dict[str, str], at: datetime) -> list[Fetched]:
    """The files as a download leaves them: replaced, never written into."""
    found = []
    for remote_path, text in files.items():
        data = text.encode("ascii")
        place = top / remote_path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        unfinished = place.with_name(f".{place.name}.part")
        unfinished.write_bytes(data)
        unfinished.replace(place)
        found.append(Fetched(remote_path, place, hashlib.sha256(data).hexdigest(), len(data), False, at))
    return found


def civil_ahead_s(zone_hours: float, off_s: float = 0.0) -> float:
    return zone_hours * 3600.0 + off_s


MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)
