"""What single members of a limit document may hold: levels, lengths, clock times, texts, zones, calendars; pure."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from slmm.errors import Invalid
from slmm.limits import holiday

DAY_S, HOUR_S, MINUTE_S = 86_400, 3600, 60
DAY_MIN = 1440
LEAST_DB, MOST_DB = -50.0, 200.0
_UNITS_S = {"s": 1, "min": MINUTE_S, "h": HOUR_S}
_LENGTH = re.compile(r"([1-9]\d{0,4})(s|min|h)")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")


class Part(BaseModel):
    """Strict and frozen: no unknown member, no text for a number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_by_name=False)


def length_s(text: str) -> int:
    """``15min`` in seconds; raises ValueError when it is no length."""
    match = _LENGTH.fullmatch(text)
    if match is None:
        raise ValueError("a length with its unit s, min or h, such as 15min")
    return int(match[1]) * _UNITS_S[match[2]]


def minutes_of(clock: str) -> int:
    """``07:30`` as minutes after midnight; 24:00 are 1440."""
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


def _length(value: str) -> str:
    if not 1 <= length_s(value) <= DAY_S:
        raise ValueError("a length of 1s to 24h")
    return value


def _clock(value: str) -> str:
    if not _CLOCK.fullmatch(value):
        raise ValueError("a local time from 00:00 to 24:00, such as 07:30")
    return value


def _line(value: str) -> str:
    if not value.isprintable():
        raise ValueError("printable characters only: no line ends or other control characters")
    return value


def _prose(value: str) -> str:
    if not all(line.isprintable() for line in value.split("\n")):
        raise ValueError("printable characters and line ends only")
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("an IANA time zone, such as Europe/Berlin") from None
    return value


def _calendar(value: str) -> str:
    try:
        holiday.calendar(value)
    except Invalid:
        raise ValueError("an ISO 3166 country such as DE, or a part of one such as DE-BE") from None
    return value


def _date(value: object) -> object:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValueError("a date such as 2026-12-24") from None
    return value


Decibels = Annotated[float, Field(ge=LEAST_DB, le=MOST_DB, allow_inf_nan=False, description="dB")]
Margin = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False, description="dB")]
Adjustment = Annotated[float, Field(ge=-50, le=50, allow_inf_nan=False, description="dB")]
Hours = Annotated[float, Field(gt=0, le=24, allow_inf_nan=False, description="Hours")]
Length = Annotated[str, AfterValidator(_length), Field(description="Such as 5min, 1h or 12h")]
Clock = Annotated[str, AfterValidator(_clock), Field(description="Local time, such as 07:30; 24:00 is midnight's end")]
Line = Annotated[str, Field(max_length=200), AfterValidator(_line)]
Prose = Annotated[str, Field(max_length=4000), AfterValidator(_prose)]
Zone = Annotated[str, Field(max_length=64), AfterValidator(_zone), Field(description="IANA zone")]
CalendarName = Annotated[
    str,
    Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$", description="ISO 3166, such as DE-BE"),
    AfterValidator(_calendar),
]
LocalDate = Annotated[date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]
