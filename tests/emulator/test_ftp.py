"""The simulated meter's FTP server: what it has, what it has not, and each fault by its symptom."""

import ftplib
import io
import os
import subprocess
import sys
import time
import urllib.error
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import gevent
import pytest

from slmm.emulator.process import Address, RunningEmulator, running_emulator
from tests.conftest import eventually
from tests.emulator.test_card import ask, logged_in

BIG = "/NL-43/Auto_0001/Auto_Lp_01/NL_0001_SLM_Lp _0001_0001.rnd"
SIZE = 300_000
FOLDER = BIG.rpartition("/")[0]


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    options = ("--card", "--stopped", "--quirk", "pacing_s=0", "--register", "FTP=On", "--register", "Store Mode=Auto")
    with running_emulator(1, *options) as running:
        card = running.meters[0].card
        assert card is not None
        (card / FOLDER[1:]).mkdir(parents=True)
        eventually(lambda: is_open(running.meters[0]))
        yield running


@pytest.fixture
def meter(emulator: RunningEmulator) -> Iterator[Address]:
    """The meter with nothing wrong, and a file of SIZE bytes."""
    address = emulator.meters[0]
    assert address.card is not None
    (address.card / BIG[1:]).write_bytes(os.urandom(SIZE))
    yield address
    emulator.client.ftp(0)
    for quirk, value in (("ftp_has_rest", False), ("ftp_has_size", False), ("ftp_open_delay_s", 0.0)):
        emulator.client.quirk(0, quirk, value)
    ask(address, "FTP,On")
    eventually(lambda: is_open(address))


def is_open(meter: Address) -> bool:
    try:
        logged_in(meter).quit()
    except ConnectionRefusedError:
        return False
    return True


def content(meter: Address, path: str = BIG) -> bytes:
    assert meter.card is not None
    return (meter.card / path[1:]).read_bytes()


def listing(meter: Address, folder: str = FOLDER) -> list[str]:
    lines: list[str] = []
    with logged_in(meter) as ftp:
        ftp.encoding = "latin-1"
        ftp.cwd(folder)
        ftp.retrlines("LIST", lines.append)
    return lines


class Fetched:
    """What came of a transfer, and how it ended."""

    def __init__(self, meter: Address, timeout_s: float = 5.0, rest: int | None = None) -> None:
        self.error: Exception | None = None
        sink = io.BytesIO()
        ftp = logged_in(meter)
        assert ftp.sock is not None
        ftp.sock.settimeout(timeout_s)
        ftp.timeout = timeout_s
        try:
            ftp.retrbinary(f"RETR {BIG}", sink.write, rest=rest)
        except (OSError, EOFError, ftplib.Error) as error:
            self.error = error
        finally:
            ftp.close()
        self.data = sink.getvalue()


# -- what it has and has not ------------------------------------------------------------------------------


def test_a_file_comes_byte_by_byte_as_it_is_on_the_card(meter: Address) -> None:
    fetched = Fetched(meter)
    assert fetched.error is None
    assert fetched.data == content(meter)


def test_the_card_can_only_be_read(meter: Address) -> None:
    with logged_in(meter) as ftp:
        for command in ("STOR /x", "APPE /x", "DELE /x", "MKD /x", "RMD /DCIM", "RNFR /DCIM"):
            with pytest.raises(ftplib.error_perm):
                ftp.sendcmd(command)
    assert content(meter)


def test_rest_and_size_are_switches(emulator: RunningEmulator, meter: Address) -> None:
    assert isinstance(Fetched(meter, rest=1000).error, ftplib.error_perm)
    emulator.client.quirk(0, "ftp_has_rest", True)
    assert Fetched(meter, rest=1000).data == content(meter)[1000:]
    emulator.client.quirk(0, "ftp_has_size", True)
    emulator.client.ftp(0, bytes_a_second=1_000_000)
    with logged_in(meter) as ftp:
        ftp.voidcmd("TYPE I")
        assert ftp.sendcmd(f"SIZE {BIG}") == f"213 {SIZE}", "a fault leaves the switches alone"


