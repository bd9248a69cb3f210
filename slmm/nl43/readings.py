"""Decodes what the meter shows (DOD, DLC) and streams (DRD) into levels, and checks them.

Layouts: NL-43 comm. guide pp. 88–95, confirmed on real meters. Fields count by position: an empty one
stays in its place. Levels are 5 characters wide with one decimal; ``-.-`` means missing.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from slmm.errors import Garbled
from slmm.events import Levels, RunState

CHANNELS = 4
DISPLAY_FIELDS = 16
STREAM_FIELDS = 8
LOWEST_DB, HIGHEST_DB = -50.0, 200.0
CLOCK_YEARS = range(1970, 2200)
"""What a meter's clock may show: far years are garbage, and cannot be converted to other zones."""
LN_TOLERANCE_DB = 0.2
"""Percentiles come from another sampling than Lmax and Lmin: LN1 0.1 dB above Lmax is normal."""
ROUNDING_DB = 0.05

_LEVEL = re.compile(r" *-?\d{1,3}\.\d *", re.ASCII)
_MISSING = frozenset({"-.-", "--.-", "-", ""})
_FLAGS = {"0": False, "1": True, "-": None, "": None}
_ABSENT = ["-.-"] * 14 + ["-", "-"]
_ABSENT_AS_PRINTED = ["  -.-"] * 14 + ["-", "-"]


@dataclass(frozen=True, slots=True)
class StreamFrame:
    """100 ms of sound: its counter since ``DRD?`` (1–600, then again from 1) and four channels."""

    counter: int
    channels: tuple[Levels, ...]
    """Levels of this 100 ms, not of the measurement."""


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """What ``DRD?status`` adds to a frame; None where it could not be recognised."""

    frame: StreamFrame
    clock: datetime | None = None
    """The meter's own clock: local time without a zone."""
    power: str | None = None
    battery: str | None = None
    sd_free_mb: float | None = None
    run_state: RunState | None = None


def parse_level(text: str) -> float | None:
    """A level in dB, or None when the meter shows none; raises Garbled for anything else."""
    if _LEVEL.fullmatch(text):
        level = float(text)
        if LOWEST_DB <= level <= HIGHEST_DB:
            return level
    elif text.strip() in _MISSING:
        return None
    raise Garbled(f"{text[:40]!r} is not a level", text)


def parse_flag(text: str) -> bool | None:
    """0 or 1, or None for a channel that is not in use; raises Garbled for anything else."""
    try:
        return _FLAGS[text.strip()]
    except KeyError:
        raise Garbled(f"{text[:40]!r} is not an over or under flag", text) from None


def parse_run_state(text: str) -> RunState | None:
    """Start (0.4.0 also called it Measure) or Stop; anything else is not known and means nothing."""
    word = text.strip().lower()
    if word in ("start", "measure"):
        return RunState.MEASURING
    return RunState.STOPPED if word == "stop" else None


_NO_LEVELS = Levels()


def _display_channel(fields: list[str]) -> Levels:
    if fields == _ABSENT_AS_PRINTED or [field.strip() for field in fields] == _ABSENT:
        return _NO_LEVELS
    lp, leq, le, lmax, lmin, ln1, ln2, ln3, ln4, ln5, lpeak, lieq, leq_mov, ltm5 = map(parse_level, fields[:14])
    return Levels(
        lp, leq, le, lmax, lmin, ln1, ln2, ln3, ln4, ln5, lpeak, lieq, leq_mov, ltm5,
        parse_flag(fields[14]), parse_flag(fields[15]),
    )  # fmt: skip


def decode_display(line: str) -> tuple[Levels, ...]:
    """The four channels of a DOD or DLC line; raises Garbled when it is none.

    Further fields (octave bands of the NX-43RT) are left alone.
    """
    fields = line.split(",")
    if len(fields) < CHANNELS * DISPLAY_FIELDS:
        raise Garbled(f"a display line has {len(fields)} fields instead of {CHANNELS * DISPLAY_FIELDS}", line)
    starts = range(0, CHANNELS * DISPLAY_FIELDS, DISPLAY_FIELDS)
    return tuple(_display_channel(fields[start : start + DISPLAY_FIELDS]) for start in starts)


def _stream_channel(fields: list[str]) -> Levels:
    lp, leq, lmax, lmin, lpeak, lieq = map(parse_level, fields[:6])
    return Levels(
        lp=lp, leq=leq, lmax=lmax, lmin=lmin, lpeak=lpeak, lieq=lieq,
        over=parse_flag(fields[6]), under=parse_flag(fields[7]),
    )  # fmt: skip


def decode_stream(line: str) -> StreamFrame:
    """One DRD line: a counter and four channels; raises Garbled when it is none."""
    fields = line.split(",")
    if len(fields) < 1 + CHANNELS * STREAM_FIELDS:
        raise Garbled(f"a stream line has {len(fields)} fields instead of {1 + CHANNELS * STREAM_FIELDS}", line)
    counter = fields[0].strip()
    if not (counter.isascii() and counter.isdigit()):
        raise Garbled(f"{counter[:40]!r} is not a frame counter", line)
    starts = range(1, 1 + CHANNELS * STREAM_FIELDS, STREAM_FIELDS)
    channels = tuple(_stream_channel(fields[start : start + STREAM_FIELDS]) for start in starts)
    return StreamFrame(int(counter[:9]), channels)


