"""With what, how and by which versions the figures were made, and what they are sealed by; pure."""

from __future__ import annotations

from datetime import UTC

from slmm.acoustics.levels import level_name, period_name
from slmm.limits.calendar import Timetable
from slmm.report.blocks import Block, Facts, Heading, Prose
from slmm.report.document import LAYOUT_VERSION, LimitResult, Report
from slmm.report.words import CODE, DASH, MUTED, PLAIN, Rich, Words, marked, text

BLANK = " ____________________"
"""For what SLMM does not know, to be filled in by hand."""


def method(report: Report, words: Words) -> list[Block]:
    """As names with what is said of them."""
    rows: list[tuple[str, Rich]] = [
        (words("instrument"), text(words("instrument of", unit=report.unit_id) + BLANK)),
        (words("weighting"), text(_weighting(report, words))),
        (words("sources"), text(_sources(report, words))),
        (words("averages"), text(words("averages of"))),
        (words("percentiles"), _percentiles(report, words)),
        (words("times"), text(words("times of", zone=report.reach.zone))),
    ]
    rows += [(words("limit"), marked(_limit(result, words))) for result in report.limits]
    rows += [(words("software"), text(_software(report, words))), (words("evidence"), _evidence(report, words))]
    blocks: list[Block] = [Heading(words("method")), Facts(tuple(rows))]
    if not report.keeping.has_minutes:
        blocks.append(Prose(text(words("empty gone", days=f"{report.keeping.minutes_days:g}")), MUTED))
    return blocks


def _weighting(report: Report, words: Words) -> str:
    found = [
        words("weighting of", frequency=each.frequency_weighting, time=each.time_weighting or DASH)
        for each in report.labels
        if each.frequency_weighting
    ]
    if not found:
        return words("weighting unknown")
    why = words("weighting of runs" if report.are_labels_of_runs else "weighting last known")
    return f"{'; '.join(found)} ({why})"


def _sources(report: Report, words: Words) -> str:
    total_s = sum(seconds for _, seconds in report.sources)
    if not total_s:
        return words("sources none")
    return ", ".join(f"{words(source)} {words.percent(seconds / total_s)}" for source, seconds in report.sources)


def _percentiles(report: Report, words: Words) -> Rich:
    letters = report.labels[0].frequency_weighting, report.labels[0].time_weighting
    name = period_name("l0", *letters, "T").replace("0,T", "N,T")
    told = words("percentiles of", name=name, base=level_name("lp", *letters))
    return ((name[0], PLAIN), (name[1:], "sub"), *marked(told.removeprefix(name)))


def _limit(result: LimitResult, words: Words) -> str:
    """Which document it was judged by, with its levels."""
    kept, limit = result.kept, result.kept.limit
    levels = ", ".join(
        f"{row.start}–{row.end} {words.number(row.red_db, 1)}{f' ({row.name})' if row.name else ''}"
        for row in limit.rows
    )
    scheme = ", ".join(part for part in (limit.scheme, limit.authority) if part)
    return words(
        "limit version",
        name=limit.name,
        number=kept.limit_id,
        version=kept.version,
        scheme=words("limit scheme", scheme=scheme) if scheme else "",
        comparator=limit.comparator.replace(">=", "≥"),
        levels=levels,
        label=", ".join(dict.fromkeys(limit.label(row) for row in limit.rows)),
        zone=Timetable(limit, result.zone).zone,
        coverage=words.percent(limit.least_coverage),
    )


def _software(report: Report, words: Words) -> str:
    versions = report.versions
    formats = sorted({result.kept.limit.format for result in report.limits}) or [1]
    return words(
        "software of",
        slmm=versions.slmm,
        layout=LAYOUT_VERSION,
        record=versions.record_schema,
        database=versions.database_schema or DASH,
        limit=", ".join(str(each) for each in formats),
    )


def _evidence(report: Report, words: Words) -> Rich:
    sealed = report.sealed_by
    if sealed is None:
        return text(words("not sealed"))
    moment = f"{sealed.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    told = words("sealed", number=sealed.number, moment=moment)
    return (told, PLAIN), (sealed.link, CODE), (words("sealed check"), PLAIN)
