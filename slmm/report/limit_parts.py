"""What became of limits: one line each, then every exceedance, and what could not be judged; pure."""

from __future__ import annotations

from slmm.acoustics.energy import rounded_up
from slmm.acoustics.quality import Bound, Flag, flag_names
from slmm.limits.document import Limit
from slmm.limits.verdict import Judgement
from slmm.limits.words import Verdict as Outcome
from slmm.report.blocks import BAD, CLOSE, GOOD, OPEN, Block, Column, Heading, Prose, Table, Verdict, Verdicts
from slmm.report.document import BEYOND, UNKNOWN, LimitResult, Report, Stretch
from slmm.report.reach import DAY
from slmm.report.words import DASH, MUTED, Rich, Words, marked, text

_REASONS = Flag.OVER | Flag.UNDER | Flag.PAUSED | Flag.WEATHER | Flag.CALIBRATION | Flag.EXCLUDED
MOST_LISTED = 400
"""Stretches in one table; more are counted."""


def verdicts(report: Report, words: Words) -> list[Block]:
    """The outcome in a line for each limit."""
    heading = Heading(words("verdicts"))
    if not report.limits:
        return [heading, Prose(text(words("no limit")), MUTED)]
    return [heading, Verdicts(tuple(_verdict(result, report, words) for result in report.limits))]


def _verdict(result: LimitResult, report: Report, words: Words) -> Verdict:
    exceeded, unknown, periods = result.count(BEYOND), result.count(UNKNOWN), len(result.judgements)
    kind = _kind(result, periods, words)
    if not periods:
        return _said(result, "none", OPEN, words("limit none due"), words)
    tail = _highest(result, report, words)
    if exceeded:
        told = words("limit exceeded", exceeded=exceeded, periods=periods, kind=kind)
        if unknown:
            told += words("limit not judged", count=unknown)
        if result.kept.limit.action_above_db is not None:
            told += words("limit action", count=sum(each.calls_for_action for each in result.judgements))
        return _said(result, "red", BAD, told + tail, words)
    if unknown == periods:
        return _said(result, "not_judged", OPEN, words("limit unknown", periods=periods, kind=kind), words)
    if unknown:
        told = words("limit kept of judged", judged=periods - unknown, periods=periods, kind=kind)
        return _said(result, "partly", OPEN, told + tail, words)
    told = words("limit kept", periods=periods, kind=kind)
    is_close = result.count(frozenset({Outcome.AMBER})) > 0
    return _said(result, "amber" if is_close else "ok", CLOSE if is_close else GOOD, told + tail, words)


def _said(result: LimitResult, key: str, tone: str, told: str, words: Words) -> Verdict:
    sentences = [words("verdict sentence", name=result.kept.limit.name, told=told)]
    if result.as_recorded is not None:
        sentences.append(_as_recorded(result, result.as_recorded, words))
    for line in result.budget:
        sentences.append(words("budget", days=line.days, above=words.number(line.above_db, 1), most=line.at_most_days))
    return Verdict(words(f"verdict {key}"), tone, marked(" ".join(sentences)))


def _as_recorded(result: LimitResult, found: tuple[Judgement, ...], words: Words) -> str:
    told = [each.told_db for each in found if each.told_db is not None and each.verdict not in UNKNOWN]
    value = words("limit as recorded highest", value=_db(result.kept.limit, max(told), words)) if told else ""
    exceeded = sum(each.verdict in BEYOND for each in found)
    return words("limit as recorded", exceeded=exceeded, periods=len(found), highest=value)


def _kind(result: LimitResult, count: int, words: Words) -> str:
    kind = "windows" if result.is_rolling else "periods"
    return words(f"{kind} of {'1' if count == 1 else 'many'}")


def _db(limit: Limit, value: float | None, words: Words) -> str:
    """As many digits as are compared; a limit of 62.5 keeps its half."""
    if value is None:
        return DASH
    return words.number(value, 0 if limit.round_to_db == 1.0 and value == round(value) else 1)


def _highest(result: LimitResult, report: Report, words: Words) -> str:
    found = result.highest
    if found is None:
        return ""
    limit = result.kept.limit
    day = report.reach.first if report.reach.kind == DAY else None
    return words(
        "limit highest",
        value=_db(limit, found.told_db, words),
        label=found.label,
        when=words.stretch(found.starts_at, found.ends_at, within=day),
        limit=_db(limit, found.limit_db, words),
    )


