"""One meter as its owner sees it: paced exchanges over one connection, and the verbs made of them.

Every method blocks the greenlet that calls it; only the worker that owns the meter does.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

import gevent

from slmm import events
from slmm.errors import CommandError, ConnectionLost, DeviceError, DeviceTimeout, Garbled, NotConfirmed, Refused
from slmm.nl43 import commands, readings
from slmm.nl43.commands import Command
from slmm.nl43.connection import Connection, KeepAlive
from slmm.nl43.protocol import NEED_DATA, Answer, Closed, Conversation, Refusal

logger = logging.getLogger(__name__)

T = TypeVar("T")


class LinkState(StrEnum):
    """What the link to one meter is doing."""

    CLOSED = "closed"
    CONNECTING = "connecting"
    IDLE = "idle"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class LinkTimes:
    """Deadlines and pacing of one link, in seconds; a time to live of -1 means for ever."""

    connect_timeout_s: float = 5.0
    reply_timeout_s: float = 5.0
    pacing_s: float = 1.0
    is_persistent: bool = True
    idle_ttl_s: float = -1.0
    max_age_s: float = -1.0
    keepalive: KeepAlive = field(default_factory=KeepAlive)


@dataclass(slots=True)
class LinkCounters:
    """What happened on the link since the service started."""

    opened: int = 0
    open_failures: int = 0
    commands: int = 0
    replies: int = 0
    refusals: int = 0
    timeouts: int = 0
    garbled: int = 0
    lost: int = 0
    retries: int = 0
    stale_bytes: int = 0
    """Bytes that came unasked and were dropped before a command."""
    transitions: int = 0


class Meter:
    """The link to one NL-43 and what can be asked of it."""

    def __init__(
        self,
        unit_id: str,
        host: str,
        port: int,
        times: LinkTimes,
        saw_run_state: Callable[[events.RunState], None],
    ) -> None:
        self.unit_id = unit_id
        self.host = host
        self.port = port
        self.times = times
        self.counters = LinkCounters()
        self.state = LinkState.CLOSED
        self.last_reply_s: float | None = None
        """Monotonic time at which the last reply ended."""
        self.last_round_trip_s: float | None = None
        self._saw_run_state = saw_run_state
        self._connection: Connection | None = None
        self._conversation = Conversation()
        self._quiet_until_s = 0.0
        self._may_expire = times.max_age_s >= 0 or times.idle_ttl_s >= 0

    # -- the link ---------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether a connection is held."""
        return self._connection is not None

    @property
    def opened_s(self) -> float | None:
        """Monotonic time at which the connection was opened."""
        return self._connection.opened_s if self._connection else None

    @property
    def ready_s(self) -> float:
        """Monotonic time from which the meter accepts the next command."""
        return self._quiet_until_s

    @property
    def expires_s(self) -> float | None:
        """Monotonic time at which the connection is to be closed for its age or idleness; None never."""
        if self._connection is None or not self._may_expire:
            return None
        ends = []
        if self.times.max_age_s >= 0:
            ends.append(self._connection.opened_s + self.times.max_age_s)
        if self.times.idle_ttl_s >= 0:
            ends.append((self.last_reply_s or self._connection.opened_s) + self.times.idle_ttl_s)
        return min(ends, default=None)

    def close(self) -> bool:
        """Let go of the connection; tells whether there was one."""
        connection, self._connection = self._connection, None
        if connection is None:
            return False
        connection.close()
        self._quiet_until_s = max(self._quiet_until_s, time.monotonic() + self.times.pacing_s)
        self._enter(LinkState.CLOSED)
        return True

    def _enter(self, state: LinkState) -> None:
        if state is not self.state:
            logger.debug("%s link %s -> %s", self.unit_id, self.state, state)
            self.state = state
            self.counters.transitions += 1

    def run(self, command: Command, decode: Callable[[str], T]) -> T:
        """One exchange: the decoded data line of a request, or of "" for a setting.

        Raises Refused for R+000n and another DeviceError when there is no sound answer. A read is
        tried once more on a fresh connection; a command that changes the meter is never sent twice.
        """
        try:
            return self._exchange(command, decode)
        except (ConnectionLost, DeviceTimeout, Garbled) as error:
            if command.changes_device:
                raise
            logger.debug("%s %s: %s; once more on a fresh connection", self.unit_id, command.wire, error)
            self.counters.retries += 1
            return self._exchange(command, decode)

    def _exchange(self, command: Command, decode: Callable[[str], T]) -> T:
        self._wait_for_pacing()
        began_s = time.monotonic()
        try:
            connection = self._opened()
            self._resynchronise(connection)
            self._enter(LinkState.BUSY)
            began_s = time.monotonic()
            connection.send(self._conversation.send(command), self.times.reply_timeout_s)
            self.counters.commands += 1
            value = decode(self._reply(connection, command, began_s + self.times.reply_timeout_s))
        except Refused:
            self.counters.refusals += 1
            self._reply_ended(began_s)
            raise
        except DeviceError as error:
            self._count_failure(error)
            self.close()
            raise
        self._reply_ended(began_s)
        return value

    def _reply(self, connection: Connection, command: Command, deadline_s: float) -> str:
        while True:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise DeviceTimeout(f"{self.unit_id} did not answer {command.wire!r} in time")
            self._conversation.receive_data(connection.receive(left_s))
            match self._conversation.next_event():
                case Answer(data=data):
                    return data or ""
                case Refusal(error=refused):
                    raise refused
                case Closed():
                    raise ConnectionLost(f"{self.unit_id} closed the connection during {command.wire!r}")
                case event if event is NEED_DATA:
                    continue
                case other:
                    raise Garbled(f"{self.unit_id} answered {command.wire!r} with {other!r}")

    def _reply_ended(self, began_s: float) -> None:
        now_s = time.monotonic()
        self.counters.replies += 1
        self.last_reply_s = now_s
        self.last_round_trip_s = now_s - began_s
        self._quiet_until_s = now_s + self.times.pacing_s
        self._enter(LinkState.IDLE)
        if not self.times.is_persistent:
            self.close()

    def _wait_for_pacing(self) -> None:
        while (left_s := self._quiet_until_s - time.monotonic()) > 0:
            gevent.sleep(left_s)

    def _opened(self) -> Connection:
        expires_s = self.expires_s
        if expires_s is not None and time.monotonic() >= expires_s:
            self.close()
            self._wait_for_pacing()
        if self._connection is None:
            self._enter(LinkState.CONNECTING)
            self._conversation = Conversation()
            try:
                self._connection = Connection.open(
                    self.host,
                    self.port,
                    timeout_s=self.times.connect_timeout_s,
                    keepalive=self.times.keepalive,
                )
            except DeviceError:
                self._enter(LinkState.CLOSED)
                raise
            self.counters.opened += 1
            self._enter(LinkState.IDLE)
        return self._connection

    def _resynchronise(self, connection: Connection) -> None:
        """Drop what came unasked, so that it cannot answer the next command."""
        if waiting := connection.receive_waiting():
            self._conversation.receive_data(waiting)
        stale = self._conversation.resynchronise()
        if stale.strip(b"$\r\n \x00\x1a"):
            self.counters.stale_bytes += len(stale)
            logger.debug("%s dropped %d stale bytes: %r", self.unit_id, len(stale), stale[:80])

    def _count_failure(self, error: DeviceError) -> None:
        match error:
            case DeviceTimeout():
                self.counters.timeouts += 1
            case Garbled():
                self.counters.garbled += 1
            case ConnectionLost():
                self.counters.lost += 1
            case _:
                self.counters.open_failures += 1

    # -- the verbs ----------------------------------------------------------------------------------

    def read_display(self) -> tuple[tuple[events.Levels, ...], str]:
        """What the meter shows now (DOD): the levels of four channels, and the line as it came."""
        return self.run(commands.READ_DISPLAY, lambda line: (readings.decode_display(line), line))

    def read_run_state(self) -> events.RunState | None:
        """Whether a measurement runs; None when the meter says something that is neither Start nor Stop."""
        state = self.run(commands.READ_RUN_STATE, readings.parse_run_state)
        if state is not None:
            self._saw_run_state(state)
        return state

    def start_measurement(self) -> events.RunState | None:
        """End a sleep mode, start, and read the state back.

        Raises StatusError when it runs already, NotConfirmed when the meter says that nothing runs.
        """
        try:
            if self.run(commands.request("Sleep Mode"), str).strip().lower() == "on":
                self.run(commands.setting("Sleep Mode", "Off"), str)
        except CommandError:
            logger.debug("%s knows no sleep mode", self.unit_id)  # the option program is missing
        self.run(commands.START, str)
        state = self._confirmed(events.RunState.MEASURING)
        if state is events.RunState.STOPPED:
            raise NotConfirmed(f"{self.unit_id} accepted the start, but says that it is stopped")
        return state

    def stop_measurement(self) -> events.RunState | None:
        """Stop; raises StatusError when nothing runs. The read that follows cannot undo the success."""
        self.run(commands.STOP, str)
        return self._confirmed(events.RunState.STOPPED)

    def _confirmed(self, expected: events.RunState) -> events.RunState | None:
        try:
            state = self.read_run_state()
        except DeviceError as error:
            logger.warning("%s accepted the command, but its state could not be read: %s", self.unit_id, error)
            self._saw_run_state(expected)
            return expected
        return state

    def write_setting(self, name: str, value: str) -> None:
        """Change one setting; raises Invalid before anything is sent, Refused when the meter says no."""
        self.run(commands.setting(name, value), str)

    def read_setting(self, name: str) -> str | None:
        """The value of one setting, or None when this meter does not have it."""
        try:
            return self.run(commands.request(name), str).strip() or None
        except Refused:
            return None
