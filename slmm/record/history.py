"""Questions about the past: which periods, which quantities, and where their levels are taken from.

Periods are fixed: aligned with the local clock, labelled by their end (R12). Each quantity is brought together as it
has to be: energies are averaged, extremes taken, counts added for LN.

shorter than a minute
    from frames, as long as they are kept.
a minute and longer
    from minutes.
an hour and longer, over a long time or one whose minutes are gone
    from hours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from slmm.acoustics.intervals import PeriodLevels, Span
from slmm.acoustics.quality import LEFT_OUT, Flag
from slmm.acoustics.windows import fixed_periods
from slmm.errors import Invalid
from slmm.record import moments, pieces
from slmm.record.partitions import Partitions
from slmm.record.pieces import Pieces
from slmm.record.store import Connection, Store

MOST_POINTS = 4000
MOST_METRICS = 20
MINUTE_S, DAY_S = 60, 86_400
LADDER_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, DAY_S)
"""Steps that are chosen when nobody names one."""
LONG = timedelta(days=60)
"""From here on hours do for periods of whole hours."""
LONGEST_FOR_SHOWN = timedelta(days=7)
EARLIEST, LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
PERIOD_METRICS = ("laeq", "lmax", "lmin", "lpeak")
_LN = re.compile(r"l([1-9][0-9]?)")
_STEP = re.compile(r"([0-9]{1,6})(s|min|h|d)?")
_UNITS_S = {"": 1, "s": 1, "min": MINUTE_S, "h": 3600, "d": DAY_S}


def parse_step(text: str) -> int | None:
    """Seconds of a step such as ``30``, ``30s``, ``15min``, ``1h`` or ``1d``; None for ``auto``. Raises Invalid."""
    if text == "auto":
        return None
    found = _STEP.fullmatch(text)
    step_s = int(found[1]) * _UNITS_S[found[2] or ""] if found else 0
    is_short = 1 <= step_s < MINUTE_S and MINUTE_S % step_s == 0
    is_long = step_s >= MINUTE_S and step_s % MINUTE_S == 0 and step_s <= DAY_S and DAY_S % step_s == 0
    if not is_short and not is_long:
        raise Invalid(
            f"step {text!r} is not allowed: auto, or seconds that divide a minute (1, 10, 30s), or minutes that divide"
            " a day (1min, 15min, 1h, 8h, 1d)",
            field="step",
        )
    return step_s


def percent_of(metric: str) -> int | None:
    """5 for ``l5``; None for what is not an LN."""
    found = _LN.fullmatch(metric)
    return int(found[1]) if found else None


def parse_metrics(text: str) -> tuple[str, ...]:
    """Names from a list with commas, each once; raises Invalid for one that is none."""
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in PERIOD_METRICS and name not in moments.SHOWN and percent_of(name) is None:
            allowed = ", ".join((*PERIOD_METRICS, "l1 … l99", *sorted(moments.SHOWN)))
            raise Invalid(f"metrics: {name[:20]!r} is not known; allowed are {allowed}", field="metrics")
    if not 1 <= len(names) <= MOST_METRICS:
        raise Invalid(f"metrics names {len(names)} quantities; 1 to {MOST_METRICS} are allowed", field="metrics")
    return names


def check_span(from_at: datetime, until_at: datetime) -> None:
    """Raise Invalid for a span without length, or far from any measurement."""
    for name, at in (("from", from_at), ("until", until_at)):
        if not EARLIEST <= at <= LATEST:
            raise Invalid(f"{name}: {at.isoformat()} is not allowed; years 1990 to 2199 are", field=name)
    if until_at <= from_at:
        raise Invalid(
            f"until: {until_at.isoformat()} is not after from, {from_at.isoformat()}, as it has to be", field="until"
        )


@dataclass(frozen=True, slots=True)
class Keeping:
    """For how many days frames and minutes are kept; 0 for ever."""

    frames_days: float
    minutes_days: float

    def has_frames(self, from_at: datetime, now: datetime) -> bool:
        """Whether frames of that time may still be there."""
        return not self.frames_days or from_at >= now - timedelta(days=self.frames_days)

    def has_minutes(self, from_at: datetime, now: datetime) -> bool:
        """Whether minutes of that time may still be there."""
        return not self.minutes_days or from_at >= now - timedelta(days=self.minutes_days)


@dataclass(frozen=True, slots=True)
class Question:
    """Levels of one unit over a span, in steps."""

    unit_id: str
    from_at: datetime
    until_at: datetime
    """Aware; every period of which a part lies in between is answered whole."""
    step_s: int | None
    """None: the smallest that gives no more than MOST_POINTS."""
    metrics: tuple[str, ...]
    most_points: int = MOST_POINTS

    @property
    def needs_counts(self) -> bool:
        """Whether an LN is asked for."""
        return any(percent_of(metric) is not None for metric in self.metrics)

    @property
    def shown(self) -> tuple[str, ...]:
        """What is asked for of the display's own figures."""
        return tuple(metric for metric in self.metrics if metric in moments.SHOWN)