def decode_stream_status(line: str) -> StreamStatus:
    """A ``DRD?status`` line; what is appended is recognised by its form, for its order is not documented."""
    frame = decode_stream(line)
    clock: datetime | None = None
    run_state: RunState | None = None
    power: str | None = None
    battery: str | None = None
    sd_free_mb: float | None = None
    extra = [field.strip() for field in line.split(",")[1 + CHANNELS * STREAM_FIELDS :]]
    if extra and extra[-1] in ("M", "S"):
        run_state = RunState.MEASURING if extra.pop() == "M" else RunState.STOPPED
    for field in reversed(extra):
        if re.fullmatch(r"\d+(\.\d+)?", field, re.ASCII):
            sd_free_mb = float(field)
        elif field in ("F", "M", "L", "D"):
            battery = field
        elif field in ("I", "U"):
            power = field
        elif field == "E":  # external power, or an empty battery: the battery stands behind the power source
            battery, power = (field, power) if battery is None else (battery, field)
        else:
            clock = _clock(field) or clock
    return StreamStatus(frame, clock, power, battery, sd_free_mb, run_state)


def parse_clock(text: str) -> datetime:
    """The meter's own clock, local time without a zone; raises Garbled for anything else."""
    clock = _clock(text.strip())
    if clock is None:
        raise Garbled(f"{text[:40]!r} is no time of the meter's clock", text)
    return clock


def _clock(text: str) -> datetime | None:
    try:
        clock = datetime.strptime(text, "%Y/%m/%d %H:%M:%S")  # noqa: DTZ007 - the meter has no zone
    except ValueError:
        return None
    return clock if clock.year in CLOCK_YEARS else None


_RUN_FIGURES = attrgetter("leq", "le", "lmax", "lmin", "lpeak", "ln1", "ln2", "ln3", "ln4", "ln5")


def run_goes_on(current: Levels, previous: Levels | None) -> bool:
    """Whether a figure of the measurement differs from the reading before: it measured after that one was taken.

    Of a stopped meter all of them stand still, and Lp alone moves. That nothing moved proves nothing: in steady
    noise, or hours after the start, the figures of a running measurement stand still for a while, too.
    """
    if previous is None:
        return False
    before, now = _RUN_FIGURES(previous), _RUN_FIGURES(current)
    return before != now and any(a is not None and b is not None and a != b for a, b in zip(before, now, strict=True))


def _exceeds(higher: float | None, lower: float | None, tolerance_db: float = ROUNDING_DB) -> bool:
    """Whether *lower* stands above *higher* by more than the tolerance, where both are known."""
    return higher is not None and lower is not None and lower > higher + tolerance_db


def quality_flags(current: Levels, previous: Levels | None, is_measuring: bool) -> tuple[str, ...]:
    """What is odd about a reading, by the invariants of a running measurement; a flag never rejects.

    *previous* is the reading before it in the same measurement, or None. A stopped meter holds old
    Lmax and Lmin beside a live Lp, so then only overload and under-range are told. LE = Leq + 10 lg T
    lies below Leq only in the first second (by 10 dB at 0.1 s), which cannot be once there is a previous
    reading: readings are a second apart.
    """
    flags = [name for name, is_set in (("over", current.over), ("under", current.under)) if is_set]
    if not is_measuring:
        return tuple(flags)
    flags += [name for name, is_broken in _broken_order(current, previous is None) if is_broken]
    if previous is not None:
        fell_or_rose = (
            ("lmax_fell", _exceeds(current.lmax, previous.lmax)),
            ("lmin_rose", _exceeds(previous.lmin, current.lmin)),
            ("le_fell", _exceeds(current.le, previous.le)),
        )
        flags += [name for name, is_broken in fell_or_rose if is_broken]
    return tuple(flags)


def _broken_order(levels: Levels, may_be_first_second: bool) -> list[tuple[str, bool]]:
    percentiles = [ln for ln in (levels.ln1, levels.ln2, levels.ln3, levels.ln4, levels.ln5) if ln is not None]
    le_tolerance_db = ROUNDING_DB + (10.0 if may_be_first_second else 0.0)
    highest, lowest = max(percentiles, default=None), min(percentiles, default=None)
    return [
        ("lp_above_lmax", _exceeds(levels.lmax, levels.lp)),
        ("lmin_above_lp", _exceeds(levels.lp, levels.lmin)),
        ("leq_above_lmax", _exceeds(levels.lmax, levels.leq)),
        ("le_below_leq", _exceeds(levels.le, levels.leq, le_tolerance_db)),
        ("lpeak_below_lmax", _exceeds(levels.lpeak, levels.lmax)),
        ("ln_above_lmax", _exceeds(levels.lmax, highest, LN_TOLERANCE_DB)),
        ("ln_below_lmin", _exceeds(lowest, levels.lmin, LN_TOLERANCE_DB)),
        ("ln_out_of_order", any(_exceeds(a, b) for a, b in itertools.pairwise(percentiles))),
    ]
