"""What was done to the service and to its meters, when, and what came of it; pure. Times are Unix times in s."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

KILL = "kill -9"
WRITTEN_BEHIND_S = 2.0
"""What a kill may cost of the record, as docs/record.md says."""
_EDGE_S = 0.25
"""A fault reaches the one side a little sooner than the other."""
MOST_LATE_S = 10.0
"""No reply takes longer than this from the meter into the record."""


@dataclass(slots=True)
class Trouble:
    """One fault from its begin to the first sound reading after it."""

    kind: str
    """``network: …``, ``meter: …`` or KILL."""
    unit_id: str
    """Empty for all units."""
    began_s: float
    ended_s: float | None = None
    recovered_s: float | None = None
    """The first reading after the end."""
    was_told: bool = False
    """Viewers were told that the meter is out of reach."""
    is_mixed: bool = False
    """The service was killed meanwhile: how long it took says nothing about this fault."""
    lost: int = 0
    """Readings that the meter sent and the record has not."""
    unkept: int = 0
    """Readings that viewers were shown and the record has not."""

    def covers(self, unit_id: str, at_s: float) -> bool:
        """Whether what happened to that unit at *at_s* may be because of this."""
        if self.unit_id not in ("", unit_id):
            return False
        before_s = WRITTEN_BEHIND_S if self.kind == KILL else _EDGE_S
        ends_s = self.recovered_s
        return self.began_s - before_s <= at_s and (ends_s is None or at_s <= ends_s + _EDGE_S)

    @property
    def recovery_s(self) -> float | None:
        """From the end of the fault to the first reading; of a kill from the kill."""
        began_s = self.began_s if self.kind == KILL else self.ended_s
        if self.recovered_s is None or began_s is None or self.is_mixed:
            return None
        return max(0.0, self.recovered_s - began_s)


@dataclass(frozen=True, slots=True)
class Loud:
    """A time when a meter was made loud; it lasted until the service had been able to see it."""

    unit_id: str
    began_s: float
    ended_s: float


@dataclass(frozen=True, slots=True)
class Alarm:
    """What the service says of one event."""

    unit_id: str
    is_level: bool
    """Of a rule about a level; else of a lost meter."""
    breach_s: float
    onset_s: float
    end_reason: str | None


def find(troubles: Iterable[Trouble], unit_id: str, at_s: float) -> Trouble | None:
    """The latest trouble that explains what happened to a unit then; a kill before all others."""
    found = [trouble for trouble in troubles if trouble.covers(unit_id, at_s)]
    return max(found, key=lambda trouble: (trouble.kind == KILL, trouble.began_s), default=None)


def compare_alarms(louds: Sequence[Loud], alarms: Sequence[Alarm], troubles: Sequence[Trouble]) -> list[str]:
    """Sentences about events that are missing, doubled, without a cause or not over; none is good."""
    complaints = []
    left = [alarm for alarm in alarms if alarm.is_level]
    for loud in louds:
        its = [
            alarm
            for alarm in left
            if alarm.unit_id == loud.unit_id and loud.began_s - 1.0 <= alarm.breach_s <= loud.ended_s + 1.0
        ]
        if len(its) != 1:
            complaints.append(f"{loud.unit_id}: {len(its)} events of the loud phase at {loud.began_s:.1f} instead of 1")
        complaints += [
            f"{loud.unit_id}: the event of {loud.began_s:.1f} ended {alarm.end_reason}"
            for alarm in its
            if alarm.end_reason != "cleared"
        ]
        left = [alarm for alarm in left if alarm not in its]
    complaints += [f"{alarm.unit_id}: an event at {alarm.onset_s:.1f} though nothing was loud" for alarm in left]
    complaints += [
        f"{alarm.unit_id}: said to be lost at {alarm.onset_s:.1f} though nothing was wrong"
        for alarm in alarms
        if not alarm.is_level and find(troubles, alarm.unit_id, alarm.onset_s) is None
    ]
    return complaints