def test_old_files_are_listed_with_their_year(emulator: RunningEmulator, meter: Address) -> None:
    assert meter.card is not None
    old, new = (datetime.now(UTC) - timedelta(days=days) for days in (400, 2))
    for moment, form in ((new, "%b %d %H:%M"), (old, "%b %d  %Y")):
        os.utime(meter.card / BIG[1:], (moment.timestamp(), moment.timestamp()))
        line = listing(meter)[-1]
        assert f" {SIZE} {moment.strftime(form)} NL_0001_SLM_Lp _0001_0001.rnd" in line
        assert len(line.split(None, 8)) == 9
    emulator.client.fault(0, "clock_jump", value=-400 * 86_400)
    assert f" {old:%b %d %H:%M} NL_0001" in listing(meter)[-1], "what is old is for the meter's clock to say"
    emulator.client.fault(0, "clock_jump", value=400 * 86_400)


# -- on and off -------------------------------------------------------------------------------------------


def test_ftp_off_throws_out_whoever_is_there(meter: Address) -> None:
    ftp = logged_in(meter)
    ask(meter, "FTP,Off")
    with pytest.raises((EOFError, OSError)):
        ftp.sendcmd("NOOP")
    ftp.close()
    assert not is_open(meter)


def test_on_again_leaves_alone_whoever_is_there(meter: Address) -> None:
    with logged_in(meter) as ftp:
        ask(meter, "FTP,On")
        assert ftp.sendcmd("NOOP").startswith("200")


def test_on_takes_a_while_when_it_is_told_to(emulator: RunningEmulator, meter: Address) -> None:
    emulator.client.quirk(0, "ftp_open_delay_s", 0.4)
    ask(meter, "FTP,Off")
    began_s = time.monotonic()
    assert ask(meter, "FTP,On", "FTP?") == ["R+0000", "On"]
    assert not is_open(meter)
    eventually(lambda: is_open(meter))
    assert time.monotonic() - began_s >= 0.4


def test_off_is_stronger_than_an_on_that_is_still_opening(emulator: RunningEmulator, meter: Address) -> None:
    emulator.client.quirk(0, "ftp_open_delay_s", 0.2)
    ask(meter, "FTP,Off", "FTP,On", "FTP,Off")
    until_s = time.monotonic() + 0.5
    while time.monotonic() < until_s:
        assert not is_open(meter)


def test_unplugged_takes_ftp_with_it_and_plugged_brings_it_back(emulator: RunningEmulator, meter: Address) -> None:
    emulator.client.fault(0, "unplugged")
    assert not is_open(meter)
    emulator.client.fault(0, "plugged")
    eventually(lambda: is_open(meter))


# -- faults -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("cut", ftplib.error_temp),
        ("short", type(None)),
        ("control", EOFError),
        ("stall", TimeoutError),
    ],
)
def test_a_transfer_breaks_after_so_many_bytes_so_many_times(
    emulator: RunningEmulator, meter: Address, how: str, expected: type
) -> None:
    emulator.client.ftp(0, break_after_bytes=100_000, break_how=how, break_times=2)
    for _ in range(2):
        fetched = Fetched(meter, timeout_s=0.5)
        assert fetched.data == content(meter)[:100_000]
        assert isinstance(fetched.error, expected)
    fetched = Fetched(meter)
    assert (fetched.error, fetched.data) == (None, content(meter))


def test_a_data_connection_is_reset(emulator: RunningEmulator, meter: Address) -> None:
    emulator.client.ftp(0, break_after_bytes=100_000, break_how="reset", break_times=1)
    fetched = Fetched(meter)
    assert isinstance(fetched.error, ConnectionResetError)
    assert content(meter).startswith(fetched.data)


def test_all_bytes_come_but_not_the_end(emulator: RunningEmulator, meter: Address) -> None:
    emulator.client.ftp(0, break_after_bytes=SIZE, break_how="stall", break_times=1)
    fetched = Fetched(meter, timeout_s=0.5)
    assert isinstance(fetched.error, TimeoutError)
    assert fetched.data == content(meter)


