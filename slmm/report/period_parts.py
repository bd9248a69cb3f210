"""The tables of periods: parts of one day with all their figures, or many days with a line each; pure."""

from __future__ import annotations

from slmm.acoustics.intervals import PeriodLevels
from slmm.acoustics.levels import duration_name, level_name, period_name
from slmm.acoustics.quality import LEAST_COVERAGE, Bound, Flag, flag_names, is_judged
from slmm.record.summary import Summary, figures
from slmm.report.blocks import Block, Column, Heading, Prose, Table
from slmm.report.document import DayRating, Report
from slmm.report.reach import DAY
from slmm.report.words import DASH, MUTED, PLAIN, STRUCK, Rich, Words, plain, quantity, text

LN = (10, 50, 90)
TOLD_BY_COVERAGE = Flag.GAP


def names_of(report: Report) -> tuple[Rich, Rich]:
    """What the chart's mean and maximum are called."""
    letters = _letters(report)
    step = duration_name(report.step_s)
    return quantity(period_name("laeq", *letters, step)), quantity(period_name("lmax", *letters, step))


def _letters(report: Report) -> tuple[str | None, str | None]:
    return report.labels[0].frequency_weighting, report.labels[0].time_weighting


def periods(report: Report, words: Words) -> list[Block]:
    """The table, and what has to be said of the way its figures stand."""
    is_day = report.reach.kind == DAY
    table = _parts(report, words) if is_day else _days(report, words)
    blocks: list[Block] = [Heading(words("periods")), table]
    if not is_day:
        blocks.append(Prose(text(words("table of days")), MUTED))
        blocks.append(Prose(_whole(report, words)))
    shown = [each.levels for each in (report.whole, *report.parts, *report.days)]
    notes = []
    if any(not is_judged(each.coverage) or each.bound is not Bound.NONE for each in shown):
        notes.append(words("struck", least=words.percent(LEAST_COVERAGE)))
    if any(each.uncertainty_db is not None for each in shown):
        notes.append(words("uncertainty note"))
    if notes:
        blocks.append(Prose(text(" ".join(notes)), MUTED))
    return [*blocks, *_both(report, words)]


def level_cell(levels: PeriodLevels, words: Words) -> Rich:
    """LAeq, struck through where it is not judged (R25)."""
    told = words.level(levels)
    return text(told, PLAIN if told == DASH or is_judged(levels.coverage) else STRUCK)


def _name(summary: Summary, report: Report, words: Words) -> str:
    name = words(f"part {summary.name}")
    return f"{name} ({words('so far')})" if summary.levels.ends_at > report.until else name


def _parts(report: Report, words: Words) -> Table:
    letters = _letters(report)
    figured = ["lmax", "lmin", "lpeak", *(f"l{percent}" for percent in LN)]
    columns = (
        Column(text(words("period")), 1.5),
        Column(text(words("from until")), 2.3),
        Column(quantity(period_name("laeq", *letters, "T")), 1.4, is_number=True),
        *(Column(quantity(period_name(name, *letters, "T")), 1.0, is_number=True) for name in figured),
        Column(text(words("coverage")), 1.4, is_number=True),
        Column(text(words("data")), 2.9, wraps=True),
    )
    rows = []
    for summary in (*report.parts, *report.days):
        levels = summary.levels
        found = figures(levels)
        how = PLAIN if is_judged(levels.coverage) else STRUCK
        rows.append(
            (
                text(_name(summary, report, words)),
                text(words.stretch(levels.starts_at, levels.ends_at, within=report.reach.first)),
                level_cell(levels, words),
                *(_cell(words.db(found[name]), how) for name in figured),
                text(words.percent(levels.coverage)),
                text(_data(levels, words)),
            )
        )
    return Table(columns, tuple(rows), strong=frozenset({len(rows) - 1}))


def _cell(told: str, how: str) -> Rich:
    return text(told, PLAIN if told == DASH else how)


def _data(levels: PeriodLevels, words: Words) -> str:
    """Where it is from, and what happened; gaps are told by the coverage."""
    sources = [words(source) for source in sorted(levels.sources)] or [words("none")]
    flags = [words(f"flag {name}") for name in flag_names(levels.flags & ~TOLD_BY_COVERAGE)]
    return "; ".join([", ".join(sources), *([", ".join(flags)] if flags else [])])