def exceedances(report: Report, words: Words) -> list[Block]:
    """Every stretch beyond a limit."""
    rows = [(result, each) for result in report.limits for each in result.stretches(BEYOND)]
    if not rows:
        return []
    rows.sort(key=lambda row: (row[1].covers.starts_at, row[0].kept.limit_id))
    table = _table(report, words, [(result, each, _beyond(result, each, words)) for result, each in rows[:MOST_LISTED]])
    return [Heading(words("exceedances")), table, *_more(len(rows), words)]


def unjudged(report: Report, words: Words) -> list[Block]:
    """What nobody may take for kept."""
    rows = [(result, each) for result in report.limits for each in result.stretches(UNKNOWN)]
    if not rows:
        return []
    rows.sort(key=lambda row: (row[1].covers.starts_at, row[0].kept.limit_id))
    table = _table(
        report, words, [(result, each, _unknown(result, each, words)) for result, each in rows[:MOST_LISTED]]
    )
    return [Heading(words("unjudged")), table, *_more(len(rows), words)]


def _more(count: int, words: Words) -> list[Block]:
    return [Prose(text(words("more rows", count=count - MOST_LISTED)))] if count > MOST_LISTED else []


def _table(report: Report, words: Words, rows: list[tuple[LimitResult, Stretch, str]]) -> Table:
    has_many = len(report.limits) > 1
    is_day = report.reach.kind == DAY
    columns = (
        Column(text(words("when")), 1.4 if is_day else 2.4),
        *((Column(text(words("limit")), 1.7, wraps=True),) if has_many else ()),
        Column(text(words("what")), 6.0, wraps=True),
    )
    day = report.reach.first if report.reach.kind == DAY else None
    cells: list[tuple[Rich, ...]] = []
    for result, each, told in rows:
        when = text(words.stretch(each.covers.starts_at, each.covers.ends_at, within=day))
        name = (text(result.kept.limit.name),) if has_many else ()
        cells.append((when, *name, marked(told)))
    return Table(columns, tuple(cells))


def _beyond(result: LimitResult, stretch: Stretch, words: Words) -> str:
    loudest = stretch.loudest
    told = _sentence(result.kept.limit, loudest, words)
    if len(stretch.periods) > 1:
        key = "exceeded windows" if result.is_rolling else "exceeded run"
        told = words(key, count=len(stretch.periods), highest=told)
    if result.kept.limit.action_above_db is not None and any(each.calls_for_action for each in stretch.periods):
        told = f"{told}. {words('calls for measures')}"
    return told


def _sentence(limit: Limit, found: Judgement, words: Words) -> str:
    """exceeded 72.1 > 70.0 dB LAeq,15min, 14:05–14:20, coverage 100 %."""
    value = _db(limit, found.told_db, words)
    if found.uncertainty_db is not None:
        value = words("with uncertainty", value=value, off=words.number(rounded_up(found.uncertainty_db), 1))
    return words(
        "exceeded at least" if found.bound is Bound.LOWER else "exceeded",
        value=value,
        sign="≥" if limit.comparator == ">=" else ">",
        limit=_db(limit, found.limit_db, words),
        label=found.label,
        when=words.stretch(found.starts_at, found.ends_at, within=words.local(found.starts_at).date()),
        coverage=words.percent(found.coverage),
    )


def _unknown(result: LimitResult, stretch: Stretch, words: Words) -> str:
    kinds = list(dict.fromkeys(words(f"verdict {each.verdict.value}") for each in stretch.periods))
    names = dict.fromkeys(name for each in stretch.periods for name in flag_names(each.flags & _REASONS))
    flags = f" ({', '.join(words(f'flag {name}') for name in names)})" if names else ""
    coverage, most = (
        words.percent(stretch.least_coverage),
        words.percent(max(each.coverage for each in stretch.periods)),
    )
    count = len(stretch.periods)
    if count == 1:
        return words("unjudged run", verdict=kinds[0], coverage=coverage, flags=flags)
    return words(
        "unjudged run many",
        count=count,
        periods=_kind(result, count, words),
        verdict=", ".join(kinds),
        coverage=coverage,
        most=most,
        flags=flags,
    )
