"""What a device's log says: commands, connections, changes and errors, in words.

Routine polls would fill the log: those that went well are counted and told once a minute in one line.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from slmm import events, signals
from slmm.events import LogCategory, LogLevel
from slmm.nl43.link import Exchange, LinkWatch

SUMMARY_S = 60.0
_ROUTINE = frozenset({"DOD?", "Measure?"})


class Journal(LinkWatch):
    """The log of one device; told by its link, its worker and whoever acts on it."""

    def __init__(self, unit_id: str) -> None:
        self.unit_id = unit_id
        self.beside = LinkWatch()
        """Somebody else who is told the same, such as one who counts."""
        self._polls = 0
        self._poll_s = 0.0
        self._longest_s = 0.0
        self._summary_due_s = time.monotonic() + SUMMARY_S

    def write(self, level: LogLevel, category: LogCategory, message: str) -> None:
        """Add an entry."""
        entry = events.LogEntry(self.unit_id, datetime.now(UTC), level, category, message)
        signals.publish(signals.logged, entry)

    def opened(self, peer: str) -> None:
        """Told by the link."""
        self.beside.opened(peer)
        self.write(LogLevel.INFO, LogCategory.TCP, f"connected to {peer}")

    def closed(self, reason: str) -> None:
        """Told by the link."""
        self.write(LogLevel.INFO, LogCategory.TCP, f"connection closed: {reason}")

    def exchanged(self, exchange: Exchange) -> None:
        """Told by the link: every command, its result code and how long it took."""
        self.beside.exchanged(exchange)
        wire = exchange.command.wire
        if exchange.error is None and wire in _ROUTINE:
            self._count_poll(exchange.duration_s)
            return
        category = LogCategory.POLL if wire in _ROUTINE else LogCategory.COMMAND
        took = f"{wire} → {exchange.result} in {exchange.duration_s:.2f} s"
        if exchange.error is None:
            self.write(LogLevel.INFO, category, took)
        else:
            level = LogLevel.WARNING if exchange.result.startswith("R+") else LogLevel.ERROR
            self.write(level, category, f"{took}: {exchange.error}")

    def _count_poll(self, duration_s: float) -> None:
        self._polls += 1
        self._poll_s += duration_s
        self._longest_s = max(self._longest_s, duration_s)
        if time.monotonic() < self._summary_due_s:
            return
        self.write(
            LogLevel.DEBUG,
            LogCategory.POLL,
            f"{self._polls} polls answered, {self._poll_s / self._polls:.2f} s each, {self._longest_s:.2f} s at most",
        )
        self._polls, self._poll_s, self._longest_s = 0, 0.0, 0.0
        self._summary_due_s = time.monotonic() + SUMMARY_S