def _days(report: Report, words: Words) -> Table:
    letters = _letters(report)
    by_part = {(each.name, each.date): each.levels for each in report.parts}
    ratings = {each.date: each for each in report.ratings}
    columns = (
        Column(text(words("date column")), 1.4),
        *(Column(text(words(f"part {name}")), 1.9, is_number=True) for name in ("day", "evening", "night", "24h")),
        Column(quantity("Lden"), 0.9, is_number=True),
        Column(quantity(level_name("lmax", *letters)), 1.0, is_number=True),
        Column(text(words("coverage")), 1.3, is_number=True),
        Column(text(words("data")), 2.6, wraps=True),
    )
    rows = []
    for summary in (*report.days, report.whole):
        levels, is_whole = summary.levels, summary is report.whole
        parts = [by_part.get((name, summary.date)) for name in ("day", "evening", "night")]
        how = PLAIN if is_judged(levels.coverage) else STRUCK
        rows.append(
            (
                text(words(f"part {report.reach.kind}") if is_whole else words.short_date(summary.date)),
                *(text("") if is_whole else _part(part, words) for part in parts),
                level_cell(levels, words),
                text("") if is_whole else _lden(ratings.get(summary.date), words),
                _cell(words.db(levels.lmax), how),
                text(words.percent(levels.coverage)),
                text(_data(levels, words)),
            )
        )
    return Table(columns, tuple(rows), strong=frozenset({len(rows) - 1}))


def _part(levels: PeriodLevels | None, words: Words) -> Rich:
    """With its coverage where that is less than all."""
    if levels is None or levels.laeq_at_least is None:
        return text(DASH)
    told = level_cell(levels, words)
    return told if levels.coverage >= 1.0 else (*told, (f" ({words.percent(levels.coverage)})", MUTED))


def _lden(rating: DayRating | None, words: Words) -> Rich:
    if rating is None or rating.lden is None:
        return text(DASH)
    return text(words.db(rating.lden), PLAIN if is_judged(rating.coverage) else STRUCK)


def _whole(report: Report, words: Words) -> Rich:
    """The figures of the whole span in one line."""
    letters, levels = _letters(report), report.whole.levels
    found = figures(levels)
    names = ["lmax", "lmin", "lpeak", *(f"l{percent}" for percent in LN)]
    period = words(f"part {report.reach.kind}").lower()
    pieces: list[tuple[str, str]] = [*quantity(period_name("laeq", *letters, period)), (" ", PLAIN)]
    pieces += level_cell(levels, words)
    for name in names:
        pieces += [(", ", PLAIN), *quantity(period_name(name, *letters, period)), (f" {words.db(found[name])}", PLAIN)]
    return (*pieces, (f" dB; {words('excluded part', coverage=words.percent(levels.coverage))}.", PLAIN))


def _both(report: Report, words: Words) -> list[Block]:
    """The periods that are another with what was excluded, both ways (R29)."""
    is_day = report.reach.kind == DAY
    rows = []
    for summary in (*report.parts, *report.days, *(() if is_day else (report.whole,))):
        other, levels = summary.as_recorded, summary.levels
        if other is None:
            continue
        name = words(f"part {summary.name}")
        if not is_day and summary is not report.whole:
            name = f"{words.short_date(summary.date)}, {name}"
        differs = levels.laeq is not None and other.laeq is not None
        rows.append(
            (
                text(name),
                (*level_cell(levels, words), (f" ({words.percent(levels.coverage)})", MUTED)),
                (*level_cell(other, words), (f" ({words.percent(other.coverage)})", MUTED)),
                text(_difference(levels, other, words) if differs else DASH),
            )
        )
    if not rows:
        return []
    laeq = plain(quantity(period_name("laeq", *_letters(report), "T")))
    columns = (
        Column(text(words("period")), 2.0),
        Column((*quantity(laeq), (f" {words('without excluded')}", PLAIN)), 2.0, is_number=True),
        Column((*quantity(laeq), (f" {words('with excluded')}", PLAIN)), 2.0, is_number=True),
        Column(text(words("difference")), 1.4, is_number=True),
    )
    return [Heading(words("both results")), Table(columns, tuple(rows))]


def _difference(levels: PeriodLevels, other: PeriodLevels, words: Words) -> str:
    assert levels.laeq is not None
    assert other.laeq is not None
    return words.signed(other.laeq - levels.laeq)
