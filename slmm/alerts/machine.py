"""The state of one rule and how samples, people and clocks change it; pure: no clock, no I/O.

A delay counts evidence: only time between two valid samples that lie close together is added. A missing level
is evidence for nothing. Every function answers with the new state and what changed, and leaves the old state alone.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from slmm.alerts.rules import AtWindowEnd, OnNoData, Rule, Severity
from slmm.alerts.state import IDLE, Change, ChangeKind, EndReason, Phase, State, Step

EPSILON_S = 1e-6
"""Sums of sample times carry rounding errors; a delay is not missed by one of those."""


# -- samples ------------------------------------------------------------------------------------------------


def step(rule: Rule, state: State, at_s: float, level_db: float | None, *, may_start: bool = True) -> Step:
    """One sample more.

    *may_start* is false outside the rule's hours, where an open alarm that is held may clear but nothing begins.
    """
    if level_db is None or not math.isfinite(level_db):
        return state, ()
    match state.phase:
        case Phase.IDLE:
            return _idle(rule, state, at_s, level_db) if may_start else (state, ())
        case Phase.PENDING:
            return _pending(rule, state, at_s, level_db)
        case _:
            return _open(rule, state, at_s, level_db)


def _idle(rule: Rule, state: State, at_s: float, level_db: float) -> Step:
    if state.is_disarmed:
        return (replace(state, is_disarmed=False) if rule.has_recovered(level_db) else state), ()
    if not rule.breaches(level_db):
        return state, ()
    begun = replace(
        state,
        phase=Phase.PENDING,
        since_s=at_s,
        breach_at_s=at_s,
        covered_s=0.0,
        last_s=at_s,
        red_covered_s=_red_evidence(rule, None, level_db, 0.0),
        is_red=state.is_red and state.is_latched,
        **_first_peak(rule, state, at_s, level_db),
    )
    if rule.duration_s <= 0:
        return _onset(rule, begun, at_s, level_db, Phase.IDLE)
    return begun, (Change(ChangeKind.PENDING, at_s, begun, level_db, before=Phase.IDLE),)


def _pending(rule: Rule, state: State, at_s: float, level_db: float) -> Step:
    if not rule.breaches(level_db):
        dropped = replace(state, phase=Phase.IDLE, red_covered_s=None)
        return dropped, (Change(ChangeKind.DROPPED, at_s, dropped, level_db, before=Phase.PENDING),)
    evidence_s = _evidence_s(rule, state, at_s)
    if evidence_s is None:  # too long a silence: the breach before it proves nothing about this one
        again = replace(
            state,
            since_s=at_s,
            breach_at_s=at_s,
            covered_s=0.0,
            last_s=at_s,
            red_covered_s=_red_evidence(rule, None, level_db, 0.0),
            **_first_peak(rule, state, at_s, level_db),
        )
        return again, ()
    went_on = _with_peak(
        rule,
        replace(
            state,
            covered_s=state.covered_s + evidence_s,
            last_s=at_s,
            red_covered_s=_red_evidence(rule, state.red_covered_s, level_db, evidence_s),
        ),
        at_s,
        level_db,
    )
    if went_on.covered_s + EPSILON_S >= rule.duration_s:
        return _onset(rule, went_on, at_s, level_db, Phase.PENDING)
    return went_on, ()


def _open(rule: Rule, state: State, at_s: float, level_db: float) -> Step:
    """Active or clearing."""
    evidence_s = _evidence_s(rule, state, at_s)
    red_covered_s = _red_evidence(rule, None if evidence_s is None else state.red_covered_s, level_db, evidence_s or 0)
    state = _with_peak(rule, replace(state, red_covered_s=red_covered_s), at_s, level_db)
    if not rule.has_recovered(level_db):
        return _still_open(rule, state, at_s, level_db)
    if state.phase is Phase.ACTIVE:
        clearing = replace(state, phase=Phase.CLEARING, since_s=at_s, covered_s=0.0, last_s=at_s)
        if rule.off_delay_s <= 0:
            return _end(rule, clearing, at_s, level_db, Phase.ACTIVE)
        return clearing, (Change(ChangeKind.CLEARING, at_s, clearing, level_db, before=Phase.ACTIVE),)
    if evidence_s is None:
        return replace(state, since_s=at_s, covered_s=0.0, last_s=at_s), ()
    clearing = replace(state, covered_s=state.covered_s + evidence_s, last_s=at_s)
    if clearing.covered_s + EPSILON_S >= rule.off_delay_s:
        return _end(rule, clearing, at_s, level_db, Phase.CLEARING)
    return clearing, ()


def _still_open(rule: Rule, state: State, at_s: float, level_db: float) -> Step:
    changes: list[Change] = []
    before = state.phase
    state = replace(state, phase=Phase.ACTIVE, covered_s=0.0, last_s=at_s)
    if before is Phase.CLEARING:
        changes.append(Change(ChangeKind.RESUMED, at_s, state, level_db, before=before))
    if state.is_muted and not _is_cooling(rule, state, at_s):  # still going on when the cooldown ends
        state = _with_event(rule, state, at_s)
        changes.append(Change(ChangeKind.ONSET, at_s, state, level_db, before=Phase.ACTIVE))
    elif not state.is_red and _is_red(rule, state):
        state = replace(state, is_red=True, is_acknowledged=False)
        if not state.is_muted:
            changes.append(Change(ChangeKind.ESCALATED, at_s, state, level_db, before=Phase.ACTIVE))
    return state, tuple(changes)


def _onset(rule: Rule, state: State, at_s: float, level_db: float | None, before: Phase) -> Step:
    if state.is_latched:
        alarmed = replace(
            state,
            phase=Phase.ACTIVE,
            is_latched=False,
            is_acknowledged=False,
            is_red=state.is_red or _is_red(rule, state),
            occurrences=state.occurrences + 1,
        )
        return alarmed, (Change(ChangeKind.REALARM, at_s, alarmed, level_db, before=before),)
    if _is_cooling(rule, state, at_s):
        muted = replace(state, phase=Phase.ACTIVE, is_muted=True, occurrences=state.occurrences + 1)
        return muted, (Change(ChangeKind.RECURRED, at_s, muted, level_db, before=before),)
    alarmed = _with_event(rule, replace(state, phase=Phase.ACTIVE), at_s)
    return alarmed, (Change(ChangeKind.ONSET, at_s, alarmed, level_db, before=before),)


def _with_event(rule: Rule, state: State, at_s: float) -> State:
    return replace(
        state,
        has_event=True,
        is_muted=False,
        is_acknowledged=False,
        is_red=_is_red(rule, state),
        last_onset_s=at_s,
        occurrences=1,
    )


def _end(rule: Rule, state: State, at_s: float, level_db: float, before: Phase) -> Step:
    """Recovered for the whole off-delay."""
    recovered_at_s = state.since_s
    if state.is_muted:
        ended = replace(state, phase=Phase.IDLE, is_muted=False, red_covered_s=None)
        return ended, (Change(ChangeKind.RECURRENCE_ENDED, at_s, ended, level_db, before=before),)
    if rule.is_latching and not state.is_acknowledged:
        latched = replace(state, phase=Phase.IDLE, is_latched=True, red_covered_s=None)
        change = Change(ChangeKind.RETURNED, at_s, latched, level_db, before=before, recovered_at_s=recovered_at_s)
        return latched, (change,)
    return _over(state, at_s, EndReason.CLEARED, level_db, recovered_at_s)


def _over(
    state: State, at_s: float, reason: EndReason, level_db: float | None = None, recovered_at_s: float | None = None
) -> Step:
    ended = State(
        last_onset_s=state.last_onset_s,
        occurrences=state.occurrences,
        is_disarmed=state.is_disarmed,
        judged_until_s=state.judged_until_s,
    )
    # What the event came to stands in the change, for the state itself is fresh.
    told = replace(state, phase=Phase.IDLE, has_event=False, is_latched=False)
    change = Change(ChangeKind.ENDED, at_s, told, level_db, reason, state.phase, recovered_at_s)
    return ended, (change,)


# -- people, schedules and meters ------------------------------------------------------------------------------


def acknowledge(state: State, at_s: float) -> Step:
    """Somebody has seen it; a latched event ends with that. A second time changes nothing."""
    if not state.has_event or state.is_acknowledged:
        return state, ()
    if not state.is_latched:
        return replace(state, is_acknowledged=True), ()
    ended, changes = _over(replace(state, is_acknowledged=True), at_s, EndReason.CLEARED)
    if state.phase is Phase.PENDING:  # a new breach is already being timed: it becomes an event of its own
        ended = replace(state, is_latched=False, has_event=False, is_red=False)
    return ended, changes


def unacknowledge(state: State) -> State:
    """Taken back."""
    return replace(state, is_acknowledged=False)


def cancel(state: State, at_s: float, reason: EndReason) -> Step:
    """The rule is edited, disabled, deleted, or its unit goes: an open event ends, evidence is worth nothing."""
    if state.has_event:
        ended, changes = _over(state, at_s, reason)
        return replace(ended, last_onset_s=None, occurrences=0), changes  # no cooldown after an edit
    return IDLE, ()


def close_by_hand(state: State, at_s: float) -> Step:
    """An operator ends it though it may still be loud; it fires again only after it has been quiet once."""
    if not state.has_event:
        return state, ()
    is_loud = state.phase in (Phase.ACTIVE, Phase.CLEARING, Phase.PENDING)
    ended, changes = _over(state, at_s, EndReason.CLOSED_BY_HAND)
    return replace(ended, is_disarmed=is_loud), changes


def close_window(rule: Rule, state: State, at_s: float) -> Step:
    """The rule's hours are over; an alarm that is held stays open and may clear."""
    if state.phase is Phase.IDLE:
        return state, ()
    if state.phase is Phase.PENDING:
        return replace(state, phase=Phase.IDLE, red_covered_s=None), ()
    if rule.at_window_end is AtWindowEnd.HOLD:
        return state, ()
    return _interrupt(state, at_s, EndReason.SCHEDULE_END)


