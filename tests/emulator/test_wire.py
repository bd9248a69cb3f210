"""Bytes on a real socket: replies, result codes, prompts, streams, and each fault by its symptom."""

import re
import socket
import time
from collections.abc import Callable, Iterator
from datetime import datetime

import gevent
import pytest

from slmm.emulator.faults import REPLY_FAULTS
from slmm.emulator.meter import Instrument
from slmm.emulator.process import running_emulator
from slmm.emulator.quirks import Quirks
from slmm.emulator.server import MeterServer
from slmm.emulator.sound import SCENARIOS

LEVEL = r"(?:[ \d]{2}\d\.\d|  -\.-)"
ABSENT = ",".join([r"  -\.-"] * 14 + ["-", "-"])
DISPLAY = re.compile(rf"{LEVEL}(?:,{LEVEL}){{13}},0,0(?:,{ABSENT}){{3}}")

Meters = Callable[..., MeterServer]


@pytest.fixture
def meter() -> Iterator[Meters]:
    """Meters in this process that may be asked at once."""
    opened: list[MeterServer] = []

    def make(*, is_measuring: bool = False, **quirks: object) -> MeterServer:
        chosen = Quirks(**{"pacing_s": 0.0, **quirks})  # type: ignore[arg-type]
        now = datetime(2025, 12, 24, 2, 10, 55)  # noqa: DTZ001 - the meter has no zone
        instrument = Instrument(SCENARIOS["traffic"], 1, chosen, now_s=time.monotonic(), clock=now)
        if is_measuring:
            instrument.start()
        server = MeterServer(instrument, "127.0.0.1", 0)
        server.open()
        opened.append(server)
        return server

    yield make
    for server in opened:
        server.close()


class Client:
    """A plain socket that sends a line and reads until the meter is quiet."""

    def __init__(self, meter: MeterServer) -> None:
        self.sock = socket.create_connection(("127.0.0.1", meter.port), timeout=2)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def ask(self, line: str, quiet_s: float = 0.05) -> bytes:
        self.sock.sendall(line.encode() + b"\r\n")
        return self.hear(quiet_s)

    def hear(self, quiet_s: float = 0.05) -> bytes:
        data = b""
        wait_s = 1.0
        while True:
            self.sock.settimeout(wait_s)
            try:
                more = self.sock.recv(4096)
            except TimeoutError:
                return data
            if not more:
                return data + b"<EOF>"
            data += more
            wait_s = quiet_s


STOPPED = [
    ("Clock?", b"R+0000\r\n2025/12/24 02:10:5"),
    ("Battery Level?", b"R+0000\r\nFull\r\n$"),
    ("Frequency Weighting (Main)?", b"R+0000\r\nA\r\n$"),
    ("Measure?", b"R+0000\r\nStop\r\n$"),
    ("Type?", b"R+0000\r\nNL-43\r\n$"),
    ("Measure,Stop", b"R+0004\r\n$"),
    ("Manual Store", b"R+0001\r\n$"),
    ("ManualStore", b"R+0001\r\n$"),
    ("$Measure,Start", b"R+0001\r\n$"),
    ("Reset", b"R+0001\r\n$"),
    ("Clock,2025/12/24,01:11:41", b"R+0002\r\n$"),
    ("Measure,Run", b"R+0002\r\n$"),
    ("Type,NL-52", b"R+0003\r\n$"),
    ("measure, start", b"R+0000\r\n$"),
]


@pytest.mark.parametrize(("line", "reply"), STOPPED)
def test_a_stopped_meter_answers_as_the_guide_and_the_log_say(meter: Meters, line: str, reply: bytes) -> None:
    with Client(meter()) as client:
        assert client.ask(line).startswith(reply)


def test_a_measuring_meter_refuses_settings_and_a_second_start(meter: Meters) -> None:
    with Client(meter(is_measuring=True)) as client:
        for line in ("Measure,Start", "Store Name,0100", "Clock,2025/12/24 01:11:41", "Sleep Mode,On"):
            assert client.ask(line) == b"R+0004\r\n$", line
        for line in ("Key Lock,On", "FTP,On"):
            assert client.ask(line) == b"R+0000\r\n$", line


def test_the_display_line_has_the_widths_of_the_real_one(meter: Meters) -> None:
    server = meter(is_measuring=True)
    with Client(server) as client:
        gevent.sleep(0.25)
        head, line, prompt = client.ask("DOD?").decode().split("\r\n")
        assert (head, prompt, len(line)) == ("R+0000", "$", 351)
        assert DISPLAY.fullmatch(line)
        assert client.ask("DLC?").startswith(b"R+0000\r\n  -.-,")


def test_a_stream_runs_at_ten_a_second_until_sub(meter: Meters) -> None:
    with Client(meter()) as client:
        client.sock.sendall(b"DRD?\r\n")
        gevent.sleep(1.05)
        client.sock.sendall(b"\x1a")
        said = client.hear(0.3).decode()
        lines = said.split("\r\n")
        assert lines[0] == "R+0000"
        assert lines[-1] == "$"
        assert [int(line.split(",")[0]) for line in lines[1:-1]] == list(range(1, len(lines) - 1))
        assert 9 <= len(lines) - 2 <= 12
        assert all(len(line.split(",")) == 33 for line in lines[1:-1])
        client.sock.sendall(b"DRD?status\r\n")
        gevent.sleep(0.15)
        client.sock.sendall(b"\x1a")
        assert len(client.hear(0.3).decode().split("\r\n")[1].split(",")) == 38


