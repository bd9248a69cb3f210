"""The link to one meter: paced exchanges and streams over one connection.

Every method blocks the greenlet that calls it; only the worker that owns the meter does.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

import gevent

from slmm.errors import ConnectionLost, DeviceError, DeviceTimeout, Garbled, Refused
from slmm.nl43 import commands
from slmm.nl43.commands import Command, Kind
from slmm.nl43.connection import FLOOD_BYTES, Connection, KeepAlive
from slmm.nl43.protocol import (
    NEED_DATA,
    Answer,
    Closed,
    Conversation,
    Refusal,
    State,
    StreamEnded,
    StreamLine,
    StreamStarted,
)

logger = logging.getLogger(__name__)

T = TypeVar("T")

STREAM_SILENCE_S = 0.3
"""After SUB, silence of three frames means that the stream has ended without a prompt."""
STREAM_END_S = 3.0
PROMPT_WAIT_S = 0.2
"""A meter that ends its replies with the prompt is ready only then; one that comes in pieces is waited for so long."""


class LinkState(StrEnum):
    """What the link to one meter is doing."""

    CLOSED = "closed"
    CONNECTING = "connecting"
    IDLE = "idle"
    BUSY = "busy"
    STREAMING = "streaming"


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


@dataclass(frozen=True, slots=True)
class Exchange:
    """One command and what became of it."""

    command: Command
    result: str
    """``R+0000`` to ``R+0004``, or ``timeout``, ``garbled``, ``lost`` or ``unreachable``."""
    duration_s: float
    error: DeviceError | None = None


class LinkWatch:
    """Somebody who is told what happens on a link, in the greenlet that uses it; this one does not listen."""

    def opened(self, peer: str) -> None:
        """A connection was made."""

    def closed(self, reason: str) -> None:
        """The connection was let go."""

    def exchanged(self, exchange: Exchange) -> None:
        """A command was answered, or was not."""


class Link:
    """Commands and streams over the one connection that the meter allows."""

    def __init__(self, unit_id: str, host: str, port: int, times: LinkTimes, watch: LinkWatch | None = None) -> None:
        self.unit_id = unit_id
        self.host = host
        self.port = port
        self.times = times
        self.counters = LinkCounters()
        self.state = LinkState.CLOSED
        self.last_reply_s: float | None = None
        """Monotonic time at which the last reply ended."""
        self.last_round_trip_s: float | None = None
        self._watch = watch or LinkWatch()
        self._connection: Connection | None = None
        self._conversation = Conversation()
        self._quiet_until_s = 0.0
        self._is_unsure = False
        """The last stream ended without the prompt: a late line may still come."""
        self._sends_prompts = True
        """Until a reply comes without one; then until one comes again."""
        self._may_expire = times.max_age_s >= 0 or times.idle_ttl_s >= 0

    # -- the connection ---------------------------------------------------------------------------

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

    def close(self, reason: str = "on request") -> bool:
        """Let go of the connection; tells whether there was one."""
        connection, self._connection = self._connection, None
        if connection is None:
            return False
        connection.close()
        self._quiet_until_s = max(self._quiet_until_s, time.monotonic() + self.times.pacing_s)
        self._enter(LinkState.CLOSED)
        self._watch.closed(reason)
        return True

    def _enter(self, state: LinkState) -> None:
        if state is not self.state:
            logger.debug("%s link %s -> %s", self.unit_id, self.state, state)
            self.state = state
            self.counters.transitions += 1

    # -- exchanges --------------------------------------------------------------------------------

    def run(self, command: Command, decode: Callable[[str], T]) -> T:
        """One exchange: the decoded data line of a request, or of "" for a setting.

        Raises Refused for R+000n and another DeviceError when there is no sound answer. A read is
        tried once more on a fresh connection; a command that changes the meter is never sent twice.
        """
        if self._is_unsure:
            self._make_sure()
        try:
            return self._exchange(command, decode)
        except (ConnectionLost, DeviceTimeout, Garbled) as error:
            if command.changes_device:
                raise
            logger.debug("%s %s: %s; once more on a fresh connection", self.unit_id, command.wire, error)
            self.counters.retries += 1
            return self._exchange(command, decode)

    def _make_sure(self) -> None:
        """A cheap read after a stream that ended oddly: what comes late must not answer a setting."""
        self._is_unsure = False
        try:
            self._exchange(commands.request("Clock"), str)
        except (ConnectionLost, DeviceTimeout, Garbled) as error:
            logger.debug("%s is not in step after the stream: %s", self.unit_id, error)  # the link is closed now

    def _exchange(self, command: Command, decode: Callable[[str], T]) -> T:
        self.wait_for_turn()
        began_s = time.monotonic()
        try:
            connection = self._opened()
            self._resynchronise(connection)
            self._enter(LinkState.BUSY)
            began_s = time.monotonic()
            connection.send(self._conversation.send(command), self.times.reply_timeout_s)
            self.counters.commands += 1
            value = decode(self._reply(connection, command, began_s + self.times.reply_timeout_s))
        except Refused as refusal:
            self.counters.refusals += 1
            self._wait_for_prompt()
            self._reply_ended(began_s)
            self._watch.exchanged(Exchange(command, refusal.code, time.monotonic() - began_s, refusal))
            raise
        except DeviceError as error:
            result = self._count_failure(error)
            self._watch.exchanged(Exchange(command, result, time.monotonic() - began_s, error))
            self.close(str(error))
            raise
        if command.kind is Kind.STREAM:
            self._answered(began_s)
            self._enter(LinkState.STREAMING)
        else:
            self._wait_for_prompt()
            self._reply_ended(began_s)
        self._watch.exchanged(Exchange(command, "R+0000", self.last_round_trip_s or 0.0))
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
                case StreamStarted():
                    return ""
                case Refusal(error=refused):
                    raise refused
                case Closed():
                    raise ConnectionLost(f"{self.unit_id} closed the connection during {command.wire!r}")
                case event if event is NEED_DATA:
                    continue
                case other:
                    raise Garbled(f"{self.unit_id} answered {command.wire!r} with {other!r}")

    def _wait_for_prompt(self) -> None:
        """The meter's 1 s begins with the end of its reply, and that is the prompt, not the line before it."""
        conversation, received = self._conversation, 0
        deadline_s = time.monotonic() + PROMPT_WAIT_S
        with suppress(DeviceError):  # none this time; whether the connection is lost, the next command finds out
            while self._sends_prompts and not conversation.holds_prompt() and self._connection is not None:
                if (left_s := deadline_s - time.monotonic()) <= 0 or received >= FLOOD_BYTES:
                    break
                data = self._connection.receive(left_s)
                received += len(data)
                conversation.receive_data(data)
        self._sends_prompts = self._conversation.holds_prompt()

    def _answered(self, began_s: float) -> None:
        self.counters.replies += 1
        self.last_reply_s = time.monotonic()
        self.last_round_trip_s = self.last_reply_s - began_s

    def _reply_ended(self, began_s: float) -> None:
        self._answered(began_s)
        self._quiet_until_s = time.monotonic() + self.times.pacing_s
        self._enter(LinkState.IDLE)
        if not self.times.is_persistent:
            self.close("connections are not kept")

    def wait_for_turn(self) -> None:
        """Wait until the meter accepts the next command."""
        while (left_s := self._quiet_until_s - time.monotonic()) > 0:
            gevent.sleep(left_s)

    def _opened(self) -> Connection:
        expires_s = self.expires_s
        if expires_s is not None and time.monotonic() >= expires_s:
            self.close("its time has come")
            self.wait_for_turn()
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
            self._is_unsure = False
            self._enter(LinkState.IDLE)
            self._watch.opened(self._connection.peer)
        return self._connection

    def _resynchronise(self, connection: Connection) -> None:
        """Drop what came unasked, so that it cannot answer the next command."""
        if waiting := connection.receive_waiting():
            self._conversation.receive_data(waiting)
        stale = self._conversation.resynchronise()
        if stale.strip(b"$\r\n \x00\x1a"):
            self.counters.stale_bytes += len(stale)
            logger.debug("%s dropped %d stale bytes: %r", self.unit_id, len(stale), stale[:80])

    def _count_failure(self, error: DeviceError) -> str:
        match error:
            case DeviceTimeout():
                self.counters.timeouts += 1
                return "timeout"
            case Garbled():
                self.counters.garbled += 1
                return "garbled"
            case ConnectionLost():
                self.counters.lost += 1
                error.is_in_reply = self._conversation.is_in_reply
                return "lost"
            case _:
                self.counters.open_failures += 1
                return "unreachable"

    # -- streams ----------------------------------------------------------------------------------

    def open_stream(self, command: Command) -> None:
        """Begin a DRD stream; raises Refused, or another DeviceError when the meter does not answer."""
        self._exchange(command, str)

    def stream_lines(self, wait_s: float) -> list[str]:
        """The lines that have come, after waiting *wait_s* for the first; an empty list in silence.

        Raises ConnectionLost or Garbled, and DeviceTimeout when the meter has been mute for the reply time-out.
        """
        if self._connection is None:
            raise ConnectionLost(f"{self.unit_id} has no connection to stream over")
        lines: list[str] = []
        try:
            lines = self._waiting_lines()
            if not lines:
                try:
                    self._conversation.receive_data(self._connection.receive(wait_s))
                except DeviceTimeout:
                    if time.monotonic() - (self.last_reply_s or 0.0) > self.times.reply_timeout_s:
                        raise
                lines = self._waiting_lines()
        except DeviceError as error:
            self._count_failure(error)
            self.close(str(error))
            raise
        if lines:
            self.last_reply_s = time.monotonic()
        return lines

    def _waiting_lines(self) -> list[str]:
        lines: list[str] = []
        while isinstance(event := self._conversation.next_event(), (StreamLine, Closed)):
            if isinstance(event, Closed):
                raise ConnectionLost(f"{self.unit_id} closed the connection during the stream")
            lines.append(event.text)
        return lines

    def close_stream(self) -> None:
        """End the stream with SUB and wait for the prompt, or for silence; what was in flight is dropped."""
        if self._connection is None or self._conversation.state is not State.STREAMING:
            return
        deadline_s = time.monotonic() + STREAM_END_S
        try:
            self._connection.send(self._conversation.send_stop(), self.times.reply_timeout_s)
            while not isinstance(self._conversation.next_event(), StreamEnded):
                try:
                    self._conversation.receive_data(self._connection.receive(STREAM_SILENCE_S))
                except DeviceTimeout:
                    self._conversation.stream_silent()
                    self._is_unsure = True
                    break
                if time.monotonic() > deadline_s:
                    raise Garbled(f"{self.unit_id} goes on streaming after SUB")
        except DeviceError as error:
            self._count_failure(error)
            self.close(str(error))
            return
        self._quiet_until_s = time.monotonic() + self.times.pacing_s
        self._enter(LinkState.IDLE)
        if not self.times.is_persistent:
            self.close("connections are not kept")