def restart_measurement(state: State, at_s: float) -> Step:
    """A new measurement begins: what a running figure said about the old one is over."""
    if state.phase is Phase.PENDING:
        return replace(state, phase=Phase.IDLE, red_covered_s=None), ()
    if state.phase is Phase.IDLE:
        return state, ()
    return _interrupt(state, at_s, EndReason.MEASUREMENT_RESTARTED)


def lose_data(rule: Rule, state: State, at_s: float) -> Step:
    """No valid sample for long: frozen, ended, or an alarm by itself, as the rule has it."""
    match rule.on_no_data:
        case OnNoData.CLEAR if state.phase in (Phase.ACTIVE, Phase.CLEARING):
            return _interrupt(state, at_s, EndReason.NO_DATA)
        case OnNoData.ALARM if state.phase in (Phase.IDLE, Phase.PENDING) and not state.is_disarmed:
            silent = replace(
                state, since_s=at_s, breach_at_s=at_s, covered_s=0.0, last_s=at_s, peak_db=None, red_covered_s=None
            )
            return _onset(rule, silent, at_s, None, state.phase)
    return state, ()


def _interrupt(state: State, at_s: float, reason: EndReason) -> Step:
    if state.is_muted:
        ended = replace(state, phase=Phase.IDLE, is_muted=False, red_covered_s=None)
        return ended, (Change(ChangeKind.RECURRENCE_ENDED, at_s, ended, None, reason, state.phase),)
    return _over(state, at_s, reason)


