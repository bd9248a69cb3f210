from __future__ import annotations

from datetime import timedelta

import pytest

from slmm.limits import templates
from slmm.limits.budget import day_budget
from slmm.limits.judge import judge
from slmm.limits.verdict import Judgement
from tests.limits.pieces import at, minutes

NETHERLANDS = templates.get("netherlands-days")
MONDAY = at("2026-06-01 05:00")  # 07:00 in Amsterdam


def days(levels: list[float | None]) -> list[Judgement]:
    """Days from a Monday on, each at one level; Sundays have none to give."""
    pieces = [
        piece
        for number, level_db in enumerate(levels)
        for piece in minutes(MONDAY + timedelta(days=number), [level_db] * 12, step=timedelta(hours=1))
    ]
    return judge(NETHERLANDS, pieces, MONDAY, MONDAY + timedelta(days=len(levels)), "Europe/Amsterdam")


def test_a_loud_day_is_counted_at_every_step_below_it() -> None:
    lines = day_budget(NETHERLANDS, days([59.0, 60.0, 60.1, 66.0, 71.0, 76.0]))
    assert [(line.above_db, line.days, line.days_left, line.verdict.value) for line in lines] == [
        (60, 4, 46, "ok"),
        (65, 3, 27, "ok"),
        (70, 2, 13, "ok"),
        (75, 1, 4, "ok"),
        (80, 0, 0, "ok"),
    ]


def test_sundays_have_no_limit() -> None:
    assert day_budget(NETHERLANDS, days([59.0] * 6 + [90.0]))[-1].days == 0


@pytest.mark.parametrize(
    ("loud", "unknown", "verdict"), [(4, 0, "ok"), (5, 0, "amber"), (6, 0, "red"), (4, 1, "ok"), (4, 2, "not_proven")]
)
def test_the_last_day_is_amber_and_one_more_is_red(loud: int, unknown: int, verdict: str) -> None:
    found = [judgement for judgement in days([76.0] * 6 + [None] + [76.0]) if judgement.shown_db]
    (nothing,) = days([None])
    line = day_budget(NETHERLANDS, found[:loud] + [nothing] * unknown)[3]
    assert (line.days, line.verdict.value) == (loud, verdict)


def test_above_80_is_never_allowed() -> None:
    line = day_budget(NETHERLANDS, days([80.1]))[-1]
    assert (line.days, line.days_left, line.verdict.value) == (1, 0, "red")
    assert day_budget(NETHERLANDS, days([80.0]))[-1].verdict.value == "ok"


def test_a_limit_without_a_budget_has_no_lines() -> None:
    assert day_budget(templates.get("events-15min"), days([80.0])) == []
