"""The command table: one line of text in, result code and data out.

Pages are those of Rion's communication guide No. 66132; "log" marks what a real meter was seen to do.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from slmm.emulator.card import TOTAL_MB
from slmm.emulator.meter import Instrument
from slmm.emulator.registers import ALIASES, REGISTERS, Register

OK = "R+0000"
NOT_RECOGNISED = "R+0001"
BAD_PARAMETER = "R+0002"
WRONG_DIRECTION = "R+0003"
WRONG_STATE = "R+0004"


@dataclass(frozen=True, slots=True)
class Reply:
    """A result code, and the data line of a request."""

    code: str
    data: str | None = None
    stream: str | None = None
    """``DRD`` or ``DRD status``: lines follow every 100 ms until SUB."""


Handler = Callable[[Instrument, str, float], Reply]


def answer(instrument: Instrument, line: str, now_s: float) -> Reply:
    """What the meter says to *line*; names and parameters in any case, a space after a comma allowed."""
    request = re.fullmatch(r"([^,?]+)\?(.*)", line)
    if request:
        return _request(instrument, request[1].lower(), request[2].strip().lower(), now_s)
    name, comma, parameter = line.partition(",")
    if not comma:  # log: "Manual Store" without its parameter gives R+0001
        is_reset = name.lower() == "reset" and instrument.quirks.knows_reset
        return _reset(instrument) if is_reset else Reply(NOT_RECOGNISED)
    return _setting(instrument, name.lower(), parameter.strip(), now_s)


def _register(name: str) -> Register | None:
    return REGISTERS.get(ALIASES.get(name, name))


def _request(instrument: Instrument, name: str, argument: str, now_s: float) -> Reply:
    instrument.advance(now_s)
    if name == "drd":  # pp. 90, 92
        if not instrument.quirks.has_option:
            return Reply(instrument.quirks.missing_option_code)
        forms = {"": "DRD", "status": "DRD status"}
        if argument == "status" and not instrument.quirks.has_stream_status:
            return Reply(NOT_RECOGNISED)
        return Reply(OK, stream=forms[argument]) if argument in forms else Reply(BAD_PARAMETER)
    if argument:
        return Reply(BAD_PARAMETER)
    if name in _REQUESTS:
        return _REQUESTS[name](instrument, "", now_s)
    register = _register(name)
    if register is None:
        return Reply(WRONG_DIRECTION if name in _SETTINGS else NOT_RECOGNISED)
    if register.needs_option and not instrument.quirks.has_option:
        return Reply(instrument.quirks.missing_option_code)
    return Reply(OK, instrument.registers[register.name])


def _setting(instrument: Instrument, name: str, parameter: str, now_s: float) -> Reply:
    instrument.advance(now_s)
    if name in _SETTINGS:
        return _SETTINGS[name](instrument, parameter, now_s)
    register = _register(name)
    if register is None:
        return Reply(WRONG_DIRECTION if name in _REQUESTS else NOT_RECOGNISED)
    if register.needs_option and not instrument.quirks.has_option:
        return Reply(instrument.quirks.missing_option_code)
    if not register.accepts(parameter):
        return Reply(BAD_PARAMETER)
    if register.is_locked and instrument.is_measuring and instrument.quirks.refuses_while_measuring:
        return Reply(WRONG_STATE)
    instrument.set_register(register.name, _spelled(register, parameter))
    return Reply(OK)


def _spelled(register: Register, value: str) -> str:
    """The manual's spelling of a word that came in another case."""
    for word in register.form.split("|"):
        if word.lower() == value.lower():
            return word
    return value


def _measure(instrument: Instrument, parameter: str, now_s: float) -> Reply:
    actions = {"start": instrument.start, "stop": instrument.stop}  # p. 58
    action = actions.get(parameter.lower())
    if action is None:
        return Reply(BAD_PARAMETER)
    return Reply(OK if action() else WRONG_STATE)  # log: Stop when stopped gives R+0004


def _measure_state(instrument: Instrument, _: str, now_s: float) -> Reply:
    if instrument.is_measuring and instrument.registers["Pause"] == "On":
        return Reply(OK, instrument.quirks.paused_state)
    return Reply(OK, "Start" if instrument.is_measuring else "Stop")  # log


def _set_clock(instrument: Instrument, parameter: str, now_s: float) -> Reply:
    if instrument.is_measuring and instrument.quirks.refuses_while_measuring:
        return Reply(WRONG_STATE)
    try:
        clock = datetime.strptime(parameter, "%Y/%m/%d %H:%M:%S")  # noqa: DTZ007 - the meter has no zone
    except ValueError:
        return Reply(BAD_PARAMETER)  # log: a comma between date and time gives R+0002
    instrument.set_clock(clock, now_s)
    return Reply(OK)


def _manual_store(instrument: Instrument, parameter: str, now_s: float) -> Reply:
    if parameter.lower() != "start":
        return Reply(BAD_PARAMETER)
    return Reply(OK if instrument.store() else WRONG_STATE)


def _overwrite(instrument: Instrument, _: str, now_s: float) -> Reply:
    is_taken = instrument.card is not None and instrument.card.holds(instrument.registers)
    return Reply(OK, "Exist" if is_taken else "None")


def _card_free(instrument: Instrument, _: str, now_s: float) -> Reply:
    return Reply(OK, "29876" if instrument.card is None else f"{instrument.card.free_mb:.0f}")


def _card_percentage(instrument: Instrument, _: str, now_s: float) -> Reply:
    return Reply(OK, "98" if instrument.card is None else f"{100 * instrument.card.free_mb / TOTAL_MB:.0f}")


def _dlc(instrument: Instrument, _: str, now_s: float) -> Reply:
    if instrument.measurement is None and instrument.quirks.dlc_before_first == "refuse":
        return Reply(WRONG_STATE)
    return Reply(OK, instrument.display_line(with_lp=False))


def _reset(instrument: Instrument) -> Reply:
    instrument.measurement = None
    return Reply(OK)


def _fixed(text: str) -> Handler:
    return lambda instrument, _, now_s: Reply(OK, text)


_REQUESTS: dict[str, Handler] = {
    "system version": _fixed("01.00.0000"),  # p. 39, text is a guess
    "type": _fixed("NL-43"),  # p. 39
    "serial number": lambda instrument, _, now_s: Reply(OK, instrument.serial_number),  # p. 39
    "clock": lambda instrument, _, now_s: Reply(OK, f"{instrument.clock(now_s):%Y/%m/%d %H:%M:%S}"),  # p. 40, log
    "battery level": lambda instrument, _, now_s: Reply(OK, instrument.battery),  # p. 43, log: a word
    "sd card total size": _fixed(f"{TOTAL_MB:.0f}"),  # p. 43, MB is a guess
    "sd card free size": _card_free,  # p. 43
    "sd card percentage": _card_percentage,  # p. 43
    "measure": _measure_state,  # p. 58
    "overwrite": _overwrite,  # p. 59
    "dod": lambda instrument, _, now_s: Reply(OK, instrument.display_line()),  # p. 88
    "dlc": _dlc,  # p. 94
}
_SETTINGS: dict[str, Handler] = {
    "measure": _measure,  # p. 58
    "clock": _set_clock,  # p. 40
    "manual store": _manual_store,  # p. 59
    "overwrite": lambda instrument, parameter, now_s: Reply(OK),  # p. 59, values unknown
}
