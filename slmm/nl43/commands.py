"""The commands of the NL-43: one table with form, direction and manual page, and their encoding.

Names, directions and pages follow Rion's NL-43/NL-53 Communication Guide No. 66132. A value whose form
the guide does not give is checked only for harmlessness (printable ASCII, no comma or line end).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from slmm.errors import Invalid


class Kind(StrEnum):
    """What a command does on the wire."""

    SETTING = "setting"
    REQUEST = "request"
    STREAM = "stream"


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """One row of the table."""

    name: str
    page: int
    """Page in the communication guide."""
    parameter: str | None
    """Regular expression of the parameter, matched whole, any case; None when it cannot be set."""
    allowed: str
    """The same for a person."""
    is_readable: bool = True
    answer: str | None = None
    """Regular expression of a sound answer; None: any single value without a comma."""


_ON_OFF = ("On|Off", "On or Off")
_WORDS = (r"[ -+\--~]{1,40}", "up to 40 printable characters without a comma")
_NUMBER = (r"-?\d{1,6}(?:\.\d{1,2})?", "a number")
_FOUR = (r"\d{4}", "four digits, 0000 to 9999")
_CLOCK = (r"\d{4}/\d{2}/\d{2} \d{2}:\d{2}:\d{2}", "YYYY/MM/DD hh:mm:ss")
_PRESET = (r"10s|1m|5m|10m|15m|30m|1h|8h|24h|Manual", "10s, 1m, 5m, 10m, 15m, 30m, 1h, 8h, 24h or Manual")
_INTERVAL = ("Off|" + _PRESET[0], "Off, " + _PRESET[1])
_UNIT = ("s|m|h", "s, m or h")
_QUAD = (r"\d{1,3}(?:\.\d{1,3}){3}", "a dotted quad such as 192.168.0.10")


def _choice(*words: str) -> tuple[str, str]:
    text = f"{', '.join(words[:-1])} or {words[-1]}"
    return "|".join(re.escape(word) for word in words), text


def _both(names: str, page: int, form: tuple[str, str]) -> list[CommandSpec]:
    """Settings that can also be read."""
    return [CommandSpec(name.strip(), page, *form) for name in names.split(",")]


def _read(name: str, page: int, answer: str | None = None) -> CommandSpec:
    return CommandSpec(name, page, None, "nothing: it can only be read", answer=answer)


_SUBS = "Frequency Weighting (Sub1), Frequency Weighting (Sub2), Frequency Weighting (Sub3)"
_TIME_SUBS = "Time Weighting (Sub1), Time Weighting (Sub2), Time Weighting (Sub3)"
_LINE = r"(?s).*"

_TABLE = [
    *_both("Echo", 39, _ON_OFF),
    _read("System Version", 39),
    _read("Type", 39),
    _read("Serial Number", 39),
    CommandSpec("Clock", 40, *_CLOCK, answer=_CLOCK[0]),
    *_both(
        "Language",
        40,
        _choice("Japanese", "English", "Germany", "Spanish", "French", "Simplified Chinese", "Korean"),
    ),
    *_both("Index Number", 40, _FOUR),
    *_both("Key Lock, Backlight, LCD", 41, _ON_OFF),
    *_both("Backlight Auto Off", 41, _choice("Short", "Long", "Off")),
    *_both("LCD Auto Off", 42, _choice("Short", "Long", "Off")),
    *_both("Backlight Brightness", 42, ("[1-4]", "1 to 4")),
    *_both("Battery Type", 42, _choice("Alkaline", "NiMH")),
    _read("Battery Level", 43, r"[A-Za-z]{1,16}"),
    _read("SD Card Total Size", 43),
    _read("SD Card Free Size", 43),
    _read("SD Card Percentage", 43),
    *_both("Output Level Range Upper, Output Level Range Lower", 44, _NUMBER),
    *_both("Display Leq, Display LE, Display Lpeak, Display Lmax, Display Lmin", 44, _ON_OFF),
    *_both("Display LN1, Display LN2, Display LN3, Display LN4, Display LN5", 45, _ON_OFF),
    *_both("Display LIeq, Display Ltm5, Display Leqmov", 47, _ON_OFF),
    *_both("Time Level Time Scale", 47, _WORDS),
    *_both("Display Sub Channel 1, Display Sub Channel 2, Display Sub Channel 3", 49, _ON_OFF),
    *_both("Frequency Weighting, Frequency Weighting (Main)," + _SUBS, 53, _choice("A", "C", "Z")),
    *_both("Time Weighting, Time Weighting (Main)," + _TIME_SUBS, 54, _choice("F", "S", "I")),
    *_both("Windscreen Correction", 55, _WORDS),
    *_both("Diffuse Sound Field Correction", 56, _ON_OFF),
    *_both("Store Mode", 58, _WORDS),
    *_both("Store Name", 58, _FOUR),
    *_both("Manual Address", 58, (r"\d{1,4}", "up to four digits")),
    CommandSpec("Measure", 58, *_choice("Start", "Stop"), answer="[A-Za-z]{1,16}"),
    *_both("Pause", 59, _ON_OFF),
    CommandSpec("Manual Store", 59, "Start", "Start", is_readable=False),
    *_both("Overwrite", 59, _WORDS),
    *_both("Measurement Time Preset Manual", 60, _PRESET),
    *_both("Measurement Time Manual (Num)", 60, _NUMBER),
    *_both("Measurement Time Manual (Unit)", 60, _UNIT),
    *_both("Measurement Time Preset Auto", 61, _PRESET),
    *_both("Measurement Time Auto (Num)", 61, _NUMBER),
    *_both("Measurement Time Auto (Unit)", 61, _UNIT),
    *_both("Lp Store Interval", 62, _choice("Off", "10ms", "25ms", "100ms", "200ms", "1s")),
    *_both("Leq Calculation Interval Preset", 62, _INTERVAL),
    *_both("Leq Calculation Interval (Num)", 62, _NUMBER),
    *_both("Leq Calculation Interval (Unit)", 63, _UNIT),
    *_both("Store Delay Time, Back Erase", 63, _WORDS),
    *_both("Timer Auto Start Time, Timer Auto Stop Time", 64, _CLOCK),
    *_both("Timer Auto Interval", 65, _choice("Off", "5m", "10m", "15m", "30m", "1h", "8h", "24h")),
    *_both("Sleep Mode", 65, _ON_OFF),
    *_both("Trigger Mode, Level Trigger Channel, Level Trigger Level", 66, _WORDS),
    *_both("Moving Leq Interval Preset", 67, _WORDS),
    *_both("Moving Leq Interval (Num)", 68, _NUMBER),
    *_both("Moving Leq Interval (Unit)", 68, _UNIT),
    *_both("TRM", 68, _WORDS),
    *_both("Percentile 1, Percentile 2, Percentile 3, Percentile 4, Percentile 5", 69, _NUMBER),
    *_both("AC OUT, DC OUT", 78, _WORDS),
    *_both("Output Range Upper", 81, _NUMBER),
    *_both("Reference Signal Output", 81, _ON_OFF),
    *_both("IO Func", 81, _WORDS),
    *_both("Baud Rate", 82, _choice("9600", "19200", "38400", "57600", "115200")),
    *_both("Comparator Channel, Comparator Level", 82, _WORDS),
    *_both("USB Class", 83, _choice("Off", "CDC", "CDC/MSC")),
    *_both("Ethernet, Ethernet DHCP", 84, _ON_OFF),
    *_both("Ethernet IP, Ethernet Subnet, Ethernet Gateway", 84, _QUAD),
    *_both("Web, FTP", 85, _ON_OFF),
    *_both("TCP", 86, _ON_OFF),
    _read("DOD", 88, _LINE),
    _read("DRD", 90, _LINE),
    _read("DLC", 94, _LINE),
    # Not in the guide's index; sent because 0.4.0 offered it. The meter answers R+0001.
    CommandSpec("Reset", 0, "", "nothing", is_readable=False),
]

COMMANDS: dict[str, CommandSpec] = {spec.name: spec for spec in _TABLE}

SUB = b"\x1a"
"""Ends a DRD stream; sent alone, without a line end."""


@dataclass(frozen=True, slots=True)
class Command:
    """Something to send; made by ``setting`` or ``request``, which check it against the table."""

    name: str
    kind: Kind
    parameter: str = ""

    @property
    def spec(self) -> CommandSpec:
        """Its row in the table."""
        return COMMANDS[self.name]

    @property
    def changes_device(self) -> bool:
        """Whether it must never be sent twice blindly."""
        return self.kind is Kind.SETTING

    @property
    def wire(self) -> str:
        """The text on the wire, without its line end."""
        if self.kind is not Kind.SETTING:
            return f"{self.name}?{self.parameter}"
        return f"{self.name},{self.parameter}" if self.parameter else self.name

    def encode(self) -> bytes:
        """The bytes to send, in one write."""
        return self.wire.encode("ascii") + b"\r\n"


def _find(name: str) -> CommandSpec:
    spec = COMMANDS.get(name)
    if spec is None:
        raise Invalid(f"{name!r} is no command of the NL-43", field="name")
    return spec


def setting(name: str, parameter: str) -> Command:
    """A command that sets *name*; raises Invalid naming the field, the value and what is allowed."""
    spec = _find(name)
    if spec.parameter is None:
        raise Invalid(f"{name} can only be read, not set to {parameter!r}", field=name)
    if not parameter.isascii() or not re.fullmatch(spec.parameter, parameter, re.IGNORECASE):
        raise Invalid(f"{name}={parameter!r} is not allowed; it takes {spec.allowed}", field=name)
    return Command(name, Kind.SETTING, parameter)


def request(name: str) -> Command:
    """A command that reads *name*; raises Invalid when there is nothing to read."""
    if not _find(name).is_readable:
        raise Invalid(f"{name} can only be set, not read", field=name)
    return Command(name, Kind.REQUEST)


READ_DISPLAY = request("DOD")
READ_RUN_STATE = request("Measure")
READ_RESULT = request("DLC")
STREAM = Command("DRD", Kind.STREAM)
STREAM_STATUS = Command("DRD", Kind.STREAM, "status")
START = setting("Measure", "Start")
STOP = setting("Measure", "Stop")
