"""The settings of an NL-43: names, forms, defaults and which of them a running measurement locks.

Pages are those of Rion's communication guide No. 66132. Forms marked "guess" are not documented.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Register:
    """One setting."""

    name: str
    default: str
    form: str
    """Regular expression of the value, any case."""
    is_locked: bool = True
    """Whether a running measurement refuses a change (R+0004)."""
    needs_option: bool = False
    """Whether the NX-43EX program is needed."""

    def accepts(self, value: str) -> bool:
        """Whether *value* is allowed."""
        return re.fullmatch(self.form, value, re.IGNORECASE) is not None


ON_OFF = "On|Off"
WORD = r"[A-Za-z0-9 ./:\-]+"  # guess
NUMBER = r"-?\d+(\.\d+)?"  # guess
PRESET = "10s|1m|5m|10m|15m|30m|1h|8h|24h|Manual"


def _free(default: str, form: str, *names: str) -> list[Register]:
    return [Register(name, default, form, is_locked=False) for name in names]


def _locked(default: str, form: str, *names: str, option: bool = False) -> list[Register]:
    return [Register(name, default, form, needs_option=option) for name in names]


_ALL = [
    *_free("Off", ON_OFF, "Echo", "Key Lock"),  # pp. 39, 41
    *_free("English", "Japanese|English|Germany|Spanish|French|Simplified Chinese|Korean", "Language"),  # p. 40
    *_locked("0001", r"\d{4}", "Index Number"),  # p. 40
    *_free("On", ON_OFF, "Backlight", "LCD"),  # p. 41
    *_free("Short", "Short|Long|Off", "Backlight Auto Off", "LCD Auto Off"),  # pp. 41–42
    *_free("2", "[1-4]", "Backlight Brightness"),  # p. 42
    *_free("Alkaline", "Alkaline|NiMH", "Battery Type"),  # p. 42
    *_free("100", NUMBER, "Output Level Range Upper"),  # p. 44
    *_free("30", NUMBER, "Output Level Range Lower"),  # p. 44
    *_free("On", ON_OFF, "Display Leq", "Display LE", "Display Lpeak", "Display Lmax", "Display Lmin"),  # p. 44
    *_free("On", ON_OFF, "Display LN1", "Display LN2", "Display LN3", "Display LN4", "Display LN5"),  # p. 45
    *_free("Off", ON_OFF, "Display LIeq", "Display Ltm5", "Display Leqmov"),  # p. 47
    *_free("20s", WORD, "Time Level Time Scale"),  # p. 47
    *_free("Off", ON_OFF, "Display Sub Channel 1", "Display Sub Channel 2", "Display Sub Channel 3"),  # p. 49
    *_locked("A", "A|C|Z", "Frequency Weighting (Main)"),  # p. 53
    *_locked("C", "A|C|Z", "Frequency Weighting (Sub1)", option=True),
    *_locked("Z", "A|C|Z", "Frequency Weighting (Sub2)", "Frequency Weighting (Sub3)", option=True),
    *_locked("F", "F|S|I", "Time Weighting (Main)", "Time Weighting (Sub1)"),  # p. 54
    *_locked("F", "F|S|I", "Time Weighting (Sub2)", "Time Weighting (Sub3)"),
    *_locked("Off", WORD, "Windscreen Correction"),  # p. 55
    *_locked("Off", ON_OFF, "Diffuse Sound Field Correction"),  # p. 56
    *_locked("Manual", "Manual|Auto|Timer Auto", "Store Mode"),  # p. 58
    *_locked("0001", r"\d{4}", "Store Name"),  # p. 58
    *_locked("0001", r"\d{1,4}", "Manual Address"),  # p. 58
    *_free("Off", ON_OFF, "Pause"),  # p. 59
    *_locked("24h", PRESET, "Measurement Time Preset Manual"),  # p. 60
    *_locked("1", NUMBER, "Measurement Time Manual (Num)", "Measurement Time Auto (Num)"),
    *_locked("m", "s|m|h", "Measurement Time Manual (Unit)", "Measurement Time Auto (Unit)"),
    *_locked("24h", PRESET, "Measurement Time Preset Auto", option=True),  # p. 61
    *_locked("100ms", "Off|10ms|25ms|100ms|200ms|1s", "Lp Store Interval", option=True),  # p. 62
    *_locked("15m", "Off|" + PRESET, "Leq Calculation Interval Preset", option=True),  # p. 62
    *_locked("1", NUMBER, "Leq Calculation Interval (Num)", option=True),
    *_locked("m", "s|m|h", "Leq Calculation Interval (Unit)", option=True),
    *_locked("Off", WORD, "Store Delay Time", "Back Erase", option=True),  # p. 63
    *_locked("2026/01/01 00:00:00", WORD, "Timer Auto Start Time", "Timer Auto Stop Time", option=True),  # p. 64
    *_locked("Off", "Off|5m|10m|15m|30m|1h|8h|24h", "Timer Auto Interval", option=True),  # p. 65
    *_locked("Off", ON_OFF, "Sleep Mode", option=True),  # p. 65
    *_locked("Off", WORD, "Trigger Mode", "Level Trigger Channel", "Level Trigger Level", option=True),
    *_locked("1m", WORD, "Moving Leq Interval Preset", option=True),  # p. 67
    *_locked("1", NUMBER, "Moving Leq Interval (Num)", option=True),
    *_locked("m", "s|m|h", "Moving Leq Interval (Unit)", option=True),
    *_locked("Lp", WORD, "TRM", option=True),  # p. 68
    *_locked("5", NUMBER, "Percentile 1", option=True),  # p. 69
    *_locked("10", NUMBER, "Percentile 2", option=True),
    *_locked("50", NUMBER, "Percentile 3", option=True),
    *_locked("90", NUMBER, "Percentile 4", option=True),
    *_locked("95", NUMBER, "Percentile 5", option=True),
    *_free("Off", WORD, "AC OUT", "DC OUT", "IO Func"),  # pp. 78–81
    *_free("120", NUMBER, "Output Range Upper"),  # p. 81
    *_free("Off", ON_OFF, "Reference Signal Output"),  # p. 81
    *_free("19200", "9600|19200|38400|57600|115200", "Baud Rate"),  # p. 82
    *_free("Off", WORD, "Comparator Channel", "Comparator Level"),  # p. 82
    *_locked("Off", "Off|CDC|CDC/MSC", "USB Class"),  # p. 83
    *_locked("On", ON_OFF, "Ethernet", option=True),  # p. 84
    *_locked("Off", ON_OFF, "Ethernet DHCP", option=True),
    *_locked("192.168.0.10", r"\d+(\.\d+){3}", "Ethernet IP", option=True),
    *_locked("255.255.255.0", r"\d+(\.\d+){3}", "Ethernet Subnet", option=True),
    *_locked("0.0.0.0", r"\d+(\.\d+){3}", "Ethernet Gateway", option=True),
    *_locked("Off", ON_OFF, "Web", option=True),  # p. 85
    Register("FTP", "Off", ON_OFF, is_locked=False, needs_option=True),  # p. 85
    Register("TCP", "On", ON_OFF, needs_option=True),  # p. 86
]

REGISTERS: dict[str, Register] = {register.name.lower(): register for register in _ALL}
ALIASES = {
    "frequency weighting": "frequency weighting (main)",
    "time weighting": "time weighting (main)",
}
