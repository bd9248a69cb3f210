"""When to alert: the rule as a value, what its comparison means, and what it says in words; pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from slmm.alerts.schedule import ALWAYS, Schedule

DISPLAY_METRICS = (
    "lp", "leq", "le", "lmax", "lmin", "lpeak", "ln1", "ln2", "ln3", "ln4", "ln5", "lieq", "leq_mov", "ltm5",
)  # fmt: skip
"""Levels of a frame; their names are those of the frame."""
ROLLING = "laeq_rolling"
"""The energy mean over the last ``window_s``, from the meter's own integration."""
METRICS = (*DISPLAY_METRICS, ROLLING)
LIMIT = "limit"
"""The metric of a rule that watches a limit: its quantity is the limit's."""
RUNNING_METRICS = frozenset({"leq", "le", "lmax", "lmin", "lpeak", "ln1", "ln2", "ln3", "ln4", "ln5"})
"""Figures of the whole measurement: a new measurement begins them anew, and without one they mean nothing."""
EXTREMES = frozenset({"lmax", "lmin", "lpeak", "le"})
"""Running figures that never come back before the measurement ends."""

LEAST_GAP_S = 5.0
GAP_INTERVALS = 3.0
LEAST_GAP_RESET_S = 60.0
SAMPLES_PER_DELAY = 3.0
"""A delay is only worth its name when so many samples fall into it."""
LIMIT_INTERVAL_S = 1.0
"""What minutes are worth that are made from readings of the display depends on how many there are."""
SAME_DB = 0.05
"""Levels have a resolution of 0.1 dB: closer than this is equal."""


class Comparison(StrEnum):
    """How a level stands to the threshold for the rule to be broken."""

    GREATER = ">"
    AT_LEAST = ">="
    LESS = "<"
    AT_MOST = "<="
    EQUAL = "=="
    UNEQUAL = "!="


NAMES_OF_0_4 = {"above": Comparison.GREATER, "below": Comparison.LESS}


class Severity(StrEnum):
    """How bad it is."""

    AMBER = "amber"
    RED = "red"


class OnNoData(StrEnum):
    """What an open alarm does when no valid sample comes any more."""

    FREEZE = "freeze"
    CLEAR = "clear"
    ALARM = "alarm"


class AtWindowEnd(StrEnum):
    """What an open alarm does when its rule's hours end."""

    CLOSE = "close"
    HOLD = "hold"


class Source(StrEnum):
    """Where a rolling LAeq comes from."""

    AUTO = "auto"
    """LE differences while their rounding stays below 1 dB, else the 100 ms stream, which is then asked for."""
    STREAM = "stream"
    EXPOSURE = "exposure"


@dataclass(frozen=True, slots=True)
class Watched:
    """The limit that a rule watches."""

    limit_id: int
    name: str
    label: str
    """The quantity with its period, such as LAeq,15min."""
    warns: bool = False
    """Tells as soon as a running period cannot come out well any more."""
    has_ended_periods: bool = True
    """False for a rolling limit, which is judged at every minute."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of one unit; levels in dB, times in s."""

    rule_id: int
    unit_id: str
    name: str = "Alert"
    metric: str = "lp"
    comparison: Comparison = Comparison.GREATER
    threshold_db: float = 0.0
    red_threshold_db: float | None = None
    """Beyond this the alarm turns red, as the same incident."""
    severity: Severity = Severity.AMBER
    duration_s: float = 0.0
    """On-delay: so long the level must be beyond the threshold, in time covered by samples."""
    clear_duration_s: float | None = None
    """Off-delay; None: as long as the on-delay."""
    clear_margin_db: float = 2.0
    cooldown_s: float = 0.0
    """Least time between two onsets; a breach meanwhile is a further occurrence of the last event."""
    window_s: float = 900.0
    """Length of the rolling LAeq."""
    source: Source = Source.AUTO
    schedule: Schedule = ALWAYS
    at_window_end: AtWindowEnd = AtWindowEnd.CLOSE
    on_no_data: OnNoData = OnNoData.FREEZE
    is_latching: bool = False
    requires_measuring: bool = False
    channels: tuple[str, ...] = ("log",)
    recipients: tuple[str, ...] = ()
    remind_after_s: tuple[float, ...] = ()
    """Reminders of an incident nobody acknowledges; the last pause repeats."""
    escalate_after_s: float | None = None
    escalation_channels: tuple[str, ...] = ()
    escalation_recipients: tuple[str, ...] = ()
    is_enabled: bool = True
    version: int = 1
    """Counts the changes that make earlier evidence worthless."""
    interval_s: float = 1.0
    """Usual time between two samples; what is a gap follows from it."""
    limit: Watched | None = None
    """Thresholds and hours are then the limit's."""
    clear_level_db: float = field(init=False, default=0.0)
    off_delay_s: float = field(init=False, default=0.0)
    max_gap_s: float = field(init=False, default=LEAST_GAP_S)
    gap_reset_s: float = field(init=False, default=LEAST_GAP_RESET_S)
    breaches: Callable[[float], bool] = field(init=False, compare=False, repr=False, default=bool)
    """Whether a level breaks the rule."""
    breaches_red: Callable[[float], bool] | None = field(init=False, compare=False, repr=False, default=None)
    """Whether a level is beyond the red threshold; None when there is none."""
    has_recovered: Callable[[float], bool] = field(init=False, compare=False, repr=False, default=bool)
    """Whether a level is back beyond the margin; never true together with ``breaches``."""

    def __post_init__(self) -> None:
        set_field = object.__setattr__
        is_upward = self.comparison in (Comparison.GREATER, Comparison.AT_LEAST)
        margin_db = self.clear_margin_db
        set_field(self, "clear_level_db", round(self.threshold_db + (-margin_db if is_upward else margin_db), 6))
        set_field(self, "off_delay_s", self.duration_s if self.clear_duration_s is None else self.clear_duration_s)
        set_field(self, "max_gap_s", max(GAP_INTERVALS * self.interval_s, LEAST_GAP_S))
        set_field(self, "gap_reset_s", max(LEAST_GAP_RESET_S, self.duration_s / 4.0, self.max_gap_s))
        set_field(self, "breaches", breach_test(self.comparison, self.threshold_db))
        if self.red_threshold_db is not None:
            set_field(self, "breaches_red", breach_test(self.comparison, self.red_threshold_db))
        set_field(self, "has_recovered", recovery_test(self.comparison, self.threshold_db, margin_db))

    @property
    def is_upward(self) -> bool:
        """Whether louder is worse."""
        return self.comparison not in (Comparison.LESS, Comparison.AT_MOST)


