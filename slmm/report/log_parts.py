"""What people wrote down: remarks and exclusions, calibration checks; and the measurements of the time; pure."""

from __future__ import annotations

from slmm.acoustics.energy import rounded
from slmm.report.blocks import Block, Column, Heading, Prose, Table
from slmm.report.document import MOST_ROWS, Report
from slmm.report.reach import DAY
from slmm.report.words import BOLD, DASH, MUTED, PLAIN, STRUCK, Rich, Words, text
from slmm.storage.calibrations import Calibration
from slmm.storage.models import RemarkRow, RunRow

DB_DIGITS = 2
"""Of calibrators, which are certified to 0.01 dB."""


def remarks(report: Report, words: Words) -> list[Block]:
    """What was said of the time, and what was left out, by whom and why; what was withdrawn is struck through."""
    if not report.remarks:
        return []
    columns = (
        Column(text(words("when")), 1.3 if report.reach.kind == DAY else 2.2),
        Column(text(words("reason")), 2.0, wraps=True),
        Column(text(words("remark")), 3.6, wraps=True),
        Column(text(words("who")), 2.8, wraps=True),
    )
    rows = tuple(_remark(row, report, words) for row in report.remarks)
    more = [Prose(text(words("only newest", count=MOST_ROWS)))] if len(rows) >= MOST_ROWS else []
    return [Heading(words("remarks")), Table(columns, rows), *more]


def _remark(row: RemarkRow, report: Report, words: Words) -> tuple[Rich, ...]:
    day = report.reach.first if report.reach.kind == DAY else None
    how = PLAIN if row.withdrawn_at is None else STRUCK
    reason = text(words(f"reason {row.reason}"), how)
    if row.excludes:
        reason = (*reason, (", ", PLAIN), (words("excluded mark"), BOLD if how == PLAIN else STRUCK))
    who = words("who when", who=row.made_by or words("somebody"), moment=words.moment(row.made_at))
    if row.withdrawn_at is not None:
        by = row.withdrawn_by or words("somebody")
        who = f"{who}; {words('withdrawn', who=by, moment=words.moment(row.withdrawn_at))}"
    return text(words.stretch(row.starts_at, row.ends_at, within=day), how), reason, text(row.text, how), text(who)


def calibrations(report: Report, words: Words) -> list[Block]:
    """The checks before, within and after, with their drift and what it voids."""
    heading = Heading(words("calibrations"))
    if not report.calibrations:
        return [heading, Prose(text(words("no calibrations")), MUTED)]
    columns = (
        Column(text(words("when")), 2.0),
        Column(text(words("check")), 0.9),
        Column(text(words("calibrator")), 1.7, wraps=True),
        *(Column(text(words(name)), 1.3, is_number=True) for name in ("nominal", "measured", "adjusted", "deviation")),
        Column(text(words("drift")), 2.9, wraps=True),
        Column(text(words("who")), 1.6, wraps=True),
    )
    rows = tuple(_calibration(each, report, words) for each in report.calibrations)
    return [heading, Table(columns, rows), Prose(text(words("drift note")), MUTED)]


def _calibration(found: Calibration, report: Report, words: Words) -> tuple[Rich, ...]:
    row = found.row
    device = " ".join(part for part in (row.calibrator, row.serial_number) if part) or DASH
    drift: list[tuple[str, str]] = [(DASH, PLAIN)]
    if found.drift_db is not None and found.reference is not None:
        told = words.signed(found.drift_db, DB_DIGITS)
        drift = [(words("drift since", drift=told, moment=words.moment(found.reference.at)), PLAIN)]
    for remark in report.exclusions:
        if remark.calibration_id == row.id:
            span = words.stretch(remark.starts_at, remark.ends_at)
            drift += [("; ", PLAIN), (words("voids", span=span), BOLD)]
    is_within = report.reach.span.starts_at <= row.at < report.reach.span.ends_at
    deviation = words.signed(rounded(row.measured_db - row.nominal_db, DB_DIGITS), DB_DIGITS)
    return (
        text(words.moment(row.at), PLAIN if is_within else MUTED),
        text(words(f"kind {row.kind}")),
        text(device),
        *(text(_db(value, words)) for value in (row.nominal_db, row.measured_db, row.adjusted_db)),
        text(deviation),
        tuple(drift),
        text(row.made_by),
    )


def _db(value: float | None, words: Words) -> str:
    return words.db(value, DB_DIGITS)


def runs(report: Report, words: Words) -> list[Block]:
    """The measurements that the levels are from."""
    heading = Heading(words("runs"))
    if not report.runs:
        return [heading, Prose(text(words("no runs")), MUTED)]
    columns = (
        Column(text(words("began")), 2.0, wraps=True),
        Column(text(words("ended")), 2.0, wraps=True),
        Column(text(words("store")), 0.8),
        Column(text(words("settings")), 5.0, wraps=True),
        Column(text(words("card")), 1.4, wraps=True),
    )
    return [heading, Table(columns, tuple(_run(row, words) for row in report.runs))]


def _run(row: RunRow, words: Words) -> tuple[Rich, ...]:
    began, ended = words.moment(row.started_at), words("goes on")
    if not row.is_start_exact:
        began = words("or before", moment=began)
    if row.ended_at is not None:
        ended = words.moment(row.ended_at)
        ended = ended if row.is_end_exact else words("about", moment=ended)
    settings = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in sorted((row.settings or {}).items()))
    card = words(f"card {row.card}")
    return text(began), text(ended), text(row.store_name or DASH), text(settings or DASH), text(card)
