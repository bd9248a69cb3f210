"""One meter's control port: one connection at a time, paced, with a prompt; streams until SUB."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from datetime import UTC, timedelta
from typing import Any

import gevent

from slmm.emulator import wire
from slmm.emulator.card import Card
from slmm.emulator.faults import METER_FAULTS, Fault, FaultBox, spoil
from slmm.emulator.ftp_process import FtpPort
from slmm.emulator.meter import Instrument

SUB = 0x1A
STREAM_S = 0.1
_LINE_LIMIT = 512


@dataclass(slots=True)
class Counters:
    """What the meter has seen; clients are judged by these, not by what they say of themselves."""

    connections: int = 0
    open_now: int = 0
    most_open: int = 0
    second_connections: int = 0
    commands: dict[str, int] = field(default_factory=dict)
    received: int = 0
    answered: int = 0
    too_soon: int = 0
    """Commands sooner than the pacing after the last byte of a reply."""
    overlapping: int = 0
    """Commands that came while another was being answered."""
    shortest_gap_s: float | None = None
    not_recognised: int = 0
    """Commands answered R+0001."""
    streams: int = 0
    subs: int = 0
    closed_by_fin: int = 0
    closed_by_rst: int = 0


class MeterServer:
    """Serves one instrument on one TCP port."""

    def __init__(self, instrument: Instrument, host: str, port: int, clock: Any = time.monotonic) -> None:
        self.instrument = instrument
        self.host = host
        self.port = port
        self.counters = Counters()
        self.faults = FaultBox()
        self.recent: deque[tuple[float, str]] = deque(maxlen=50)
        self.shown: deque[str] = deque(maxlen=200)
        """Display lines as they were before any fault spoiled them."""
        self._shown_at: deque[float] = deque(maxlen=200)
        self._shown_count = 0
        self.ftp: FtpPort | None = None
        """The server of its card, if it has one."""
        self._ftp_faults: dict[str, Any] = {}
        self._ftp_opening: gevent.Greenlet | None = None
        self._clock = clock
        self._listener: Any = None
        self._acceptor: gevent.Greenlet | None = None
        self._served: Any = None
        self._waiting: list[Any] = []
        self._free_s = 0.0
        self._reply_ended_s: float | None = None
        self._is_streaming = False

    # -- the port ---------------------------------------------------------------------------------

    def open(self) -> None:
        """Listen; port 0 is replaced by the one the system chose."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.host, self.port))
        listener.listen(8)
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._acceptor = gevent.spawn(self._accept)

    def close(self) -> None:
        """Refuse new connections and cut the present ones."""
        if self._acceptor is not None:
            self._acceptor.kill()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for connection in [*self._waiting, self._served]:
            if connection is not None:
                _cut(connection)

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._served is not None or self._clock() < self._free_s:
                self._second(connection)
            else:
                self._take_on(connection)

    def _second(self, connection: Any) -> None:
        self.counters.second_connections += 1
        match self.instrument.quirks.second_connection:
            case "rst":
                _reset(connection)
            case "drop":
                self._waiting.append(connection)  # stands open, is never served
            case _:
                self._waiting.append(connection)
                gevent.spawn(self._when_free)

    def _when_free(self) -> None:
        while self._served is not None or self._clock() < self._free_s:
            gevent.sleep(0.05)
        if self._waiting and self.instrument.quirks.second_connection == "mute":
            self._take_on(self._waiting.pop(0))

    def _take_on(self, connection: Any) -> None:
        self._served = connection
        self.counters.connections += 1
        self.counters.open_now += 1
        self.counters.most_open = max(self.counters.most_open, self.counters.open_now)
        gevent.spawn(self._serve, connection)

    # -- one connection ---------------------------------------------------------------------------

    def _serve(self, connection: Any) -> None:
        try:
            if self.instrument.quirks.prompt_on_connect:
                connection.sendall(b"$")
            self._converse(connection)
            self.counters.closed_by_fin += 1
        except ConnectionResetError:
            self.counters.closed_by_rst += 1
        except OSError:
            pass  # we cut it ourselves
        finally:
            connection.close()
            self.counters.open_now -= 1
            self._is_streaming = False
            self._served = None
            self._free_s = self._clock() + self.instrument.quirks.slot_release_s

    def _converse(self, connection: Any) -> None:
        pending = bytearray()
        while data := connection.recv(4096):
            if self._is_streaming:
                if SUB in data:
                    self._is_streaming = False
                    self.counters.subs += 1
                continue  # a command during a stream is ignored
            pending += data.replace(bytes([SUB]), b"")
            if len(pending) > _LINE_LIMIT:
                pending.clear()
            while (line := self._next_line(pending)) is not None:
                if line:
                    self._obey(connection, line)
                    # What arrived meanwhile came before the prompt and is not accepted.
                    dropped = pending + _drain(connection)
                    self.counters.overlapping += bytes(dropped).count(b"\r\n")
                    pending.clear()

    def _next_line(self, pending: bytearray) -> str | None:
        end = pending.find(b"\n" if self.instrument.quirks.accepts_bare_lf else b"\r\n")
        if end < 0:
            return None
        line = bytes(pending[:end]).decode("ascii", "replace").strip("\r\n")
        del pending[: pending.find(b"\n", end) + 1]
        return line

    def _obey(self, connection: Any, line: str) -> None:
        quirks = self.instrument.quirks
        now_s = self._clock()
        self.recent.append((now_s, line))
        self.counters.received += 1
        self.counters.commands[line] = self.counters.commands.get(line, 0) + 1
        is_too_soon = self._note_gap(now_s)
        if is_too_soon and quirks.too_soon == "ignore":
            return
        if is_too_soon and quirks.too_soon == "busy":
            reply = wire.Reply(wire.WRONG_STATE)
        else:
            reply = wire.answer(self.instrument, line, now_s)
        if quirks.reply_delay_s:
            gevent.sleep(quirks.reply_delay_s)
        while quirks.control_blocked_by_transfer and self.ftp is not None and self.ftp.is_sending:
            gevent.sleep(0.02)
        if reply.data and line.upper() == "DOD?":
            self.shown.append(reply.data)
            self._shown_at.append(time.time())
            self._shown_count += 1
        self.counters.not_recognised += reply.code == wire.NOT_RECOGNISED
        self._send(connection, line, self._bytes(line, reply))
        self.counters.answered += 1
        if reply.stream and reply.code == wire.OK:
            self._is_streaming = True
            self.counters.streams += 1
            gevent.spawn(self._stream, connection, with_status=reply.stream.endswith("status"))

    def _note_gap(self, now_s: float) -> bool:
        if self._reply_ended_s is None:
            return False
        gap_s = now_s - self._reply_ended_s
        if self.counters.shortest_gap_s is None or gap_s < self.counters.shortest_gap_s:
            self.counters.shortest_gap_s = gap_s
        quirks = self.instrument.quirks
        is_too_soon = gap_s < quirks.pacing_s - quirks.pacing_tolerance_s
        self.counters.too_soon += is_too_soon
        return is_too_soon

    def _bytes(self, line: str, reply: wire.Reply) -> bytes:
        result = f"{reply.code}\r\n"
        if self.instrument.registers["Echo"] == "On":
            result = f"{line}\r\n{result}" if self.instrument.quirks.echo_first else f"{result}{line}\r\n"
        data = "" if reply.data is None else f"{reply.data}\r\n"
        prompts = {"after": "$", "none": "", "double": "$$", "crlf": "$\r\n"}
        prompt = "" if reply.stream and reply.code == wire.OK else prompts[self.instrument.quirks.prompt]
        return f"{result}{data}{prompt}".encode("ascii")

    def _send(self, connection: Any, line: str, reply: bytes) -> None:
        # Stamped before the bytes leave: a client cannot have heard them earlier, so it is never accused wrongly.
        self._reply_ended_s = self._clock()
        fault = self.faults.take(line)
        if fault is None:
            connection.sendall(reply)
            return
        match fault.name:
            case "silence":
                return
            case "late_reply":
                gevent.sleep(fault.value)
                self._reply_ended_s = self._clock()
                connection.sendall(reply)
            case "byte_by_byte":
                for byte in reply:
                    self._reply_ended_s = self._clock()
                    connection.sendall(bytes([byte]))
                    gevent.sleep(0.0005)
            case "dropped_connection":
                connection.sendall(reply[: len(reply) // 2])
                _cut(connection)
            case "dropped_at_command":
                _cut(connection)
            case "half_line":
                connection.sendall(reply[: len(reply) // 2])
                gevent.sleep(0.3)
                self._reply_ended_s = self._clock()
                connection.sendall(reply[len(reply) // 2 :])
            case name:
                connection.sendall(spoil(name, reply))

    def _stream(self, connection: Any, *, with_status: bool) -> None:
        counter = 0
        due_s = self._clock()
        try:
            while self._is_streaming:
                due_s += STREAM_S
                gevent.sleep(max(0.0, due_s - self._clock()))
                now_s = self._clock()
                self.instrument.advance(now_s)
                counter += 1
                status = self.instrument.stream_status(now_s) if with_status else ""
                connection.sendall(f"{self.instrument.stream_line(counter)}{status}\r\n".encode("ascii"))
            ends = {"prompt": b"$", "none": b"", "result": b"R+0000\r\n$"}
            connection.sendall(ends[self.instrument.quirks.sub_answer])
        except OSError:
            self._is_streaming = False
        self._reply_ended_s = self._clock()

    # -- what a person at the meter does --------------------------------------------------------------

    def inject(self, name: str, *, value: float = 0.0, count: int = 1, only: str = "") -> None:
        """Make a fault happen; raises ValueError for a name that does not exist."""
        if name not in METER_FAULTS:
            self.faults.add(Fault(name, value, count, only))
            return
        self.faults.happened[name] = self.faults.happened.get(name, 0) + 1
        if name == "clock_jump":
            now_s = self._clock()
            self.instrument.set_clock(self.instrument.clock(now_s) + timedelta(seconds=value), now_s)
        elif name == "plugged":
            self._plug_in()
        else:
            self.close()
            if name == "refused_control_port":
                gevent.spawn_later(value or 3.0, self._plug_in)
            else:
                self._shut_ftp()

    def _plug_in(self) -> None:
        if self._listener is None:
            self.open()
        self._switch_ftp("FTP", self.instrument.registers["FTP"])

    def give_card(self, card: Card, ftp: FtpPort) -> None:
        """Put a card in; its FTP server follows the register."""
        self.ftp, self.instrument.card = ftp, card
        self.instrument.register_set = self._switch_ftp
        self.break_ftp()
        self._switch_ftp("Clock", "")
        if self.instrument.registers["FTP"] == "On":
            ftp.open()  # it has been on: whoever finds the meter ready finds its FTP

    def break_ftp(self, **faults: Any) -> None:
        """What is wrong with the FTP server from now on; raises ValueError for what there is not."""
        if self.ftp is None:
            raise ValueError("this meter has no card")
        quirks = self.instrument.quirks
        self.ftp.set_faults(**{"has_rest": quirks.ftp_has_rest, "has_size": quirks.ftp_has_size, **faults})
        self._ftp_faults = faults

    def change_quirk(self, name: str, value: str) -> None:
        """Turn a switch; raises ValueError for one that does not exist."""
        self.instrument.quirks = self.instrument.quirks.changed(name, value)
        if self.ftp is not None and name in ("ftp_has_rest", "ftp_has_size"):
            self.break_ftp(**self._ftp_faults)

    def _switch_ftp(self, name: str, value: str) -> None:
        if self.ftp is None:
            return
        if name == "Clock":
            clock = self.instrument.clock(self._clock()).replace(tzinfo=UTC)
            self.ftp.set_clock(clock.timestamp() - time.time())
        elif name == "FTP":
            if value == "Off":
                self._shut_ftp()
            elif not self._ftp_opening:  # neither begun nor under way: On may be repeated
                self._ftp_opening = gevent.spawn_later(self.instrument.quirks.ftp_open_delay_s, self.ftp.open)

    def _shut_ftp(self) -> None:
        if self._ftp_opening is not None:
            self._ftp_opening.kill()
            self._ftp_opening = None
        if self.ftp is not None:
            self.ftp.close()

    def shown_since(self, count: int) -> dict[str, Any]:
        """The display lines after the first *count*, each with the Unix time it was made, as far as they are held."""
        new = max(0, min(self._shown_count - count, len(self.shown)))
        lines = list(zip(self._shown_at, self.shown, strict=True))
        return {"count": self._shown_count, "lines": lines[len(lines) - new :]}

    def describe(self) -> dict[str, Any]:
        """Everything the control interface shows of this meter."""
        self.instrument.advance(self._clock())
        return {
            "host": self.host,
            "port": self.port,
            "is_measuring": self.instrument.is_measuring,
            "is_streaming": self._is_streaming,
            "ftp_port": self.ftp.port if self.ftp else None,
            "ftp_is_sending": self.ftp is not None and self.ftp.is_sending,
            "ftp_heard": self.ftp.heard if self.ftp else [],
            "quirks": asdict(self.instrument.quirks),
            "counters": asdict(self.counters),
            "faults_happened": self.faults.happened,
            "recent": list(self.recent),
            "shown": list(self.shown),
        }


def _drain(connection: Any) -> bytes:
    """What has arrived already, without waiting."""
    raw = getattr(connection, "_sock", connection)
    try:
        data: bytes = raw.recv(4096, socket.MSG_DONTWAIT)
    except OSError:
        return b""
    return data


def _cut(connection: Any) -> None:
    with contextlib.suppress(OSError):  # the other side was first
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def _reset(connection: Any) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
