"""The conversation: real transcripts, cut anywhere, and nonsense of every kind."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmm.errors import CommandError, DesignationError, Garbled, ParameterError, Refused, StatusError
from slmm.nl43 import commands
from slmm.nl43.commands import Command, request, setting
from slmm.nl43.protocol import (
    NEED_DATA,
    Answer,
    Closed,
    Conversation,
    ProtocolMisuse,
    Refusal,
    State,
    StreamEnded,
    StreamLine,
    StreamStarted,
)
from tests.nl43.lines import DLC, DOD, DRD, DRD_STATUS

# Replies of real meters (log of December 2025), the prompt after each; then those with other prompts.
TRANSCRIPTS: list[tuple[Command, bytes, object]] = [
    (request("Clock"), b"R+0000\r\n2025/12/24 02:10:55\r\n$", "2025/12/24 02:10:55"),
    (request("Battery Level"), b"R+0000\r\nFull\r\n$", "Full"),
    (request("Frequency Weighting (Main)"), b"R+0000\r\nA\r\n$", "A"),
    (request("Time Weighting (Main)"), b"R+0000\r\nS\r\n$", "S"),
    (request("Sleep Mode"), b"R+0000\r\nOn\r\n$", "On"),
    (request("FTP"), b"R+0000\r\nOff\r\n$", "Off"),
    (request("Measure"), b"R+0000\r\nStart\r\n$", "Start"),
    (commands.STOP, b"R+0004\r\n$", StatusError),
    (commands.START, b"R+0000\r\n$", None),
    (setting("Manual Store", "Start"), b"R+0001\r\n$", CommandError),
    (setting("Clock", "2025/12/24 01:11:41"), b"R+0002\r\n$", ParameterError),
    (request("Type"), b"R+0003\r\n$", DesignationError),
    (commands.READ_DISPLAY, b"R+0000\r\n" + DOD.encode() + b"\r\n$", DOD),
    (commands.READ_RESULT, b"$R+0000\r\n" + DLC.encode() + b"\r\n", DLC),
    (request("Measure"), b"$\r\n$$R+0000\nStop\n", "Stop"),
    (request("Measure"), b"Measure?\r\nR+0000\r\nStop\r\n$", "Stop"),
    (request("Measure"), b"R+0000\r\nMeasure?\r\nStop\r\n$", "Stop"),
]


def answer_of(conversation: Conversation) -> object:
    event = conversation.next_event()
    if isinstance(event, Refusal):
        return type(event.error)
    assert isinstance(event, Answer), event
    return event.data


@pytest.mark.parametrize(("command", "reply", "expected"), TRANSCRIPTS)
def test_a_transcript_gives_its_answer_however_it_is_cut(command: Command, reply: bytes, expected: object) -> None:
    cuts = [[reply], [reply[i : i + 1] for i in range(len(reply))]]
    cuts += [[reply[:i], reply[i:]] for i in range(1, min(len(reply), 60))]
    for pieces in cuts:
        conversation = Conversation()
        assert conversation.send(command) == command.encode()
        event: object = NEED_DATA
        for piece in pieces:
            conversation.receive_data(piece)
            if event is NEED_DATA:
                event = conversation.next_event()
        found = type(event.error) if isinstance(event, Refusal) else getattr(event, "data", event)
        assert found == expected
        assert conversation.state is State.IDLE


@given(
    order=st.lists(st.integers(0, len(TRANSCRIPTS) - 1), min_size=1, max_size=5),
    cuts=st.lists(st.integers(1, 50), min_size=1, max_size=20),
)
def test_any_split_of_a_dialogue_gives_the_same_replies(order: list[int], cuts: list[int]) -> None:
    conversation = Conversation()
    for number in order:
        command, reply, expected = TRANSCRIPTS[number]
        conversation.resynchronise()
        conversation.send(command)
        position, turn, event = 0, 0, conversation.next_event()
        while event is NEED_DATA:
            assert position < len(reply), "the reply ended without an answer"
            size = cuts[turn % len(cuts)]
            conversation.receive_data(reply[position : position + size])
            position, turn = position + size, turn + 1
            event = conversation.next_event()
        if rest := reply[position:]:
            conversation.receive_data(rest)
        found = type(event.error) if isinstance(event, Refusal) else getattr(event, "data", event)
        assert found == expected


@given(data=st.lists(st.binary(max_size=80), max_size=8), number=st.integers(0, len(TRANSCRIPTS) - 1))
def test_no_input_raises_anything_but_garbled(data: list[bytes], number: int) -> None:
    conversation = Conversation()
    conversation.send(TRANSCRIPTS[number][0])
    try:
        for piece in data:
            conversation.receive_data(piece)
            while conversation.next_event() is not NEED_DATA and conversation.state is not State.CLOSED:
                if conversation.state is State.IDLE:
                    return
    except Garbled:
        assert conversation.state is State.ERROR


GARBAGE = [
    (request("Measure"), b" 61.2, 60.0, 61.3\r\n"),
    (request("Measure"), b"R+0000\r\n 61.2, 60.0, 61.3\r\n"),
    (request("Measure"), b"Stop\r\nR+0000\r\nStart\r\n"),
    (request("Measure"), b"R+0009\r\n"),
    (request("Measure"), b"R+000\r\n"),
    (request("Measure"), b"R+0000\r\n\xff\xfe\r\n"),
    (request("Clock"), b"R+0000\r\nStart\r\n"),
    (request("Store Name"), b"R+0000\r\nR+0000\r\n"),
    (commands.READ_DISPLAY, b"R+0000\r\n 61.2, 60.0\r\n"),
    (commands.READ_DISPLAY, b"R+0000\r\n" + DRD.encode() + b"\r\n"),
    (commands.READ_DISPLAY, b"x" * 5000),
]


@pytest.mark.parametrize(("command", "reply"), GARBAGE)
def test_nonsense_is_never_an_answer_and_ends_the_conversation(command: Command, reply: bytes) -> None:
    conversation = Conversation()
    conversation.send(command)
    conversation.receive_data(reply)
    with pytest.raises(Garbled):
        conversation.next_event()
    assert conversation.state is State.ERROR
    with pytest.raises(Garbled):
        conversation.next_event()
    with pytest.raises(ProtocolMisuse):
        conversation.send(command)


def test_what_came_unasked_is_dropped_before_the_next_command() -> None:
    conversation = Conversation()
    conversation.receive_data(b"$R+0000\r\nStop\r\n")
    assert conversation.resynchronise() == b"$R+0000\r\nStop\r\n"
    conversation.send(request("Measure"))
    conversation.receive_data(b"R+0000\r\nStart\r\n$")
    assert answer_of(conversation) == "Start"


def test_the_end_of_the_connection_is_told() -> None:
    conversation = Conversation()
    conversation.send(request("Measure"))
    conversation.receive_data(b"R+0000\r\n")
    conversation.receive_data(b"")
    assert conversation.next_event() == Closed()
    assert conversation.resynchronise() == b""


def test_a_stream_runs_until_sub_and_the_prompt() -> None:
    conversation = Conversation()
    conversation.send(commands.STREAM_STATUS)
    conversation.receive_data(b"R+0000\r\n" + DRD_STATUS.encode() + b"\r\n" + DRD.encode()[:20])
    assert conversation.next_event() == StreamStarted()
    assert conversation.next_event() == StreamLine(DRD_STATUS)
    assert conversation.next_event() is NEED_DATA
    assert conversation.send_stop() == b"\x1a"
    conversation.receive_data(DRD.encode()[20:] + b"\r\n")
    assert conversation.next_event() is NEED_DATA
    conversation.receive_data(b"$")
    assert conversation.next_event() == StreamEnded()
    assert conversation.state is State.IDLE


def test_a_stream_that_falls_silent_without_a_prompt_is_over_too() -> None:
    conversation = Conversation()
    conversation.send(commands.STREAM)
    conversation.receive_data(b"R+0000\r\n")
    assert conversation.next_event() == StreamStarted()
    conversation.send_stop()
    assert conversation.stream_silent() == StreamEnded()
    with pytest.raises(ProtocolMisuse):
        conversation.stream_silent()
    with pytest.raises(ProtocolMisuse):
        conversation.send_stop()


def test_a_refusal_names_the_command_and_what_the_code_means() -> None:
    error = StatusError(command="Measure,Start")
    assert str(error) == "the meter refused 'Measure,Start': R+0004 (wrong state for this command)"
    assert Refused("said so", code="R+0007").code == "R+0007"
