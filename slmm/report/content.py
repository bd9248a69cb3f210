"""A report in words: which parts it has and in which order; pure."""

from __future__ import annotations

from slmm.report.blocks import Block, Drawing, Prose, Sheet, Signature
from slmm.report.chart import chart_of
from slmm.report.document import Report
from slmm.report.limit_parts import exceedances, unjudged, verdicts
from slmm.report.log_parts import calibrations, remarks, runs
from slmm.report.method_part import method
from slmm.report.period_parts import names_of, periods
from slmm.report.reach import DAY, WEEK
from slmm.report.words import BOLD, MUTED, Words, plain, text

_OF_LONGEST = 8
"""Gaps that are told one by one."""


def sheet_of(report: Report, language: str = "en") -> Sheet:
    """The whole report in a language."""
    words = Words(report.reach.zone, language)
    blocks: list[Block] = [*_head(report, words)]
    if report.is_empty:
        blocks += _why_empty(report, words)
    blocks += verdicts(report, words)
    if not report.is_empty:
        blocks.append(_drawing(report, words))
        blocks += periods(report, words)
        blocks += _gaps(report, words)
    blocks += exceedances(report, words)
    blocks += unjudged(report, words)
    blocks += remarks(report, words)
    blocks += calibrations(report, words)
    blocks += runs(report, words)
    blocks += method(report, words)
    blocks.append(Signature((words("place and date"), words("name"), words("signature"))))
    when = _when(report, words)
    return Sheet(
        title=words("title"),
        subject=f"{report.place} ({report.unit_id})" if report.place else report.unit_id,
        when=when,
        footer=" · ".join((report.unit_id, when, words("made by", version=report.versions.slmm))),
        page_of=words("page", number="{number}", count="{count}"),
        language=language,
        name=f"{report.unit_id}_{report.reach.name}",
        blocks=tuple(blocks),
    )


def _when(report: Report, words: Words) -> str:
    reach = report.reach
    if reach.kind == DAY:
        return words("day of", day=words.long_date(reach.first))
    if reach.kind == WEEK:
        year, week, _ = reach.first.isocalendar()
        same_year = reach.first.year == reach.last.year
        first = words.long_date(reach.first, with_year=not same_year)
        return words("week of", week=week, year=year, first=first, last=words.long_date(reach.last))
    return words("month of", month=words.month(reach.first), year=reach.first.year)


def _head(report: Report, words: Words) -> list[Block]:
    span, changes = report.reach.span, report.reach.clock_changes
    offset = words.offset(span.starts_at)
    if changes:
        offset += f", {words.offset(changes[-1][0])}"
    told = words("local time", span=words.span(span), zone=report.reach.zone, offset=offset)
    blocks: list[Block] = [Prose(text(told), MUTED)]
    for at, _ in changes:
        blocks.append(
            Prose(
                text(
                    words(
                        "clock change",
                        day=words.long_date(words.local(at).date()),
                        before=words.clock_until(at),
                        after=words.clock(at),
                        offset=words.offset(at),
                        hours=f"{span.duration_s / 3600:g}",
                    )
                ),
                MUTED,
            )
        )
    if not report.is_over:
        blocks.append(Prose(text(words("not over", moment=words.moment(report.until))), BOLD))
    return blocks


def _why_empty(report: Report, words: Words) -> list[Block]:
    """No levels: as far as it is known, why."""
    span, keeping = report.reach.span, report.keeping
    told = [words("empty")]
    if keeping.begins_at is None or keeping.ends_at is None:
        told.append(words("empty never"))
    elif keeping.begins_at >= span.ends_at:
        told.append(words("empty before", moment=words.moment(keeping.begins_at)))
    elif keeping.ends_at <= span.starts_at:
        told.append(words("empty after", moment=words.moment(keeping.ends_at)))
    else:
        told.append(words("empty run" if report.runs else "empty no run"))
    return [Prose(text(" ".join(told)), BOLD)]


def _drawing(report: Report, words: Words) -> Drawing:
    laeq, lmax = names_of(report)
    highest = max((each.laeq for each in report.steps if each.laeq is not None), default=None)
    described = words(
        "chart described", laeq=plain(laeq), lmax=plain(lmax), when=_when(report, words), highest=words.db(highest)
    )
    return Drawing(tuple(chart_of(report, words)), described)


def _gaps(report: Report, words: Words) -> list[Block]:
    if not report.gaps:
        return []
    longest = sorted(report.gaps, key=lambda gap: (-gap.duration_s, gap.starts_at))[:_OF_LONGEST]
    day = report.reach.first if report.reach.kind == DAY else None
    told = [words.stretch(gap.starts_at, gap.ends_at, within=day) for gap in sorted(longest, key=lambda g: g.starts_at)]
    if more := len(report.gaps) - len(longest):
        told.append(words("gaps more", count=more))
    total = words.duration(sum(gap.duration_s for gap in report.gaps))
    return [Prose(text(words("gaps", gaps=", ".join(told), total=total)))]
