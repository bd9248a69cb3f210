"""Named misbehaviour, on demand: what real meters and modems have been seen to do, and worse."""

from __future__ import annotations

from dataclasses import dataclass, field

REPLY_FAULTS = {
    "garbled_reply": "letters and control characters in the data",
    "stray_line": "a line nobody asked for stands before the reply",
    "late_reply": "the reply comes value seconds late",
    "silence": "no reply at all",
    "byte_by_byte": "the reply comes one byte at a time",
    "dropped_connection": "the connection ends in the middle of the reply",
    "dropped_at_command": "the connection ends before the reply",
    "blank_fields": "some fields of the display are empty",
    "half_line": "the data line breaks off, then its end follows",
    "wrong_field_count": "the display line lacks a channel",
    "doubled_prompt": "several prompts",
    "missing_prompt": "no prompt",
    "extra_reply": "the reply comes twice",
    "stream_tail": "two DRD lines are still in flight before the reply",
    "not_measure_word": "Measure? is answered by a level line",
}
METER_FAULTS = {
    "refused_control_port": "the control port answers RST for value seconds; measuring goes on",
    "clock_jump": "the meter's clock jumps by value seconds",
    "unplugged": "nothing answers until plugged in again",
    "plugged": "the cable is back",
}


@dataclass(slots=True)
class Fault:
    """A fault waiting to happen."""

    name: str
    value: float = 0.0
    left: int = 1
    """How many replies it will still spoil."""
    only: str = ""
    """Spoil only replies to commands whose text begins so, such as ``Measure?``."""


@dataclass(slots=True)
class FaultBox:
    """The reply faults set for one meter."""

    waiting: list[Fault] = field(default_factory=list)
    happened: dict[str, int] = field(default_factory=dict)

    def add(self, fault: Fault) -> None:
        """Set a fault; raises ValueError for a name that does not exist."""
        if fault.name not in REPLY_FAULTS:
            raise ValueError(f"no fault {fault.name!r}; there are {', '.join([*REPLY_FAULTS, *METER_FAULTS])}")
        self.waiting.append(fault)

    def take(self, command: str) -> Fault | None:
        """The fault that spoils the reply to *command*, if one is set."""
        for fault in self.waiting:
            if command.lower().startswith(fault.only.lower()):
                fault.left -= 1
                if fault.left <= 0:
                    self.waiting.remove(fault)
                self.happened[fault.name] = self.happened.get(fault.name, 0) + 1
                return fault
        return None


def spoil(name: str, reply: bytes) -> bytes:
    """The bytes of *reply* after a fault that changes them; other faults leave them alone."""
    head, line_end, rest = reply.partition(b"\r\n")
    match name:
        case "garbled_reply":
            return head + line_end + rest.replace(b".", b"\x7f").replace(b"5", b"x").replace(b"t", b"#")
        case "stray_line":
            return b"Stop\r\n" + reply
        case "blank_fields":
            fields = rest.split(b",")
            for index in (1, 4, 10):
                if index < len(fields) - 1:
                    fields[index] = b"     "
            return head + line_end + b",".join(fields)
        case "wrong_field_count":
            return head + line_end + b",".join(rest.split(b",")[16:])
        case "doubled_prompt":
            return b"$$" + reply + b"$\r\n$"
        case "missing_prompt":
            return reply.removesuffix(b"$")
        case "extra_reply":
            return reply + reply
        case "stream_tail":
            tail = b" 12, 61.2, 60.0, 61.3, 61.1, 75.0,  -.-,0,0" + b",  -.-" * 6 + b",-,-\r\n"
            return tail + tail + reply
        case "not_measure_word":
            return head + line_end + b" 61.2, 60.0, 61.3\r\n$"
        case _:
            return reply
