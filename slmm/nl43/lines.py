"""Receive buffer of one connection: bytes in, whole lines out, however they were cut on the way.

The meter ends a line with CR LF and writes a bare ``$`` when it is ready; the prompt has no line end
of its own, so it stands glued to the front of the next line (NL-43 comm. guide, framing).
"""

from __future__ import annotations

from slmm.errors import Garbled

LINE_LIMIT_BYTES = 4096
"""The longest line of an NL-43 has 351 characters; with octave bands some hundred more."""

_NOISE = b"$\r\n\x00\x1a"


class LineBuffer:
    """Splits what was received at line ends; remembers how far it has searched."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._searched = 0

    def __len__(self) -> int:
        return len(self._data)

    def feed(self, data: bytes) -> None:
        """Add what was received."""
        self._data += data

    def next_line(self) -> bytes | None:
        """The next line that is more than prompts and line ends, without its line end; None to wait.

        Leading spaces stay: levels are right-justified. Raises Garbled when a line has no end.
        """
        while True:
            end = self._data.find(b"\n", self._searched)
            if end < 0:
                self._searched = len(self._data)
                if self._searched > LINE_LIMIT_BYTES:
                    raise self._too_long()
                return None
            if end > LINE_LIMIT_BYTES:
                raise self._too_long()
            line = bytes(self._data[:end])
            del self._data[: end + 1]
            self._searched = 0
            line = line.rstrip(b"\r").lstrip(_NOISE)
            if line.strip():
                return line

    def _too_long(self) -> Garbled:
        """However the line was cut on the way: its length decides, not what came at once."""
        return Garbled(f"{LINE_LIMIT_BYTES} bytes came without a line end", repr(self.drop()[:80]))

    def drop(self) -> bytes:
        """Throw away what is left, and tell what it was."""
        left = bytes(self._data)
        self._data.clear()
        self._searched = 0
        return left

    def holds_prompt(self) -> bool:
        """Whether what is left, but for line ends, is a ready prompt."""
        return bytes(self._data).strip(b"\r\n\x00 ").endswith(b"$")
