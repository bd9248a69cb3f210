"""What people read about incidents: subjects and bodies with absolute times; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

LONGEST_SUBJECT = 200
REASONS = {
    "cleared": "the level is back to normal",
    "schedule_end": "the hours of the rule are over; the level had not come back",
    "rule_changed": "the rule was changed",
    "rule_disabled": "the rule was switched off",
    "rule_deleted": "the rule was deleted",
    "unit_removed": "the unit was taken off the roster",
    "closed_by_hand": "it was closed by hand",
    "measurement_restarted": "a new measurement was started",
    "no_data": "the meter delivers no data any more",
    "orphaned": "its rule is gone",
    "online": "the meter delivers data again",
    "left_alone": "the meter is not read any more",
}


@dataclass(frozen=True, slots=True)
class EventFacts:
    """What a text tells of one event."""

    rule_name: str
    sentence: str
    """What it is about: the rule in words, or the verdict on a lost meter."""
    level_name: str | None
    """None where no level is concerned."""
    threshold_db: float
    severity: str
    breach_at: datetime
    onset_at: datetime
    onset_db: float | None
    peak_db: float | None = None
    peak_at: datetime | None = None
    ended_at: datetime | None = None
    end_reason: str | None = None
    flags: str | None = None


def duration(seconds: float) -> str:
    """A length of time for people."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {left} s" if minutes else f"{left} s"


def local(at: datetime, zone: str) -> str:
    """An instant in civil time, with the date and the zone's abbreviation."""
    return at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S %Z")


def stem(unit_id: str, event: EventFacts) -> str:
    """What all subjects of an incident have in common."""
    return f"{unit_id}: {event.rule_name}"


def onset_subject(unit_id: str, event: EventFacts, word: str = "") -> str:
    """``RED m2: Night, LAF 72.1 dB``."""
    mark = word or event.severity.upper()
    figure = f", {event.level_name} {event.onset_db:.1f} dB" if event.level_name and event.onset_db is not None else ""
    return _fitted(f"{mark} {stem(unit_id, event)}", figure)


def end_subject(unit_id: str, event: EventFacts, word: str) -> str:
    """``Cleared m2: Night``."""
    return _fitted(f"{word} {stem(unit_id, event)}")


def _fitted(begin: str, figure: str = "") -> str:
    """No longer than a subject may be; what is cut is the name, not the level."""
    room = LONGEST_SUBJECT - len(figure)
    return (begin if len(begin) <= room else begin[: room - 1] + "…") + figure


def onset_body(unit_id: str, event: EventFacts, zone: str) -> str:
    """What happened, when, and by which rule."""
    lines = []
    if event.level_name and event.onset_db is not None:
        over = over_mark(event.flags)
        lines.append(f"{event.level_name} was {over}{event.onset_db:.1f} dB at {local(event.onset_at, zone)}.")
        if event.breach_at < event.onset_at:
            lines.append(f"It has been beyond {event.threshold_db:.1f} dB since {local(event.breach_at, zone)}.")
    else:
        lines.append(f"Since {local(event.onset_at, zone)}.")
    lines += [f"Unit: {unit_id}", f"Rule: {event.rule_name}", event.sentence]
    return "\n".join(lines)


def over_mark(flags: str | None) -> str:
    """An overloaded reading is a lower bound, one under range an upper bound."""
    present = (flags or "").split(",")
    return "at least " if "over" in present else "at most " if "under" in present else ""


def end_body(unit_id: str, events: Sequence[EventFacts], zone: str) -> str:
    """The whole incident in the past tense."""
    paragraphs = []
    for event in events:
        ended_at = event.ended_at or event.onset_at
        span = duration((ended_at - event.breach_at).total_seconds())
        what = f"{event.rule_name}: from {local(event.breach_at, zone)} to {local(ended_at, zone)} ({span})."
        lines = [what]
        if event.level_name and event.peak_db is not None:
            at = f" at {local(event.peak_at, zone)}" if event.peak_at else ""
            lines.append(f"{event.level_name} came to {over_mark(event.flags)}{event.peak_db:.1f} dB{at}.")
        lines.append(event.sentence)
        if event.end_reason:
            lines.append(f"Ended: {REASONS.get(event.end_reason, event.end_reason)}.")
        paragraphs.append("\n".join(lines))
    return f"Unit: {unit_id}\n\n" + "\n\n".join(paragraphs)


def reminder_body(unit_id: str, event: EventFacts, zone: str) -> str:
    """Nobody has acknowledged it."""
    return "Still not acknowledged.\n" + onset_body(unit_id, event, zone)


def digest_body(parts: Sequence[tuple[str, str]]) -> str:
    """Several messages in one: subject and body of each."""
    return "\n\n".join(f"— {subject}\n{body}" for subject, body in parts)


def log_line(kind: str, event: Mapping[str, Any]) -> str | None:
    """One line for the unit's log; None for what is no news there, and for a unit that is gone."""
    if event["end_reason"] == "unit_removed":
        return None
    name = event["rule_name"] or f"rule {event['rule_id']}"
    level = event["onset_value"] if kind == "onset" else event["peak_value"]
    figure = "" if level is None else f", {event['level_name']} {level:.1f} dB"
    match kind:
        case "onset" | "realarm" | "escalated":
            return f"{event['severity']} alert{_AGAIN.get(kind, '')}: {name}{figure}"
        case "ended":
            return f"alert over: {name}, {REASONS.get(event['end_reason'], event['end_reason'])}"
        case "acknowledged" | "unacknowledged":
            by = f" by {event['acknowledged_by']}" if event["acknowledged_by"] else ""
            return f"alert {kind}{by}: {name}"
    return None


_AGAIN = {"realarm": " again", "escalated": ", worse"}
