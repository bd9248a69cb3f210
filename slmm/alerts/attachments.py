"""The minutes before an alert as a table and as a chart; pure, and of their own: no style sheet, font or script."""

from __future__ import annotations

import csv
import io
import math
import re
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from slmm.alerts.messages import Attachment

Point = tuple[datetime, float | None]
"""When (aware, UTC), and the level in dB; None where there was none."""

WIDTH, HEIGHT = 760, 320
LEFT, RIGHT, TOP, BOTTOM = 52, 82, 40, 44
"""Margins: for the scale, the threshold's label, the title and the clock."""
LOWEST_DB, HIGHEST_DB, STEP_DB = 30, 100, 10
"""The scale shows at least this, so that two charts can be compared at a glance."""
TICKS_S = (10, 30, 60, 120, 300, 600, 1800, 3600, 21_600)
MOST_TICKS = 8
LONGEST_TITLE = 70
"""Of the visible one; the other, for reading aloud, stays whole."""
GAP_FACTOR = 3.0
"""A pause of so many usual intervals is a gap."""


def csv_of(unit_id: str, points: Sequence[Point], zone: str, quantity: str = "sound level") -> Attachment:
    """A table that says what it is; times in *zone* with their offset, an empty field where there was no level."""
    local = ZoneInfo(zone)
    text = io.StringIO()
    for name, value in (("unit", unit_id), ("quantity", f"{quantity} in dB"), ("time zone", zone)):
        text.write(f"# {name}: {_one_line(value)}\r\n")
    table = csv.writer(text)
    table.writerow(["time", "level_db"])
    for at, level_db in points:
        shown = "" if _known(level_db) is None else f"{level_db:.1f}"
        table.writerow([at.astimezone(local).isoformat(timespec="milliseconds"), shown])
    return Attachment(f"{_file_name(unit_id)}.csv", "text/csv; charset=utf-8", _bytes(text.getvalue()))


