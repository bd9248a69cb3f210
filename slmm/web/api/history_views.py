"""Levels of the past as JSON: rounded here, and only here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from slmm.acoustics.allowance import Allowance
from slmm.acoustics.energy import rounded
from slmm.acoustics.intervals import PeriodLevels, Span
from slmm.acoustics.levels import duration_name, level_name, period_name
from slmm.acoustics.quality import flag_names, is_judged
from slmm.errors import Invalid
from slmm.events import Labels
from slmm.record.history import PERIOD_METRICS, Points, Question, percent_of, step_name
from slmm.record.moments import SHOWN
from slmm.record.summary import FIGURES, Exceedances, Ratings, Summary, Threshold, figures, uncertainty
from slmm.times import timestamp

COVERAGE_DIGITS = 4


def split(text: str | None) -> tuple[str, ...]:
    """Names of a list with commas, each once."""
    return tuple(dict.fromkeys(name.strip().lower() for name in (text or "").split(",") if name.strip()))


def period_metric(name: str) -> str:
    """A quantity of a period; raises Invalid for another."""
    wanted = name.strip().lower()
    if wanted not in PERIOD_METRICS and percent_of(wanted) is None:
        raise Invalid(
            f"metric {name[:8]!r} is not allowed; {', '.join(PERIOD_METRICS)} and l1 … l99 are", field="metric"
        )
    return wanted


def _db(value: float | None) -> float | None:
    return None if value is None else rounded(value)


def _source(levels: PeriodLevels) -> str:
    if len(levels.sources) > 1:
        return "mixed"
    return next(iter(levels.sources), "none")


def _base(labels: Labels) -> str:
    return level_name("lp", labels.frequency_weighting, labels.time_weighting)


def _names(metrics: Sequence[str], labels: Labels, period: str) -> dict[str, dict[str, str]]:
    weightings = labels.frequency_weighting, labels.time_weighting
    return {
        metric: {
            "name": level_name(metric, *weightings, labels.percentiles)
            if metric in SHOWN
            else period_name(metric, *weightings, period),
            "unit": "dB",
        }
        for metric in metrics
    }


def levels_view(question: Question, points: Points, labels: Labels, zone: str, now: datetime) -> dict[str, Any]:
    """The columns of a history; slow for thousands of points, so for the pool."""
    found = points.levels
    return {
        "status": "ok",
        "unit_id": question.unit_id,
        "zone": zone,
        "from": timestamp(question.from_at),
        "until": timestamp(question.until_at),
        "step": step_name(points.step_s),
        "step_s": points.step_s,
        "taken_from": points.taken_from,
        "count": len(found),
        "times": [timestamp(each.ends_at) for each in found],
        "is_last_open": bool(found) and found[-1].ends_at > now,
        "levels": {metric: [_db(value) for value in points.column(metric)] for metric in question.metrics},
        "coverage": [round(each.coverage, COVERAGE_DIGITS) for each in found],
        "flags": [flag_names(each.flags) for each in found],
        "bound": [each.bound.value for each in found],
        "source": [_source(each) for each in found],
        "names": _names(question.metrics, labels, duration_name(points.step_s)),
        "ln_base": _base(labels),
    }


def _figures(levels: PeriodLevels, least_coverage: float) -> dict[str, Any]:
    return {
        **figures(levels),
        "uncertainty_db": uncertainty(levels),
        "coverage": round(levels.coverage, COVERAGE_DIGITS),
        "judged": levels.is_judged(least_coverage),
        "bound": levels.bound.value,
    }


def _summary(summary: Summary, least_coverage: float, now: datetime) -> dict[str, Any]:
    levels, other = summary.levels, summary.as_recorded
    return {
        "period": summary.name,
        "date": summary.date.isoformat(),
        "starts_at": timestamp(levels.starts_at),
        "ends_at": timestamp(levels.ends_at),
        "is_open": levels.ends_at > now,
        "duration_s": levels.expected_s,
        "valid_s": round(levels.valid_s, 1),
        "received_s": round(levels.received_s, 1),
        **_figures(levels, least_coverage),
        "flags": flag_names(levels.flags),
        "sources": sorted(levels.sources),
        "as_recorded": None if other is None else _figures(other, least_coverage),
    }


def summary_view(
    found: Sequence[Summary], ratings: Sequence[Ratings], least_coverage: float, labels: Labels, now: datetime
) -> dict[str, Any]:
    """The periods, the days' ratings, and what everything is called."""
    return {
        "periods": [_summary(each, least_coverage, now) for each in found],
        "ratings": [
            {
                "date": each.date.isoformat(),
                "lden": _db(each.lden),
                "ldn": _db(each.ldn),
                "cnel": _db(each.cnel),
                "coverage": round(each.coverage, COVERAGE_DIGITS),
                "judged": each.lden is not None and is_judged(each.coverage, least_coverage),
            }
            for each in ratings
        ],
        "names": _names(FIGURES, labels, _common_name(found)),
        "ln_base": _base(labels),
    }


def _common_name(found: Sequence[Summary]) -> str:
    """T, as the standards call it, where the periods are not all of one kind."""
    names = {each.name for each in found}
    return names.pop() if len(names) == 1 else "T"


def exceedances_view(found: Exceedances, threshold: Threshold, step_s: int, labels: Labels) -> dict[str, Any]:
    """The runs."""
    name = period_name(threshold.metric, labels.frequency_weighting, labels.time_weighting, duration_name(step_s))
    return {
        "name": name,
        "metric": threshold.metric,
        "level": threshold.level_db,
        "comparator": threshold.comparator.value,
        "step": step_name(step_s),
        "periods": found.periods,
        "exceeding": found.exceeding,
        "not_judged": found.not_judged,
        "count": len(found.runs),
        "exceedances": [
            {
                "starts_at": timestamp(run.starts_at),
                "ends_at": timestamp(run.ends_at),
                "duration_s": (run.ends_at - run.starts_at).total_seconds(),
                "count": run.count,
                "highest": _db(run.highest_db),
                "highest_ends_at": timestamp(run.highest_ends_at),
                "laeq": _db(run.laeq),
                "bound": run.bound.value,
            }
            for run in found.runs
        ],
    }


def allowance_view(found: Allowance, span: Span, as_of: datetime) -> dict[str, Any]:
    """Percentages to 0.1 %; the level for the rest was rounded down already."""
    return {
        "limit_db": found.limit_db,
        "starts_at": timestamp(span.starts_at),
        "ends_at": timestamp(span.ends_at),
        "as_of": timestamp(as_of),
        "used_percent": rounded(found.used_ratio * 100.0),
        "used_at_most_percent": None if found.used_at_most is None else rounded(found.used_at_most * 100.0),
        "rest_s": round(found.rest_s, 1),
        "rest_level_db": found.rest_level_db,
        "is_lost": found.is_lost,
        "exhausted_in_s": None if found.exhausted_in_s is None else round(found.exhausted_in_s, 1),
        "floor_db": _db(found.floor_db),
        "ceiling_db": _db(found.ceiling_db),
    }