@pytest.mark.parametrize(("way", "expected"), [("425", ftplib.error_temp), ("never", TimeoutError)])
def test_the_meter_does_not_connect_back_so_many_times(
    emulator: RunningEmulator, meter: Address, way: str, expected: type[Exception]
) -> None:
    emulator.client.ftp(0, way_back=way, way_back_times=1)
    assert isinstance(Fetched(meter, timeout_s=0.5).error, expected)
    assert Fetched(meter).data == content(meter)


def test_a_list_lies_about_a_size(emulator: RunningEmulator, meter: Address) -> None:
    emulator.client.ftp(0, listed_sizes={BIG: 17})
    assert listing(meter)[-1].split()[4] == "17"
    assert len(Fetched(meter).data) == SIZE


def test_a_list_has_names_nobody_should_trust(emulator: RunningEmulator, meter: Address) -> None:
    emulator.client.ftp(0, nasty_names=True)
    names = [line.split(None, 8)[8] for line in listing(meter)]
    for name in ("../../x", "..\\x", "/etc/passwd", "a\x07b\x1b[31mc", "CON", "x" * 300):
        assert name in names
    assert names.count("twin") == 2
    assert "NL_0001_SLM_Lp _0001_0001.rnd" in names, "what is really there is there"


def test_a_file_grows_while_it_is_fetched(emulator: RunningEmulator, meter: Address) -> None:
    emulator.client.ftp(0, grows_by={BIG: 3000})
    assert f" {SIZE} " in listing(meter)[-1]
    assert len(Fetched(meter).data) == SIZE + 3000


def test_a_transfer_is_slow(emulator: RunningEmulator, meter: Address) -> None:
    emulator.client.ftp(0, bytes_a_second=600_000)
    began_s = time.monotonic()
    assert Fetched(meter).data == content(meter)
    assert time.monotonic() - began_s >= 0.4


def test_a_transfer_keeps_the_control_port_waiting_when_it_is_told_to(
    emulator: RunningEmulator, meter: Address
) -> None:
    emulator.client.quirk(0, "control_blocked_by_transfer", True)
    emulator.client.ftp(0, bytes_a_second=400_000)
    ended_s: list[float] = []
    transfer = gevent.spawn(lambda: (Fetched(meter), ended_s.append(time.monotonic())))
    eventually(lambda: emulator.client.meters()[0]["ftp_is_sending"])
    assert ask(meter, "Measure?") == ["Stop"]
    answered_s = time.monotonic()
    transfer.join(5)
    assert answered_s >= ended_s[0] - 0.1
    emulator.client.quirk(0, "control_blocked_by_transfer", False)


@pytest.mark.parametrize("wrong", [{"no_such": 1}, {"break_how": "gently"}, {"way_back": "round"}])
def test_a_fault_that_does_not_exist_is_refused_and_harmless(
    emulator: RunningEmulator, meter: Address, wrong: dict[str, object]
) -> None:
    with pytest.raises(urllib.error.HTTPError, match="400") as refused:
        emulator.client.ftp(0, **wrong)
    refused.value.close()
    assert Fetched(meter).data == content(meter)


# -- without pyftpdlib ------------------------------------------------------------------------------------

WITHOUT = """
from gevent import monkey
monkey.patch_all()
import sys
sys.modules["pyftpdlib"] = None
from slmm.emulator.cli import command
command()
"""


def test_a_card_without_pyftpdlib_says_what_to_install() -> None:
    arguments = [sys.executable, "-c", WITHOUT, "--count", "1", "--base-port", "0", "--control-port", "0", "--card"]
    ended = subprocess.run(arguments, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert ended.stderr.strip() == "Error: a card with FTP needs pyftpdlib: pip install pyftpdlib"


def test_without_a_card_nobody_needs_pyftpdlib() -> None:
    arguments = [sys.executable, "-c", WITHOUT, "--count", "1", "--base-port", "0", "--control-port", "0"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert '"ftp_port": null' in process.stdout.readline()
        process.terminate()
