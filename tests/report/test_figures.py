"""One pass over the record says what many would."""

from __future__ import annotations

from dataclasses import replace

import pytest

from slmm.acoustics.intervals import PeriodLevels, Span
from slmm.acoustics.quality import Flag
from slmm.record import periods as stored
from slmm.record.pieces import newest_minutes
from slmm.record.summary import Summaries
from slmm.report import reach
from slmm.report.document import Report
from slmm.report.figures import minutes_of
from slmm.report.gather import Wanted
from slmm.storage.remarks import RemarkBook
from tests.report.conftest import A_FAST, Told
from tests.report.made import Archive, at, minute, site


def known(levels: PeriodLevels) -> list[object]:
    values = [levels.laeq, levels.lmax, levels.lmin, levels.lpeak, levels.coverage, levels.uncertainty_db]
    rounded = [None if value is None else round(value, 9) for value in values]
    counted = [levels.ln(percent) for percent in (1, 10, 50, 90)]
    return [*rounded, *counted, levels.flags, levels.bound, levels.sources, levels.starts_at, levels.ends_at]


def same(archive: Archive, report: Report) -> None:
    summaries = Summaries(archive.history, RemarkBook(archive.database).exclusions)
    for kind, found in (("parts", report.parts), ("24h", report.days)):
        span = report.reach.span
        asked = summaries.periods(report.unit_id, kind, span.starts_at, span.ends_at)
        expected = summaries.of(report.unit_id, [each for each in asked if each.date in report.reach.days])
        assert [known(each.levels) for each in found] == [known(each.levels) for each in expected]
        others = [(each.as_recorded, other.as_recorded) for each, other in zip(found, expected, strict=True)]
        assert [a and known(a) for a, _ in others] == [b and known(b) for _, b in others]
    rated = summaries.ratings(report.unit_id, report.reach.days)
    assert [each.lden and round(each.lden, 9) for each in report.ratings] == [
        r.lden and round(r.lden, 9) for r in rated
    ]


@pytest.mark.parametrize("name", ["2026-11-20", "2026-W47", "2026-11"])
def test_periods_are_those_of_the_summary(archive: Archive, told: Told, name: str) -> None:
    report = told(name)
    assert any(each.as_recorded for each in report.parts)
    same(archive, report)


@pytest.mark.parametrize(("name", "begin"), [("2026-10-25", "2026-10-24 22:00"), ("2026-03-29", "2026-03-28 23:00")])
def test_they_are_on_the_day_of_a_clock_change(fresh: Archive, name: str, begin: str) -> None:
    fresh.put(site(at(begin), 1440 * 2))
    report = fresh.gatherer.gather(Wanted("north-gate", reach.of_day(name, "Europe/Berlin")), A_FAST)
    same(fresh, report)
    assert report.days[0].levels.coverage == 1.0
    assert len(report.steps) * 300 == report.reach.span.duration_s


def test_minutes_are_read_as_they_are(archive: Archive) -> None:
    span = Span(at("2026-11-20 00:00"), at("2026-11-20 20:00"))

    def question(connection: object) -> list[object]:
        rows = newest_minutes(connection, archive.office.partitions, "north-gate", span.starts_at, span.ends_at)  # type: ignore[arg-type]
        return list(stored.get(connection, rows, 1, span.starts_at, span.ends_at))  # type: ignore[arg-type]

    expected = archive.office.store.read(question)
    found = minutes_of(archive.history, "north-gate", span, with_counts=True)
    assert [replace(each, histogram=other.histogram) for each, other in zip(found, expected, strict=True)] == expected  # type: ignore[attr-defined]
    assert [each.histogram.ln(10) for each in found] == [each.histogram.ln(10) for each in expected]  # type: ignore[attr-defined]
    light = minutes_of(archive.history, "north-gate", span, with_counts=False)
    assert not any(each.histogram.count for each in light)
    assert minutes_of(archive.history, "nobody", span, with_counts=True) == []


def test_minutes_without_levels_are_read(fresh: Archive) -> None:
    nothing = replace(minute(at("2026-11-20 08:00"), 60.0), energy_s=0.0, valid_s=0.0, lmax=None, lmin=None, lpeak=None)
    fresh.put([nothing, replace(minute(at("2026-11-20 08:01"), 60.0), flags=Flag.PAUSED)])
    span = Span(at("2026-11-20 08:00"), at("2026-11-20 09:00"))
    first, second = minutes_of(fresh.history, "north-gate", span, with_counts=False)
    assert (first.lmax, first.laeq, first.uncertainty_db, second.flags) == (None, None, None, Flag.PAUSED)


def test_the_chart_shows_what_was_excluded(told: Told) -> None:
    report = told()
    inside = [each for each in report.steps if each.flags & Flag.EXCLUDED]
    assert inside
    assert all(each.laeq is not None and each.coverage == 1.0 for each in inside)


def test_a_quarter_that_is_judged_is_the_step_of_the_chart(told: Told) -> None:
    assert told().step_s == 900
    assert told(limit_id=2).step_s == 300
    assert (told("2026-W47").step_s, told("2026-11").step_s) == (900, 3600)
