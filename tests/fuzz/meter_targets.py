"""What a meter says on its control port: lines, codes, levels, and the link that hears them."""

from __future__ import annotations

import socket
from datetime import datetime
from unittest import mock

import gevent

from slmm.errors import DeviceError, Garbled
from slmm.nl43 import commands, readings
from slmm.nl43.connection import Connection
from slmm.nl43.lines import LINE_LIMIT_BYTES, LineBuffer
from slmm.nl43.link import LinkTimes
from slmm.nl43.meter import Meter
from slmm.nl43.protocol import NEED_DATA, Closed, Conversation, State, StreamEnded
from tests.fuzz.target import Target
from tests.nl43.lines import BEFORE_FIRST, DLC, DOD, DRD, DRD_STATUS

OK = b"R+0000\r\n"
REFUSED = tuple(b"R+000%d\r\n" % number for number in range(1, 5))
ASKED = (
    *(commands.READ_DISPLAY, commands.READ_RESULT, commands.READ_RUN_STATE, commands.STREAM, commands.STREAM_STATUS),
    *(commands.START, commands.request("Clock"), commands.request("Battery Level"), commands.request("Type")),
    *(commands.setting("Clock", "2026/11/21 12:00:00"), commands.request("Store Mode")),
)
WORDS = (
    *(b"R+0000", b"R+0001", b"R+0005", b"\r\n", b"\n", b"$", b"\x1a", b"\x00", b"  -.-", b"--.-", b" 46.2", b"-50.0"),
    *(b"200.0", b"999.9", b"-0.0", b",", b"DOD?", b"DRD?", b"Measure?", b"Start", b"Stop", b"2026/11/21 00:00:00"),
    *(b"0001/01/01 00:00:00", b"9999/12/31 23:59:59", b"\xef\xbb\xbf", "²٣".encode(), b"S", b"E", b"F"),
)


def _events(command: commands.Command, pieces: list[bytes]) -> list[object]:
    """What a conversation tells of an answer that comes in these pieces, and then ends."""
    conversation = Conversation()
    conversation.send(command)
    told: list[object] = []
    for piece in [*pieces, b""]:
        conversation.receive_data(piece)
        while (event := conversation.next_event()) is not NEED_DATA:
            told.append(event)
            if isinstance(event, Closed):
                return [str(each) for each in told]
        assert len(conversation._lines) <= LINE_LIMIT_BYTES or conversation.state is State.IDLE
    return told


def _outcome(command: commands.Command, pieces: list[bytes]) -> object:
    try:
        return _events(command, pieces)
    except Garbled as error:
        return str(error)


def conversation(data: bytes) -> None:
    """The first two bytes are the command and the size of the pieces; how it is cut must make no difference."""
    command, size, answer = ASKED[data[0] % len(ASKED)] if data else ASKED[0], (data[1:2] or b"\1")[0] + 1, data[2:]
    whole = _outcome(command, [answer] if answer else [])
    cut = _outcome(command, [answer[at : at + size] for at in range(0, len(answer), size)])
    assert whole == cut, f"{command.wire}: {whole!r:.300} whole, but {cut!r:.300} in pieces of {size}"
    _stop_in_the_middle(answer)


def _stop_in_the_middle(answer: bytes) -> None:
    conversation = Conversation()
    conversation.send(commands.STREAM)
    try:
        conversation.receive_data(OK)
        conversation.next_event()
        conversation.send_stop()
        conversation.receive_data(answer or b"$")
        event = conversation.next_event()
        assert event is NEED_DATA or isinstance(event, StreamEnded)
    except Garbled:
        assert conversation.state is State.ERROR


def splitter(data: bytes) -> None:
    """Lines are the same however the bytes were cut."""
    size, text = (data[:1] or b"\0")[0] + 1, data[1:]
    assert _lines([text]) == _lines([text[at : at + size] for at in range(0, len(text), size)])


