"""What single members of requests may hold: names, hosts, ports, levels, zones."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from slmm.errors import Garbled
from slmm.nl43.readings import parse_level
from slmm.web.context import UNIT_ID

_ADDRESS_CHARACTERS = re.compile(r"[0-9A-Za-z.:%_-]{1,253}")
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOSTNAME = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")


def _unit_id(value: str) -> str:
    if not UNIT_ID.fullmatch(value):
        raise ValueError("1–64 letters, digits, '.', '_' or '-', not beginning with '_' or '.'")
    return value


def _host(value: str) -> str:
    if not _ADDRESS_CHARACTERS.fullmatch(value):  # ipaddress takes any text for an IPv6 zone
        raise ValueError("an IP address or a host name, without scheme, port or spaces")
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        if not _HOSTNAME.fullmatch(value) or re.fullmatch(r"[\d.]+", value):
            raise ValueError("an IP address or a host name, without scheme, port or spaces") from None
    return value


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("printable characters only: no line ends or other control characters")
    return value


def _prose(value: str) -> str:
    """Several lines are allowed; they are kept with plain line ends."""
    text = value.replace("\r\n", "\n")
    if not all(line.isprintable() for line in text.split("\n")):
        raise ValueError("printable characters and line ends only")
    return text


def _pushed_level(value: object) -> str:
    try:
        text = f"{value:.1f}" if isinstance(value, (int, float)) and not isinstance(value, bool) else value
        if isinstance(text, str):
            parse_level(text)
            return text
    except (Garbled, OverflowError):  # an integer of JSON may be too large for any float
        pass
    raise ValueError("a level in dB with one decimal, such as 72.4, or '-.-' for none")


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("an IANA time zone, such as Europe/Berlin") from None
    return value


def _fact(value: str) -> str | None:
    return value.strip() or None


UnitId = Annotated[str, AfterValidator(_unit_id), Field(json_schema_extra={"pattern": f"^{UNIT_ID.pattern}$"})]
Host = Annotated[str, AfterValidator(_host)]
Text = Annotated[str, AfterValidator(_printable)]
Prose = Annotated[str, AfterValidator(_prose)]
Zone = Annotated[str, Field(max_length=64), AfterValidator(_printable), AfterValidator(_zone)]
Fact = Annotated[str, Field(max_length=80), AfterValidator(_printable), AfterValidator(_fact)]
"""A few words about a unit; blanks alone are none."""
Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]
Port = Annotated[int, Field(ge=1, le=65_535)]
Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="Local time, such as 22:00")]
PollInterval = Annotated[int, Field(ge=30, le=21_600, description="Seconds")]
Level = Annotated[float | None, Field(description="dB")]
PushedLevel = Annotated[
    Any,
    AfterValidator(_pushed_level),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}], "description": "dB"}),
]


class Input(BaseModel):
    """Bodies are strict: no unknown member, no text for a number."""

    model_config = ConfigDict(extra="forbid", strict=True)