@dataclass(frozen=True, slots=True)
class Points:
    """The answer: periods in order of time, unrounded."""

    step_s: int
    taken_from: str
    """``frames``, ``minutes`` or ``hours``."""
    levels: list[PeriodLevels]
    shown: dict[str, list[float | None]]

    def column(self, metric: str) -> list[float | None]:
        """One quantity over all periods; None where nothing is known."""
        if metric in self.shown:
            return self.shown[metric]
        return [value_of(each, metric) for each in self.levels]


def value_of(levels: PeriodLevels, metric: str) -> float | None:
    """One quantity of a period, unrounded.

    An LAeq of which everything was over-range is what the meter still showed: it is told as a lower bound (R26).
    """
    match metric:
        case "laeq":
            return levels.laeq_at_least if levels.laeq is None else levels.laeq
        case "lmax" | "lmin" | "lpeak":
            return {"lmax": levels.lmax, "lmin": levels.lmin, "lpeak": levels.lpeak}[metric]
    percent = percent_of(metric)
    return None if percent is None else levels.ln(percent)


class History:
    """Answers from the record; every question runs in the record's reader threads and raises DiskTrouble."""

    def __init__(
        self,
        store: Store,
        partitions: Partitions,
        zone_of: Callable[[str], ZoneInfo],
        keeping: Keeping,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.store = store
        self.partitions = partitions
        self.keeping = keeping
        self.now = now
        self._zone_of = zone_of

    def zone(self, unit_id: str) -> str:
        """The name of a unit's zone."""
        return self._zone_of(unit_id).key

    def plan(self, question: Question) -> tuple[int, list[Span]]:
        """The step in seconds and the periods; raises Invalid for too many, naming a step that would do."""
        check_span(question.from_at, question.until_at)
        span_s = (question.until_at - question.from_at).total_seconds()
        fitting = next((step for step in self._ladder(question) if span_s / step <= question.most_points - 1), None)
        step_s = fitting if question.step_s is None else question.step_s
        if step_s is None:
            raise Invalid(
                f"from: more than {question.most_points} days cannot be answered at once; ask for less", field="from"
            )
        if span_s / step_s > question.most_points:
            advice = "ask for less" if fitting is None else f"{step_name(fitting)} would do"
            raise Invalid(
                f"step {step_name(step_s)} gives {span_s / step_s:.0f} points, and {question.most_points} are allowed;"
                f" {advice}",
                field="step",
            )
        return step_s, self.periods(question.unit_id, question.from_at, question.until_at, step_s)

    def _ladder(self, question: Question) -> Iterable[int]:
        has_frames = self.keeping.has_frames(question.from_at, self.now())
        return LADDER_S if has_frames else [step_s for step_s in LADDER_S if step_s >= MINUTE_S]

    def periods(self, unit_id: str, from_at: datetime, until_at: datetime, step_s: int) -> list[Span]:
        """The fixed periods that a span touches, whole, as the clocks of the unit's place have them."""
        if step_s >= MINUTE_S:
            return list(fixed_periods(from_at.astimezone(UTC), until_at.astimezone(UTC), step_s, self.zone(unit_id)))
        step = timedelta(seconds=step_s)  # divides a minute, and zones differ by whole ones
        begin = from_at.astimezone(UTC) - (from_at.astimezone(UTC) - EARLIEST) % step
        count = -(-(until_at - begin) // step)
        return [Span(begin + step * number, begin + step * (number + 1)) for number in range(count)]

    def ask(self, question: Question) -> Points:
        """The answer to a question; raises Invalid and DiskTrouble."""
        step_s, spans = self.plan(question)
        if question.shown and step_s >= MINUTE_S and question.until_at - question.from_at > LONGEST_FOR_SHOWN:
            raise Invalid(
                f"metrics: {', '.join(question.shown)} stand in single readings; for so long a time ask for"
                f" {', '.join(PERIOD_METRICS)} or l1 … l99, or for {LONGEST_FOR_SHOWN.days} days at most",
                field="metrics",
            )
        return self.store.read(lambda connection: self._answer(connection, question, step_s, spans))

    def _answer(self, connection: Connection, question: Question, step_s: int, spans: list[Span]) -> Points:
        taken_from, found = self.pieces(connection, question.unit_id, spans, with_counts=question.needs_counts)
        shown = moments.shown_at_ends(connection, self.partitions, question.unit_id, spans, question.shown)
        return Points(step_s, taken_from, [each.levels() for each in found], shown)

    def pieces(
        self,
        connection: Connection,
        unit_id: str,
        spans: Sequence[Span],
        *,
        excluded: Sequence[Span] = (),
        with_counts: bool = True,
    ) -> tuple[str, list[Pieces]]:
        """What the levels of periods are made of, and from which table; in a reader's thread.

        The periods stand in order of time, and are all shorter than a minute and alike, or all of whole minutes.
        """
        unit = self.store.known_unit(unit_id)
        if unit is None or not spans:
            return "minutes", [Pieces(span) for span in spans]
        if (length_s := spans[0].duration_s) < MINUTE_S:
            return "frames", moments.of_frames(
                connection,
                self.partitions,
                unit_id,
                spans[0].starts_at,
                round(length_s),
                len(spans),
                with_counts=with_counts,
            )
        if self._is_for_hours(spans, unit_id):
            return "hours", pieces.of_hours(
                connection, self.partitions, unit, unit_id, spans, excluded=excluded, with_counts=with_counts
            )
        return "minutes", pieces.of_minutes(
            connection, self.partitions, unit_id, spans, excluded=excluded, with_counts=with_counts
        )

    def _is_for_hours(self, spans: Sequence[Span], unit_id: str) -> bool:
        begin, end = spans[0].starts_at, spans[-1].ends_at
        if end - begin <= LONG and self.keeping.has_minutes(begin, self.now()):
            return False
        zone = self._zone_of(unit_id)
        return all(_is_whole_hour(edge, zone) for span in spans for edge in (span.starts_at, span.ends_at))

    def levels(
        self,
        unit_id: str,
        spans: Sequence[Span],
        *,
        excluded: Sequence[Span] = (),
        left_out: Flag = LEFT_OUT,
        with_counts: bool = True,
    ) -> list[PeriodLevels]:
        """The levels of any periods in order of time; raises DiskTrouble."""

        def question(connection: Connection) -> list[PeriodLevels]:
            _, found = self.pieces(connection, unit_id, spans, excluded=excluded, with_counts=with_counts)
            return [each.levels(left_out) for each in found]

        return self.store.read(question)


def _is_whole_hour(at: datetime, zone: ZoneInfo) -> bool:
    local = at.astimezone(zone)
    return local.minute == local.second == 0


def step_name(step_s: int) -> str:
    """A step as it may be given: 30s, 15min, 1h, 1d."""
    for unit in ("d", "h", "min"):
        if step_s % _UNITS_S[unit] == 0:
            return f"{step_s // _UNITS_S[unit]}{unit}"
    return f"{step_s}s"
