"""A budget of days: how often in a project the day's level may be above what (Netherlands); pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slmm.limits.document import Limit
from slmm.limits.verdict import Judgement
from slmm.limits.words import Verdict


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """One step of the budget and what became of it."""

    above_db: float
    at_most_days: int
    days: int
    """Judged days above the level; those above a higher step are among them."""
    days_left: int
    """0 when nothing is left, also when more than all was used."""
    verdict: Verdict
    """Red with a day too many, amber with none left; not proven while days that were not judged could be too many."""


def day_budget(limit: Limit, judgements: Sequence[Judgement]) -> list[BudgetLine]:
    """The budget of a limit after these days: all those of the project, each judged once.

    A day that could not be judged counts for nothing, but where there are enough of them to spend the rest of a
    step, that step is not proven.
    """
    known = [found.shown_db for found in judgements if _is_known(found) and found.shown_db is not None]
    unknown = len(judgements) - len(known)
    lines = []
    for step in limit.day_budget:
        days = sum(shown_db > step.above_db for shown_db in known)
        left = max(0, step.at_most_days - days)
        lines.append(
            BudgetLine(step.above_db, step.at_most_days, days, left, _verdict(days, step.at_most_days, unknown))
        )
    return lines


def _is_known(found: Judgement) -> bool:
    return found.verdict in (Verdict.OK, Verdict.AMBER, Verdict.RED)


def _verdict(days: int, at_most_days: int, unknown: int) -> Verdict:
    if days > at_most_days:
        return Verdict.RED
    if days + unknown > at_most_days:
        return Verdict.NOT_PROVEN
    return Verdict.AMBER if days == at_most_days and at_most_days else Verdict.OK