# -- evidence --------------------------------------------------------------------------------------------------


def _evidence_s(rule: Rule, state: State, at_s: float) -> float | None:
    """What the time since the last sample is worth; 0 over a gap, None after one that is too long."""
    gap_s = at_s - state.last_s
    if gap_s <= rule.max_gap_s + EPSILON_S:
        return gap_s
    return 0.0 if gap_s <= rule.gap_reset_s + EPSILON_S else None


def _red_evidence(rule: Rule, covered_s: float | None, level_db: float, evidence_s: float) -> float | None:
    test = rule.breaches_red
    if test is None or not test(level_db):
        return None
    return 0.0 if covered_s is None else covered_s + evidence_s


def _is_red(rule: Rule, state: State) -> bool:
    if rule.severity is Severity.RED:
        return True
    return state.is_red or (state.red_covered_s is not None and state.red_covered_s + EPSILON_S >= rule.duration_s)


def _is_cooling(rule: Rule, state: State, at_s: float) -> bool:
    return state.last_onset_s is not None and at_s < state.last_onset_s + rule.cooldown_s - EPSILON_S


def _worse(rule: Rule, before_db: float | None, level_db: float) -> float:
    if before_db is None:
        return level_db
    return max(before_db, level_db) if rule.is_upward else min(before_db, level_db)


def _first_peak(rule: Rule, state: State, at_s: float, level_db: float) -> dict[str, Any]:
    """The peak a timer begins with; that of a latched event is kept."""
    if state.is_latched and _worse(rule, state.peak_db, level_db) == state.peak_db:
        return {}
    return {"peak_db": level_db, "peak_at_s": at_s}


def _with_peak(rule: Rule, state: State, at_s: float, level_db: float) -> State:
    peak_db = _worse(rule, state.peak_db, level_db)
    return state if peak_db == state.peak_db else replace(state, peak_db=peak_db, peak_at_s=at_s)
