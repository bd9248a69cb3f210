"""A conversation with one meter, without any I/O: commands in, bytes out; bytes in, events out.

The states and what may follow:

    IDLE          send(setting, request, stream)      → AWAIT_RESULT
    AWAIT_RESULT  ``R+0000`` after a setting          → IDLE, Answer
                  ``R+0000`` after a request          → AWAIT_DATA
                  ``R+0000`` after DRD                → STREAMING, StreamStarted
                  ``R+0001`` … ``R+0004``             → IDLE, Refusal
    AWAIT_DATA    a sound line                        → IDLE, Answer
    STREAMING     a line                              → STREAMING, StreamLine
                  send_stop()                         → STOPPING
    STOPPING      the prompt, or silence              → IDLE, StreamEnded
    any           end of file                         → CLOSED
    any           anything else                       → ERROR: reconnect, never drain and hope
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from slmm.errors import REFUSALS, Garbled, Refused, SlmmError
from slmm.nl43.commands import SUB, Command, Kind
from slmm.nl43.lines import LineBuffer


class State(Enum):
    """Where a conversation stands."""

    IDLE = "idle"
    AWAIT_RESULT = "await result"
    AWAIT_DATA = "await data"
    STREAMING = "streaming"
    STOPPING = "stopping"
    CLOSED = "closed"
    ERROR = "error"


class ProtocolMisuse(SlmmError):
    """We asked for something that the state of the conversation does not allow."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The meter did as it was told; ``data`` is the line of a request."""

    command: Command
    data: str | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The meter said no."""

    command: Command
    error: Refused


@dataclass(frozen=True, slots=True)
class StreamStarted:
    """The meter has accepted DRD; lines follow."""


@dataclass(frozen=True, slots=True)
class StreamLine:
    """One line of a DRD stream."""

    text: str


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """The stream has ended after SUB."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The meter closed the connection."""


class NeedData(Enum):
    """Nothing to tell until more bytes come."""

    NEED_DATA = "need data"


NEED_DATA = NeedData.NEED_DATA
Event = Answer | Refusal | StreamStarted | StreamLine | StreamEnded | Closed | NeedData

_RESULT = re.compile(r"R\+\d{4}")
_DISPLAY_COMMAS = 63
_STREAM_COMMAS = 32


class Conversation:
    """What was said on one connection, and what may be said next."""

    def __init__(self) -> None:
        self.state = State.IDLE
        self._lines = LineBuffer()
        self._command: Command | None = None
        self._is_at_end = False
        self._may_echo = False

    def send(self, command: Command) -> bytes:
        """The bytes of *command*; raises ProtocolMisuse unless the last exchange is over."""
        if self.state is not State.IDLE:
            raise ProtocolMisuse(f"{command.wire!r} cannot be sent while {self.state.value}")
        self._command = command
        self._may_echo = True
        self.state = State.AWAIT_RESULT
        return command.encode()

    def send_stop(self) -> bytes:
        """The byte that ends a stream; raises ProtocolMisuse when none runs."""
        if self.state is not State.STREAMING:
            raise ProtocolMisuse(f"there is no stream to stop while {self.state.value}")
        self.state = State.STOPPING
        return SUB

    def receive_data(self, data: bytes) -> None:
        """What came from the meter; empty bytes mean that it closed the connection."""
        if data:
            self._lines.feed(data)
        else:
            self._is_at_end = True

    def resynchronise(self) -> bytes:
        """Drop what came unasked before the next command, and tell what it was."""
        return self._lines.drop() if self.state is State.IDLE else b""

    def holds_prompt(self) -> bool:
        """Whether the prompt has come after the last whole line."""
        return self._lines.holds_prompt()

    @property
    def is_in_reply(self) -> bool:
        """Whether some of a reply has come, and not all."""
        return self.state is State.AWAIT_DATA or (self.state is State.AWAIT_RESULT and len(self._lines) > 0)

    def stream_silent(self) -> StreamEnded:
        """The caller heard nothing for a while after SUB: the stream is over without a prompt."""
        if self.state is not State.STOPPING:
            raise ProtocolMisuse(f"no stream is being stopped while {self.state.value}")
        return self._stream_ended()

    def next_event(self) -> Event:
        """What happened next; raises Garbled when the meter's bytes make no sense, and stays in ERROR."""
        if self.state is State.ERROR:
            raise Garbled("the conversation was given up after nonsense from the meter")
        if self.state is State.IDLE:
            return self._end_or(NEED_DATA)
        try:
            while (line := self._lines.next_line()) is not None:
                event = self._take(line)
                if event is not None:
                    return event
        except Garbled:
            self.state = State.ERROR
            raise
        if self.state is State.STOPPING and self._lines.holds_prompt():
            return self._stream_ended()
        return self._end_or(NEED_DATA)

    def _end_or(self, event: Event) -> Event:
        if self._is_at_end:
            self.state = State.CLOSED
            return Closed()
        return event

    def _stream_ended(self) -> StreamEnded:
        self._lines.drop()
        self.state = State.IDLE
        return StreamEnded()

    def _take(self, raw: bytes) -> Event | None:
        if self.state is State.STOPPING:
            return None  # lines that were in flight, perhaps cut
        try:
            line = raw.decode("ascii")
        except UnicodeDecodeError as error:
            raise Garbled("a line holds bytes that are not ASCII", repr(raw[:80])) from error
        command = self._command
        assert command is not None, "every state that takes lines follows a command"
        if self._may_echo and line.strip().lower() == command.wire.lower():
            self._may_echo = False
            return None
        if self.state is State.AWAIT_RESULT:
            return self._take_result(command, line.strip())
        if self.state is State.STREAMING:
            self._check(command, line)
            return StreamLine(line)
        self._check(command, line)
        self.state = State.IDLE
        return Answer(command, line)

    def _take_result(self, command: Command, code: str) -> Event | None:
        if not _RESULT.fullmatch(code):
            raise Garbled(f"{command.wire!r} was answered by {code[:80]!r}, which is no result code", code)
        if code == "R+0000":
            if command.kind is Kind.SETTING:
                self.state = State.IDLE
                return Answer(command, None)
            if command.kind is Kind.STREAM:
                self.state = State.STREAMING
                return StreamStarted()
            self.state = State.AWAIT_DATA
            return None
        refusal = REFUSALS.get(code)
        if refusal is None:
            raise Garbled(f"{command.wire!r} was answered by the unknown result code {code}", code)
        self.state = State.IDLE
        return Refusal(command, refusal(command=command.wire))

    @staticmethod
    def _check(command: Command, line: str) -> None:
        """A line of the wrong shape belongs to another command: better none than a wrong value."""
        if command.kind is Kind.STREAM:
            is_sound = line.count(",") >= _STREAM_COMMAS
        elif command.name in ("DOD", "DLC"):
            is_sound = line.count(",") >= _DISPLAY_COMMAS
        elif command.spec.answer is not None:
            is_sound = re.fullmatch(command.spec.answer, line.strip()) is not None
        else:
            is_sound = line.count(",") <= 1 and not _RESULT.fullmatch(line.strip())
        if not is_sound:
            raise Garbled(f"{command.wire!r} was answered by {line[:80]!r}", line)
