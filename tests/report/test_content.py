"""What a report says, and how it stands on the page."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest

from slmm.errors import Invalid, NotFound
from slmm.events import Labels
from slmm.report import reach
from slmm.report.blocks import BAD, OPEN, Heading, Prose, Sheet, Table, Verdicts
from slmm.report.content import sheet_of
from slmm.report.document import Report
from slmm.report.gather import Wanted
from slmm.report.page import Link, html_of
from slmm.report.words import STRUCK, plain
from tests.report.conftest import A_FAST, Told
from tests.report.made import MINUTE, Archive, at, minute, site


def table(sheet: Sheet, title: str) -> Table:
    """The one below a heading."""
    blocks = iter(sheet.blocks)
    assert any(isinstance(block, Heading) and block.words == title for block in blocks), title
    return next(block for block in blocks if isinstance(block, Table))


def rows(sheet: Sheet, title: str) -> list[list[str]]:
    return [[plain(cell).replace("\N{NO-BREAK SPACE}", " ") for cell in row] for row in table(sheet, title).rows]


def page(report: Report) -> str:
    """As people read it: without tags and with plain spaces."""
    html = html_of(sheet_of(report)).decode()
    body = re.sub(r"<svg.*?</svg>", "", html[html.index("<body>") :], flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", "", body)).replace("\N{NO-BREAK SPACE}", " ").split())


def test_a_day_tells_its_parts_with_coverage_and_source(told: Told) -> None:
    found = rows(sheet_of(told()), "Periods")
    assert [row[0] for row in found] == ["Day", "Evening", "Night", "24 h"]
    assert [row[1] for row in found] == ["07:00–19:00", "19:00–23:00", "23:00–Sat 21 Nov 07:00", "00:00–24:00"]
    assert found[0][2].startswith("> ")  # one minute was over-range
    assert found[3][2].endswith("± 0.1")
    assert found[0][9:] == ["88.7 %", "100 ms stream; over-range, excluded"]
    titles = [plain(column.title) for column in table(sheet_of(told()), "Periods").columns]
    assert titles[2:9] == ["LAeq,T", "LAFmax", "LAFmin", "LApeak", "LAF10,T", "LAF50,T", "LAF90,T"]


def test_an_exceedance_is_a_sentence(told: Told) -> None:
    found = rows(sheet_of(told(limit_id=1)), "Exceedances")
    assert ["16:15–16:30", "exceeded 72.1 > 70.0 dB LAeq,15min, 16:15–16:30, coverage 100 %"] in found
    run = next(row for row in found if row[0] == "08:30–09:00")
    assert run[1].startswith("2 periods in a row; highest: exceeded 71.9 > 70.0 dB LAeq,15min, 08:30–08:45")


def test_the_outcome_is_told_first_in_words(told: Told) -> None:
    (verdicts,) = (block for block in sheet_of(told()).blocks if isinstance(block, Verdicts))
    first, second = verdicts.rows
    assert (first.mark, first.tone) == ("exceeded", BAD)
    assert plain(first.words).startswith("Quarters: 9 of 96 periods exceeded the limit; 10 not judged or not proven;")
    assert "With what was excluded: 11 of 96 exceeded" in plain(first.words)
    assert (second.mark, second.tone) == ("kept in part", OPEN)


def test_what_could_not_be_judged_is_listed_with_its_reason(told: Told) -> None:
    found = rows(sheet_of(told(limit_id=1)), "Periods that were not judged")
    assert ["11:30–13:00", "6 periods: no data, not judged, coverage 0 % to 66.6 % (excluded)"] in found
    assert ["15:30–15:45", "not proven, coverage 93.3 % (over-range)"] in found


def test_both_results_stand_side_by_side(told: Told) -> None:
    found = rows(sheet_of(told()), "Results with and without what was excluded")
    assert [row[0] for row in found] == ["Day", "24 h"]
    assert found[0][1:] == ["> 66.3 (88.7 %)", "> 66.8 (99.8 %)", "+0.6"]


def test_an_exclusion_tells_who_and_why_and_a_withdrawn_one_too(told: Told) -> None:
    remarks = table(sheet_of(told()), "Remarks and exclusions")
    texts = [[plain(cell) for cell in row] for row in remarks.rows]
    assert texts[1] == [
        "11:30–12:50",
        "foreign sound, excluded",
        "Airshow <b>low</b> passes",
        "Ada Lovelace, 2026-11-21 17:00",
    ]
    assert texts[0][3] == "Ada Lovelace, 2026-11-21 17:00; withdrawn by Grace Hopper on 2026-11-21 18:00"
    assert all(how == STRUCK for _, how in remarks.rows[0][2])
    html = html_of(sheet_of(told())).decode()
    assert "Airshow &lt;b&gt;low&lt;/b&gt; passes" in html


def test_calibrations_tell_drift_and_what_it_voids(told: Told) -> None:
    friday = rows(sheet_of(told()), "Calibration checks")
    assert [row[:3] for row in friday[:2]] == [
        ["2026-11-20 07:00", "before", "NC-75 3451"],
        ["2026-11-20 21:30", "after", "NC-75 3451"],
    ]
    assert friday[1][6:8] == ["−0.07", "−0.12 since 2026-11-20 07:00"]
    assert friday[2][0] == "2026-11-22 07:00"  # the next one, beyond the day
    sunday = rows(sheet_of(told("2026-11-22")), "Calibration checks")
    assert "+0.80 since 2026-11-22 07:00; voids Sun 22 Nov 07:00–13:00" in [row[7] for row in sunday]
    periods = rows(sheet_of(told("2026-11-22")), "Periods")
    assert periods[0][0] == "Day"
    assert float(periods[0][9].split()[0]) == 50.0


def test_a_level_of_too_little_time_is_struck_through(told: Told) -> None:
    days = table(sheet_of(told("2026-W47")), "Periods")
    thursday = next(row for row in days.rows if plain(row[0]) == "Thu 19 Nov")
    assert thursday[4][0][1] == STRUCK
    assert plain(thursday[7]).startswith("15.")
    tuesday = next(row for row in days.rows if plain(row[0]) == "Tue 17 Nov")
    assert all(how == "" for cell in tuesday for _, how in cell)


def test_a_month_has_a_line_for_each_day_and_one_for_all(told: Told) -> None:
    found = rows(sheet_of(told("2026-11")), "Periods")
    assert (len(found), found[0][0], found[29][0], found[30][0]) == (31, "Sun 1 Nov", "Mon 30 Nov", "Month")
    assert [row[5] for row in found if row[0] == "Tue 17 Nov"] == ["63.6"]


def test_the_method_names_everything_the_figures_depend_on(told: Told) -> None:
    text = page(told())
    for words in (
        "frequency A, time F (as set for the measurements of this time)",
        "100 ms stream 87.2 %, display 12.7 %",
        "LAFN,T is the level exceeded for N % of the valid time, counted in tenths of a second from LAF",
        "local time of Europe/Berlin. A period is labelled by its end; a night belongs to the date on which it begins",
        "Quarters (Contract, City of Example): LAeq,15min > 07:00–20:00 70.0 (day), 20:00–07:00 50.0 (night) dB",
        "no. 1, version 1",
        "SLMM 0.",
        "Without data: 19:40–20:12; together 32 min.",
        "2026-11-15 22:58goes on0019",
    ):
        assert words in text, words


def test_the_evidence_is_the_newest_link_of_the_span_and_not_of_the_chain(told: Told) -> None:
    report = told()
    assert report.sealed_by is not None
    assert report.sealed_by.number == 12
    assert report.sealed_by.link in page(report)
    assert told("2026-11").sealed_by.number == 13  # type: ignore[union-attr]
    assert "not sealed yet" in page(told("2026-11-17"))


def test_weightings_that_nobody_knows_are_not_made_up(fresh: Archive) -> None:
    fresh.put(site(at("2026-11-19 23:00"), 60))
    friday = Wanted("north-gate", reach.of_day("2026-11-20", "Europe/Berlin"))
    assert "not on record; levels are told as if A-weighted" in page(fresh.gatherer.gather(friday, Labels()))
    assert "as last read from the meter" in page(fresh.gatherer.gather(friday, A_FAST))


def test_a_day_that_is_not_over_says_so(told: Told) -> None:
    report = told(now="2026-11-20 13:00")
    text = page(report)
    assert "this report tells of the time until 2026-11-20 14:00" in text
    found = rows(sheet_of(report), "Periods")
    assert [row[0] for row in found] == ["Day (so far)", "24 h (so far)"]
    assert len(report.limits[0].judgements) == 14 * 4
    assert report.limits[1].judgements == ()
    assert report.gaps == ()  # what is to come is no gap


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("2026-11-10", "The record of this unit begins on 2026-11-15 23:00."),
        ("2026-12-10", "The record of this unit ends on 2026-11-23 23:00."),
    ],
)
def test_an_empty_day_says_why(told: Told, name: str, why: str) -> None:
    report = told(name)
    assert report.is_empty
    assert f"There are no levels of this time. {why}" in page(report)


def test_an_empty_day_amid_others_says_whether_anything_was_measured(fresh: Archive) -> None:
    friday = Wanted("north-gate", reach.of_day("2026-11-20", "Europe/Berlin"))
    assert "Nothing was ever recorded of this unit." in page(fresh.gatherer.gather(friday, A_FAST))
    fresh.put([minute(at("2026-11-18 12:00"), 60.0), minute(at("2026-11-22 12:00"), 60.0)])
    assert "No measurement of this unit is known within the span." in page(fresh.gatherer.gather(friday, A_FAST))
    assert "No limit is set for this unit; nothing was judged." in page(fresh.gatherer.gather(friday, A_FAST))


def test_a_day_to_come_is_refused(told: Told) -> None:
    with pytest.raises(Invalid, match="has not begun yet in Europe/Berlin"):
        told(now="2026-11-19 22:59")
    assert told(now="2026-11-19 23:01").until == at("2026-11-19 23:01")


def test_one_limit_may_be_chosen_and_must_exist(told: Told) -> None:
    assert [result.kept.limit.name for result in told(limit_id=2).limits] == ["Whole day"]
    with pytest.raises(NotFound):
        told(limit_id=99)


def test_a_clock_change_is_told(told: Told) -> None:
    assert "On Sun 25 October 2026 the clocks go from 03:00 to 02:00 (UTC+01:00); the span lasts 25 h." in page(
        told("2026-10-25")
    )


def test_long_lists_are_cut_and_counted(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slmm.report.limit_parts.MOST_LISTED", 3)
    sheet = sheet_of(told(limit_id=1))
    assert len(rows(sheet, "Exceedances")) == 3
    assert "4 more are not listed." in [plain(block.words) for block in sheet.blocks if isinstance(block, Prose)]


def test_the_page_needs_nothing_else_and_runs_nothing(told: Told) -> None:
    html = html_of(sheet_of(told()), (Link("a & b", '?day=x"&y'),)).decode()
    assert not re.search(r"<script|<link|<img|\son\w+=|\sstyle=|url\(|@import", html)
    assert '<a href="?day=x&#34;&amp;y">a &amp; b</a>' in html


def test_hostile_names_stay_text(told: Told) -> None:
    report = told()
    row = report.limits[0].kept
    named = replace(row, limit=row.limit.model_copy(update={"name": "</svg><script>alert(1)</script>"}))
    hostile = replace(report, limits=(replace(report.limits[0], kept=named), *report.limits[1:]))
    assert "<script" not in html_of(sheet_of(hostile)).decode()


def test_old_times_are_told_from_hours(fresh: Archive) -> None:
    fresh.put(site(at("2024-06-01 00:00"), 1440 * 3))
    fresh.office.rollup.roll("north-gate", at("2024-06-01 00:00"), at("2024-06-04 00:00"))
    for name in ("whole", "fixed"):
        fresh.limit(name, {"kind": name, **({"length": "15min"} if name == "fixed" else {})})
    friday = Wanted("north-gate", reach.of_day("2024-06-02", "Europe/Berlin"))
    fresh.now = at("2024-07-01 00:00")
    young = fresh.gatherer.gather(friday, A_FAST)
    fresh.now = at("2027-07-01 00:00")
    old = fresh.gatherer.gather(friday, A_FAST)
    assert (young.step_s, old.step_s) == (900, 3600)
    assert old.days[0].levels.laeq == pytest.approx(young.days[0].levels.laeq)
    assert old.days[0].levels.coverage == 1.0
    whole = [each.shown_db for each in old.limits[0].judgements]
    assert whole == [each.shown_db for each in young.limits[0].judgements]
    assert None not in whole
    assert {each.verdict.value for each in old.limits[1].judgements} == {"no_data"}
    assert "The minutes of this time are not kept any more (730 days)" in page(old)
    assert "not kept any more" not in page(young)


def test_what_comes_long_after_changes_no_report(fresh: Archive) -> None:
    fresh.put(site(at("2026-11-19 23:00"), 1440))
    fresh.check("2026-11-25 06:00", "before", 94.0)
    friday = Wanted("north-gate", reach.of_day("2026-11-20", "Europe/Berlin"))
    first = html_of(sheet_of(fresh.gatherer.gather(friday, A_FAST)))
    for minute_of_day in range(60):
        fresh.check(f"2026-12-10 12:{minute_of_day:02}", "check", 94.0)
    fresh.remark("2026-12-11 10:30", "2026-12-11 11:50", "foreign", "later", excludes=True)
    fresh.put(site(at("2026-12-10 00:00"), 60))
    assert html_of(sheet_of(fresh.gatherer.gather(friday, A_FAST))) == first


def test_an_exceedance_from_the_display_tells_its_uncertainty(fresh: Archive) -> None:
    fresh.put(minute(at("2026-11-20 12:00") + number * MINUTE, 75.0, source="poll") for number in range(15))
    fresh.limit("quarters", {"kind": "fixed", "length": "15min"})
    friday = Wanted("north-gate", reach.of_day("2026-11-20", "Europe/Berlin"))
    (row,) = rows(sheet_of(fresh.gatherer.gather(friday, A_FAST)), "Exceedances")
    assert row[1] == "exceeded 75.0 ± 0.2 > 70.0 dB LAeq,15min, 13:00–13:15, coverage 100 %"