def _lines(pieces: list[bytes]) -> tuple[list[bytes], bool]:
    buffer, lines = LineBuffer(), []
    for piece in pieces:
        buffer.feed(piece)
        try:
            while (line := buffer.next_line()) is not None:
                assert line.strip()
                assert b"\n" not in line
                lines.append(line)
        except Garbled:
            return lines, False
    return lines, True


def levels(data: bytes) -> None:
    """A line as display, stream and status, and its fields as clock, state and flag."""
    line = data.decode("ascii", "replace")
    for decode in (readings.decode_display, readings.decode_stream, readings.decode_stream_status):
        try:
            decoded = decode(line)
        except Garbled as error:
            assert len(str(error)) < 400
            continue
        if decode is readings.decode_display:
            assert isinstance(decoded, tuple)
            readings.quality_flags(decoded[0], decoded[-1], is_measuring=True)
    for field in line.split(",")[:8]:
        for parse in (readings.parse_level, readings.parse_flag, readings.parse_clock):
            try:
                parse(field)
            except Garbled as error:
                assert len(str(error)) < 200
        readings.parse_run_state(field)


def link(data: bytes) -> None:
    """A whole link: a meter at the other end of a real socket says all of it and hangs up, time after time."""
    times = LinkTimes(connect_timeout_s=0.05, reply_timeout_s=0.05, pacing_s=0.0)
    meter = Meter("m1", "127.0.0.1", 9, times, lambda state, is_ours: None)
    answers = iter(data.split(b"|"))
    far_ends: list[socket.socket] = []

    def opened(*_: object, **__: object) -> Connection:
        near, far = socket.socketpair()
        far.sendall(b"$")
        far_ends.append(far)
        return Connection(near, "127.0.0.1:9")

    def sent(connection: Connection, command: bytes, timeout_s: float) -> None:
        far_ends[-1].sendall(next(answers, b""))
        far_ends[-1].shutdown(socket.SHUT_WR)

    with mock.patch.object(Connection, "open", opened), mock.patch.object(Connection, "send", sent):
        for ask in (meter.read_display, meter.start_measurement, meter.read_clock, meter.begin_stream):
            try:
                ask()
            except DeviceError as error:
                assert str(error)
        try:
            while meter.is_open:
                meter.stream_lines(0.01)
        except DeviceError as error:
            assert str(error)
        meter.close_stream()
        meter.close()
    for far in far_ends:
        far.close()
    gevent.sleep(0)


ANSWERS = (
    *(OK + line.encode() + b"\r\n$" for line in (DOD, DLC, BEFORE_FIRST, "Start", "2026/11/21 12:00:00", "Full")),
    *(b"$" + OK + b"\r\n".join([line.encode()] * 3) + b"\r\n" for line in (DRD, DRD_STATUS)),
    *(b"$" + code + b"$" for code in REFUSED),
    *(b"DOD?\r\n" + OK + DOD.encode() + b"\r\n", b"\x00\x1a$\r\n$" + OK, b"R+0005\r\n", b"R+0000", b"hello\r\n"),
)
LINES = tuple(line.encode() for line in (DOD, DLC, BEFORE_FIRST, DRD, DRD_STATUS, datetime.min.isoformat()))

TARGETS = (
    Target(
        "conversation",
        "answers, result codes and streams of a meter, cut anywhere",
        conversation,
        tuple(bytes([number % len(ASKED), 6]) + answer for number in range(len(ASKED)) for answer in ANSWERS),
        WORDS,
        imports=("slmm.nl43",),
    ),
    Target(
        *("lines", "the line splitter, cut anywhere", splitter),
        *(tuple(b"\x03" + answer for answer in ANSWERS), WORDS),
        imports=("slmm.nl43",),
    ),
    Target("levels", "display, stream and status lines", levels, LINES, WORDS, imports=("slmm.nl43",)),
    Target(
        "link",
        "the link to a meter over a real socket",
        link,
        (b"|".join(ANSWERS[:4]), b"|".join(ANSWERS[4:8]), b"|".join((ANSWERS[0], OK, *ANSWERS[3:5], *ANSWERS[6:]))),
        (b"|", *WORDS),
    ),
)
