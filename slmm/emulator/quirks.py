"""What no source fixes about the meter, each point a switch; the defaults are the likeliest."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Quirks:
    """How this meter behaves where the manual is silent."""

    prompt: str = "after"
    """``after`` every reply, ``none``, ``double`` or ``crlf`` (prompt with a line end)."""
    prompt_on_connect: bool = False
    has_option: bool = True
    """Whether the NX-43EX extension program is installed."""
    missing_option_code: str = "R+0001"
    counter_width: int = 3
    """DRD counter: right-justified in so many characters; 0 unpadded."""
    has_stream_status: bool = True
    """Whether ``DRD?status`` is known; never seen on a real meter."""
    sub_answer: str = "prompt"
    """After SUB: ``prompt``, ``none`` or ``result`` (R+0000 and prompt)."""
    echo_first: bool = True
    """With Echo on: the command comes back before the result line (else behind it)."""
    accepts_bare_lf: bool = True
    second_connection: str = "mute"
    """``mute`` (connects, is served when the slot is free), ``drop`` (never served) or ``rst``."""
    slot_release_s: float = 0.0
    """How long after a close the next client must wait (cellular: 3–5 s)."""
    too_soon: str = "count"
    """A command sooner than pacing_s after a reply: ``count`` it, ``ignore`` it, or ``busy`` (R+0004)."""
    pacing_s: float = 1.0
    pacing_tolerance_s: float = 0.0
    refuses_while_measuring: bool = True
    dlc_before_first: str = "missing"
    """DLC before any measurement: ``missing`` values or ``refuse`` (R+0004)."""
    knows_reset: bool = False
    reply_delay_s: float = 0.0
    """Latency of every reply."""
    paused_state: str = "Start"
    """What ``Measure?`` says while paused."""
    ftp_open_delay_s: float = 0.0
    """From FTP,On until port 21 answers."""
    ftp_has_rest: bool = False
    """Whether a transfer may begin in the middle of a file; never tried on a real meter."""
    ftp_has_size: bool = False
    control_blocked_by_transfer: bool = False
    """Whether the control port is mute while a file is fetched."""
    clock_ahead_s: float = 0.0
    """By how much the meter's clock is wrong when it is switched on."""
    clock_drift_ppm: float = 0.0
    """By how much it runs too fast."""
    card_style: str = "nl43"
    """Rows and names on the card: ``nl43``, or ``nl42`` (no channel in the columns, a comma behind each row)."""
    stores_last_part: bool = False
    """Whether a Leq interval that was not full when the measurement stopped is stored."""

    def changed(self, name: str, text: str) -> Quirks:
        """The same with one switch set from text; raises ValueError for an unknown name or value."""
        fields = {field.name: field for field in dataclasses.fields(self)}
        if name not in fields:
            raise ValueError(f"no quirk {name!r}; there are {', '.join(sorted(fields))}")
        old = getattr(self, name)
        value: Any = text
        if isinstance(old, bool):
            if text.lower() not in ("true", "false", "on", "off", "1", "0"):
                raise ValueError(f"quirk {name}={text!r} is neither true nor false")
            value = text.lower() in ("true", "on", "1")
        elif isinstance(old, (int, float)):
            value = type(old)(text)
        return dataclasses.replace(self, **{name: value})