def split(text: str | None) -> tuple[str, ...]:
    """A list with commas, as 0.4.0 kept them."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def breach_test(comparison: Comparison, threshold_db: float) -> Callable[[float], bool]:
    """Whether a level breaks the rule."""
    tests: dict[Comparison, Callable[[float], bool]] = {
        Comparison.GREATER: lambda level: level > threshold_db,
        Comparison.AT_LEAST: lambda level: level >= threshold_db,
        Comparison.LESS: lambda level: level < threshold_db,
        Comparison.AT_MOST: lambda level: level <= threshold_db,
        Comparison.EQUAL: lambda level: abs(level - threshold_db) < SAME_DB,
        Comparison.UNEQUAL: lambda level: abs(level - threshold_db) >= SAME_DB,
    }
    return tests[comparison]


def recovery_test(comparison: Comparison, threshold_db: float, margin_db: float) -> Callable[[float], bool]:
    """Whether a level is back beyond the margin; with margin 0 exactly "no breach", so that no dead point is left."""
    low_db, high_db = round(threshold_db - margin_db, 6), round(threshold_db + margin_db, 6)
    apart_db = max(margin_db, SAME_DB)
    tests: dict[Comparison, Callable[[float], bool]] = {
        Comparison.GREATER: lambda level: level <= low_db,
        Comparison.AT_LEAST: lambda level: level < low_db,
        Comparison.LESS: lambda level: level >= high_db,
        Comparison.AT_MOST: lambda level: level > high_db,
        Comparison.EQUAL: lambda level: abs(level - threshold_db) >= apart_db,
        Comparison.UNEQUAL: lambda level: abs(level - threshold_db) < SAME_DB,
    }
    return tests[comparison]


def wanted_interval_s(rule: Rule, idle_s: float) -> float:
    """The cadence a rule needs: three samples within its delays, and never coarser than the idle one.

    A rule without a delay acts on every sample, so it is read as often as the meter allows (0).
    """
    if rule.limit is not None:
        return min(idle_s, LIMIT_INTERVAL_S)
    if rule.metric == ROLLING:
        return min(idle_s, rule.window_s / 30.0)
    shortest_s = min(rule.duration_s, rule.off_delay_s) if rule.off_delay_s > 0 else rule.duration_s
    return min(idle_s, shortest_s / SAMPLES_PER_DELAY)


def in_words(rule: Rule, level_name: str) -> str:
    """The rule as a sentence: what raises the alarm and what ends it."""
    if rule.limit is not None:
        return _limit_in_words(rule, rule.limit)
    verbs = {
        Comparison.GREATER: ("above {t}", "at or below {c}"),
        Comparison.AT_LEAST: ("at or above {t}", "below {c}"),
        Comparison.LESS: ("below {t}", "at or above {c}"),
        Comparison.AT_MOST: ("at or below {t}", "above {c}"),
        Comparison.EQUAL: ("equal to {t}", "away from {t}"),
        Comparison.UNEQUAL: ("different from {t}", "equal to {t}"),
    }
    begins, ends = (
        words.format(t=f"{rule.threshold_db:.1f} dB", c=f"{rule.clear_level_db:.1f} dB")
        for words in verbs[rule.comparison]
    )
    alarm = f"{level_name} {begins}{_for(rule.duration_s)}"
    red = "" if rule.red_threshold_db is None else f", red beyond {rule.red_threshold_db:.1f} dB"
    return f"alarm when {alarm}{red}; clears {ends}{_for(rule.off_delay_s)}"


def _limit_in_words(rule: Rule, watched: Watched) -> str:
    red_db = rule.threshold_db if rule.red_threshold_db is None else rule.red_threshold_db
    begins = "at or above" if rule.comparison is Comparison.AT_LEAST else "above"
    text = f"alarm when {watched.label} of limit {watched.name} is judged {begins} {red_db:.1f} dB"
    if not watched.has_ended_periods:
        ends = "below" if rule.comparison is Comparison.AT_LEAST else "at or below"
        clear_db = rule.clear_level_db
        return f"{text}{_for(rule.duration_s)}; clears {ends} {clear_db:.1f} dB{_for(rule.off_delay_s)}"
    if watched.warns:
        text += f"; amber beyond {rule.threshold_db:.1f} dB, both as soon as nothing can take it back"
    return f"{text}{_for(rule.duration_s)}; clears with a period that keeps it"


def _for(seconds: float) -> str:
    return f" for {seconds:g} s" if seconds > 0 else ""