def chart_svg(unit_id: str, points: Sequence[Point], threshold_db: float | None, zone: str, title: str) -> Attachment:
    """A chart that can be read without this software, printed, and read aloud."""
    local = ZoneInfo(zone)
    levels = [(at, known) for at, level_db in points if (known := _known(level_db)) is not None]
    frame = _Frame.around(points, [level for _, level in levels], threshold_db)
    described = _description(unit_id, levels, threshold_db, zone)
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title description">',
        f'<title id="title">{_text(title)}</title>',
        f'<desc id="description">{_text(described)}</desc>',
        '<g font-family="sans-serif" font-size="12" fill="#333333">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="24" font-size="15" font-weight="bold">{_text(_cut(title))}</text>',
        *_scale(frame),
        *_clock(frame, local, zone),
    ]
    if levels:
        trail = " ".join(_trail(points, frame))
        parts.append(
            f'<path d="{trail}" fill="none" stroke="#1f4e79" stroke-width="1.5" stroke-linejoin="round"'
            ' stroke-linecap="round"/>'
        )
    else:
        parts.append(f'<text x="{WIDTH / 2:.0f}" y="{HEIGHT / 2:.0f}" text-anchor="middle">no readings</text>')
    if threshold_db is not None:
        parts += _threshold(frame, threshold_db)
    return Attachment(f"{_file_name(unit_id)}.svg", "image/svg+xml", _bytes("\n".join([*parts, "</g></svg>\n"])))


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where times and levels are on the paper."""

    start: datetime | None
    span_s: float
    low_db: int
    high_db: int

    @classmethod
    def around(cls, points: Sequence[Point], levels: Sequence[float], threshold_db: float | None) -> _Frame:
        start = points[0][0] if points else None
        span_s = (points[-1][0] - points[0][0]).total_seconds() if points else 0.0
        shown = [LOWEST_DB, HIGHEST_DB, *levels, *([] if threshold_db is None else [threshold_db])]
        low_db = math.floor(min(shown) / STEP_DB) * STEP_DB
        high_db = math.ceil(max(shown) / STEP_DB) * STEP_DB
        return cls(start, max(span_s, 1.0), low_db, high_db)

    def x(self, at: datetime) -> float:
        elapsed_s = (at - self.start).total_seconds() if self.start else 0.0
        return LEFT + (WIDTH - LEFT - RIGHT) * elapsed_s / self.span_s

    def y(self, level_db: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (self.high_db - level_db) / (self.high_db - self.low_db)


def _scale(frame: _Frame) -> Iterator[str]:
    for level_db in range(frame.low_db, frame.high_db + 1, STEP_DB):
        y = frame.y(level_db)
        yield f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#dddddd"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{level_db}</text>'
    yield f'<text x="{LEFT - 6}" y="{TOP - 14}" text-anchor="end">dB</text>'


def _clock(frame: _Frame, local: ZoneInfo, zone: str) -> Iterator[str]:
    bottom = HEIGHT - BOTTOM
    yield f'<path d="M{LEFT} {bottom}H{WIDTH - RIGHT}" stroke="#333333"/>'
    yield f'<text x="{WIDTH - RIGHT}" y="{bottom + 36}" text-anchor="end">{_text(zone)}</text>'
    if frame.start is None:
        return
    step_s = next((step_s for step_s in TICKS_S if frame.span_s / step_s <= MOST_TICKS), TICKS_S[-1])
    form = "%H:%M:%S" if step_s < 60 else "%H:%M"
    first_s = math.ceil(frame.start.timestamp() / step_s) * step_s
    for tick_s in range(first_s, math.floor(frame.start.timestamp() + frame.span_s) + 1, step_s):
        at = frame.start + timedelta(seconds=tick_s - frame.start.timestamp())
        x = frame.x(at)
        yield f'<path d="M{x:.1f} {bottom}v5" stroke="#333333"/>'
        yield f'<text x="{x:.1f}" y="{bottom + 19}" text-anchor="middle">{at.astimezone(local).strftime(form)}</text>'


def _trail(points: Sequence[Point], frame: _Frame) -> Iterator[str]:
    """The path's steps; a line of its own after each gap, and a dot for a level between two gaps."""
    pauses_s = [(after - before).total_seconds() for (before, _), (after, _) in pairwise(points)]
    longest_s = GAP_FACTOR * statistics.median(pauses_s) if pauses_s else math.inf
    last: datetime | None = None
    for at, level_db in points:
        known = _known(level_db)
        if known is None:
            last = None
            continue
        place = f"{frame.x(at):.1f} {frame.y(known):.1f}"
        is_new = last is None or (at - last).total_seconds() > longest_s
        yield f"M{place}h0" if is_new else f"L{place}"
        last = at


def _threshold(frame: _Frame, threshold_db: float) -> Iterator[str]:
    y = frame.y(threshold_db)
    yield f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#b00020" stroke-width="1.5" stroke-dasharray="6 4"/>'
    yield f'<text x="{WIDTH - RIGHT + 6}" y="{y + 4:.1f}" fill="#b00020">{threshold_db:.1f} dB</text>'


def _description(unit_id: str, levels: Sequence[tuple[datetime, float]], threshold_db: float | None, zone: str) -> str:
    limit = "" if threshold_db is None else f" The dashed line is the threshold, {threshold_db:.1f} dB."
    if not levels:
        return f"Unit {unit_id}: no readings.{limit}"
    local = ZoneInfo(zone)
    first, last = (at.astimezone(local).strftime("%Y-%m-%d %H:%M:%S") for at in (levels[0][0], levels[-1][0]))
    lowest_db, highest_db = min(level for _, level in levels), max(level for _, level in levels)
    return (
        f"Level of unit {unit_id} in dB from {first} to {last} ({zone}), "
        f"between {lowest_db:.1f} and {highest_db:.1f} dB.{limit}"
    )


def _known(level_db: float | None) -> float | None:
    return level_db if level_db is not None and math.isfinite(level_db) else None


def _file_name(unit_id: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", unit_id)[:60] or "unit"


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _cut(title: str) -> str:
    return title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1] + "…"


def _text(text: str) -> str:
    return escape(_one_line(text))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
