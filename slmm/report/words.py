"""What stands in a report in words: a dictionary for each language; how numbers, times and names are written; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from slmm.acoustics.energy import rounded, rounded_up
from slmm.acoustics.intervals import PeriodLevels, Span
from slmm.acoustics.quality import Bound
from slmm.report.english import ENGLISH
from slmm.report.german import GERMAN

LANGUAGES: Mapping[str, Mapping[str, str]] = {"en": ENGLISH, "de": GERMAN}
DASH, NO_BREAK = "–", "\N{NO-BREAK SPACE}"
PLAIN, SUB, BOLD, STRUCK, MUTED, CODE = "", "sub", "bold", "struck", "muted", "code"

Rich = tuple[tuple[str, str], ...]
"""Text in pieces, each with how it is set: plain, sub, bold, struck, muted or code."""
_QUANTITY = re.compile(
    r"\bL[ACZ](?:eq|E|peak|[FSI]?(?:eq|max|min|Tm5|\d{1,2}|N)?)(?:,(?:\d+(?:h|min|s)|T))?\b|\bLden\b|\bLr,\d+(?:h|min)\b"
)


def quantity(name: str) -> Rich:
    """LAeq,15min with its index set low."""
    return ((name[0], PLAIN), (name[1:], SUB)) if name.startswith("L") and len(name) > 1 else ((name, PLAIN),)


def text(words: str, how: str = PLAIN) -> Rich:
    """As it is."""
    return ((words, how),)


def marked(sentence: str) -> Rich:
    """A sentence in which the indices of quantities are set low."""
    found: list[tuple[str, str]] = []
    at = 0
    for match in _QUANTITY.finditer(sentence):
        found += [(sentence[at : match.start() + 1], PLAIN), (match.group()[1:], SUB)]
        at = match.end()
    return tuple(piece for piece in (*found, (sentence[at:], PLAIN)) if piece[0])


def plain(rich: Rich) -> str:
    """Without any setting."""
    return "".join(words for words, _ in rich)


class Words:
    """One language; the times are those of one zone."""

    def __init__(self, zone: str, language: str = "en") -> None:
        self.zone = zone
        self.language = language
        self._place = ZoneInfo(zone)
        self._words = LANGUAGES[language]

    def __call__(self, key: str, **values: object) -> str:
        """A text of the dictionary; raises KeyError for one that is none."""
        return self._words[key].format(**values)

    def db(self, value: float | None, digits: int = 1) -> str:
        """A level without its unit, rounded once, here; a dash when it is not known."""
        return DASH if value is None else self.number(rounded(value, digits), digits)

    def number(self, value: float, digits: int) -> str:
        """With the decimal sign of the language, and a true minus."""
        return f"{value:.{digits}f}".replace("-", "−").replace(".", self._words["decimal sign"])

    def signed(self, value: float, digits: int = 1) -> str:
        """A difference, with its sign."""
        shown = rounded(value, digits)
        return ("+" if shown > 0 else "") + self.number(shown, digits)

    def percent(self, ratio: float) -> str:
        """Whole, but never more than there is: 99.97 % are 99.9 %."""
        tenths = int(ratio * 1000 + 1e-6)
        return self.number(tenths / 10, 0 if tenths % 10 == 0 else 1) + f"{NO_BREAK}%"

    def level(self, levels: PeriodLevels) -> str:
        """LAeq with its bound and its uncertainty: 65.3, > 130.2, 65.3 ± 0.4."""
        value = levels.laeq_at_least if levels.laeq is None or levels.bound is Bound.LOWER else levels.laeq
        if value is None:
            return DASH
        sign = "" if levels.bound is Bound.NONE else f"{levels.bound.value} "
        off = "" if levels.uncertainty_db is None else f" ± {self.number(rounded_up(levels.uncertainty_db), 1)}"
        return sign + self.db(value) + off

    def local(self, at: datetime) -> datetime:
        """On the wall."""
        return at.astimezone(self._place)

    def long_date(self, day: date, *, with_year: bool = True) -> str:
        """Fri 20 November 2026."""
        weekday = self._words["weekdays"].split()[day.weekday()]
        month = self._words["months"].split()[day.month - 1]
        return self(
            "date" if with_year else "date without year", weekday=weekday, day=day.day, month=month, year=day.year
        )

    def month(self, day: date) -> str:
        """Its name."""
        return self._words["months"].split()[day.month - 1]

    def short_date(self, day: date) -> str:
        """Fri 20 Nov."""
        weekday = self._words["weekdays"].split()[day.weekday()]
        return f"{weekday} {day.day} {self._words['months'].split()[day.month - 1][:3]}"

    def clock(self, at: datetime) -> str:
        """14:05, or 14:05:30 where seconds matter."""
        local = self.local(at)
        return f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"

    def clock_until(self, at: datetime) -> str:
        """What the clocks would show if they were not changed at this instant."""
        before = self.local(at - timedelta(seconds=1)) + timedelta(seconds=1)
        return f"{before:%H:%M}"

    def moment(self, at: datetime) -> str:
        """Date and time."""
        return f"{self.local(at):%Y-%m-%d} {self.clock(at)}"

    def stretch(self, starts_at: datetime, ends_at: datetime, *, within: date | None = None) -> str:
        """From–until; without the date where it lies on the day *within*, and 24:00 for the midnight that ends it."""
        first, last = self.local(starts_at), self.local(ends_at)
        if starts_at == ends_at:
            return (
                self.clock(starts_at)
                if within == first.date()
                else f"{self.short_date(first.date())} {self.clock(starts_at)}"
            )
        end = self.clock(ends_at)
        if last.date() == first.date() + timedelta(days=1) and end == "00:00":
            end, last = "24:00", first
        if last.date() != first.date():
            end = f"{self.short_date(last.date())} {end}"
        begin = self.clock(starts_at)
        return f"{begin}–{end}" if within == first.date() else f"{self.short_date(first.date())} {begin}–{end}"

    def duration(self, seconds: float) -> str:
        """1 h 52 min."""
        minutes = round(seconds / 60)
        if seconds < 60:
            return f"{seconds:.0f} s"
        hours, rest = divmod(minutes, 60)
        return " ".join([*([f"{hours} h"] if hours else []), *([f"{rest} min"] if rest or not hours else [])])

    def offset(self, at: datetime) -> str:
        """UTC+01:00."""
        seconds = int((self.local(at).utcoffset() or timedelta()).total_seconds())
        sign, minutes = "−" if seconds < 0 else "+", abs(seconds) // 60
        return f"UTC{sign}{minutes // 60:02}:{minutes % 60:02}"

    def span(self, span: Span) -> str:
        """With dates on both sides."""
        return f"{self.moment(span.starts_at)} – {self.moment(span.ends_at)}"