@pytest.mark.parametrize(
    ("quirks", "reply"),
    [
        ({"prompt": "none"}, b"R+0000\r\nStop\r\n"),
        ({"prompt": "double"}, b"R+0000\r\nStop\r\n$$"),
        ({"prompt": "crlf"}, b"R+0000\r\nStop\r\n$\r\n"),
        ({"prompt_on_connect": True}, b"$R+0000\r\nStop\r\n$"),
    ],
)
def test_prompts_stand_where_the_switch_says(meter: Meters, quirks: dict[str, object], reply: bytes) -> None:
    with Client(meter(**quirks)) as client:
        assert client.ask("Measure?") == reply


def test_a_missing_option_is_refused(meter: Meters) -> None:
    with Client(meter(has_option=False)) as client:
        assert client.ask("DRD?") == b"R+0001\r\n$"
        assert client.ask("Sleep Mode?") == b"R+0001\r\n$"
        assert client.ask("Store Name?") == b"R+0000\r\n0001\r\n$"


def test_a_command_too_soon_is_counted_ignored_or_refused(meter: Meters) -> None:
    for too_soon, reply in (("count", b"R+0000\r\nStop\r\n$"), ("ignore", b""), ("busy", b"R+0004\r\n$")):
        server = meter(pacing_s=5.0, too_soon=too_soon)
        with Client(server) as client:
            client.ask("Measure?")
            assert client.ask("Measure?") == reply
        assert server.counters.too_soon == 1


def test_commands_sent_while_one_is_answered_are_lost(meter: Meters) -> None:
    server = meter(reply_delay_s=0.1)
    with Client(server) as client:
        assert client.ask("Measure?\r\nClock?\r\nClock?", quiet_s=0.3) == b"R+0000\r\nStop\r\n$"
    assert server.counters.overlapping == 2


def test_a_second_client_is_mute_until_the_first_has_gone(meter: Meters) -> None:
    server = meter(slot_release_s=0.2)
    first = Client(server)
    with first:
        assert first.ask("Measure?") == b"R+0000\r\nStop\r\n$"
        second = Client(server)
        assert second.ask("Measure?") == b""
    with second:
        assert second.hear() == b"R+0000\r\nStop\r\n$"
    assert server.counters.most_open == 1
    assert server.counters.second_connections == 1


def test_a_second_client_is_reset_where_the_switch_says_so(meter: Meters) -> None:
    with Client(meter(second_connection="rst")) as first:
        first.ask("Measure?")
        with (
            socket.create_connection(first.sock.getpeername(), timeout=2) as second,
            pytest.raises(OSError, match="reset"),
        ):
            second.recv(1)


SYMPTOMS = {
    "garbled_reply": rb"\x7f",
    "stray_line": rb"^Stop\r\nR\+0000",
    "late_reply": rb"^R\+0000",
    "silence": rb"^$",
    "byte_by_byte": rb"^R\+0000\r\n.*\$$",
    "dropped_connection": rb"^R\+0000.*<EOF>$",
    "dropped_at_command": rb"^<EOF>$",
    "blank_fields": rb",     ,",
    "half_line": rb"^R\+0000\r\n.*\$$",
    "wrong_field_count": rb"^R\+0000\r\n(?:[^,]*,){47}[^,]*$",
    "doubled_prompt": rb"^\$\$R\+0000",
    "missing_prompt": rb"-,-\r\n$",
    "extra_reply": rb"R\+0000.*R\+0000",
    "stream_tail": rb"^ 12, 61\.2",
    "not_measure_word": rb"^R\+0000\r\n 61\.2, 60\.0, 61\.3\r\n\$$",
}


@pytest.mark.parametrize("name", REPLY_FAULTS)
def test_each_fault_shows_its_symptom_once(meter: Meters, name: str) -> None:
    server = meter(is_measuring=True)
    server.inject(name, value=0.2)
    with Client(server) as client:
        said = client.ask("DOD?", quiet_s=0.4)
        assert re.search(SYMPTOMS[name], said, re.DOTALL), said
        if b"<EOF>" in said:
            return
        gevent.sleep(0.05)
        assert re.fullmatch(rb"R\+0000\r\n[^\r]{351}\r\n\$", client.ask("DOD?"))
    assert server.faults.happened == {name: 1}


def test_faults_and_keys_work_over_the_control_interface() -> None:
    with running_emulator(2, "--stopped") as emulator:
        client = emulator.client
        assert [meter["is_measuring"] for meter in client.meters()] == [False, False]
        client.keypad(1, "start")
        assert client.meters()[1]["is_measuring"] is True
        with pytest.raises(OSError, match="400"):
            client.fault(0, "no such fault")
        client.fault(0, "refused_control_port", value=0.3)
        address = (emulator.meters[0].host, emulator.meters[0].port)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=1)
        with gevent.Timeout(3):
            while True:
                try:
                    socket.create_connection(address, timeout=1).close()
                    break
                except ConnectionRefusedError:
                    gevent.sleep(0.05)


def test_the_clock_jumps_on_demand(meter: Meters) -> None:
    server = meter()
    server.inject("clock_jump", value=3600.0)
    with Client(server) as client:
        assert b"2025/12/24 03:10:5" in client.ask("Clock?")


def test_a_meter_that_has_measured_for_long_shows_the_present_time() -> None:
    with running_emulator(1, "--measuring-for", "7200") as emulator:
        meter = emulator.meters[0]
        with socket.create_connection((meter.host, meter.port), timeout=10) as connection:
            connection.sendall(b"Clock?\r\n")
            said = b""
            while not (found := re.search(rb"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d)\r\n", said)):
                said += connection.recv(100)
        shown = datetime.strptime(found[1].decode(), "%Y/%m/%d %H:%M:%S")  # noqa: DTZ007 - the meter has no zone
        assert abs((shown - datetime.now()).total_seconds()) < 60  # noqa: DTZ005
