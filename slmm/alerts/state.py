"""Where one rule stands, and what can happen to it; pure values.

Times are seconds on a clock that never steps (see ``slmm.steady``).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any


class Phase(StrEnum):
    """The condition, apart from acknowledgement, suppression and data quality."""

    IDLE = "idle"
    PENDING = "pending"
    ACTIVE = "active"
    CLEARING = "clearing"


class ChangeKind(StrEnum):
    """What a step has brought about."""

    PENDING = "pending"
    DROPPED = "dropped"
    """A pending alarm came to nothing."""
    ONSET = "onset"
    REALARM = "realarm"
    """A latched event breaks its rule again."""
    ESCALATED = "escalated"
    CLEARING = "clearing"
    RESUMED = "resumed"
    """The level rose again before the off-delay was over."""
    RETURNED = "returned"
    """Back to normal, but latched: the event stays open until somebody acknowledges it."""
    ENDED = "ended"
    RECURRED = "recurred"
    """A breach within the cooldown: a further occurrence of the last event."""
    RECURRENCE_ENDED = "recurrence_ended"


class EndReason(StrEnum):
    """Why an event is over."""

    CLEARED = "cleared"
    SCHEDULE_END = "schedule_end"
    RULE_CHANGED = "rule_changed"
    RULE_DISABLED = "rule_disabled"
    RULE_DELETED = "rule_deleted"
    UNIT_REMOVED = "unit_removed"
    CLOSED_BY_HAND = "closed_by_hand"
    MEASUREMENT_RESTARTED = "measurement_restarted"
    NO_DATA = "no_data"
    ORPHANED = "orphaned"


@dataclass(frozen=True, slots=True)
class State:
    """All that is remembered of one rule."""

    phase: Phase = Phase.IDLE
    since_s: float = 0.0
    """When the running timer began: the breach while pending, the recovery while clearing."""
    covered_s: float = 0.0
    """Evidence for the running timer, in s."""
    last_s: float = 0.0
    """The last valid sample while a timer runs."""
    breach_at_s: float = 0.0
    peak_db: float | None = None
    peak_at_s: float = 0.0
    red_covered_s: float | None = None
    """Evidence for the red threshold; None while the level is not beyond it."""
    is_red: bool = False
    is_latched: bool = False
    is_acknowledged: bool = False
    is_disarmed: bool = False
    """Closed by hand while it was still loud: needs one recovered sample before it may fire again."""
    is_muted: bool = False
    """Active within the cooldown: no event of its own."""
    has_event: bool = False
    """An event is open."""
    last_onset_s: float | None = None
    occurrences: int = 0
    """Breaches counted on the last event, its onset included."""

    judged_until_s: float | None = None
    """Of a rule that watches a limit: up to when it was judged, so that nothing is judged twice or left out."""

    def as_json(self) -> dict[str, Any]:
        """For the database."""
        return asdict(self)

    def shifted(self, by_s: float) -> State:
        """The same on a clock that is *by_s* ahead."""
        return replace(
            self,
            since_s=self.since_s + by_s,
            last_s=self.last_s + by_s,
            breach_at_s=self.breach_at_s + by_s,
            peak_at_s=self.peak_at_s + by_s,
            last_onset_s=None if self.last_onset_s is None else self.last_onset_s + by_s,
            judged_until_s=None if self.judged_until_s is None else self.judged_until_s + by_s,
        )

    def not_after(self, now_s: float) -> State:
        """The same, moved back when it lies ahead of now: the clock was set back while nobody looked."""
        newest_s = max(
            self.since_s, self.last_s, self.breach_at_s, self.last_onset_s or 0.0, self.judged_until_s or 0.0
        )
        return self if newest_s <= now_s else self.shifted(now_s - newest_s)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> State:
        """From the database; raises TypeError or ValueError for what is none."""
        return cls(**{**stored, "phase": Phase(stored["phase"])})


IDLE = State()


@dataclass(frozen=True, slots=True)
class Change:
    """Something happened to a rule."""

    kind: ChangeKind
    at_s: float
    state: State
    """The state it led to."""
    value_db: float | None = None
    reason: EndReason | None = None
    before: Phase = Phase.IDLE
    recovered_at_s: float | None = None


Step = tuple[State, tuple[Change, ...]]
