"""The simulated meter's card over real FTP: what a measurement writes, and what FTP,On and Off do."""

import ftplib
import io
import math
import re
import socket
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from slmm.emulator.card import Card
from slmm.emulator.meter import Instrument
from slmm.emulator.process import Address, RunningEmulator, running_emulator
from slmm.emulator.quirks import Quirks
from slmm.emulator.sound import SCENARIOS
from tests.conftest import eventually

AUTO = (
    *("--card", "--quirk", "pacing_s=0", "--register", "Store Mode=Auto", "--register", "FTP=On"),
    *("--register", "Lp Store Interval=100ms", "--register", "Leq Calculation Interval Preset=Manual"),
    *("--register", "Leq Calculation Interval (Num)=1", "--register", "Leq Calculation Interval (Unit)=s"),
)


@pytest.fixture
def emulator() -> Iterator[RunningEmulator]:
    with running_emulator(1, *AUTO) as running:
        yield running


def ask(meter: Address, *lines: str) -> list[str]:
    """Send commands, each over a connection of its own as early clients did; the replies without prompts."""
    found = []
    for line in lines:
        with socket.create_connection((meter.host, meter.port), 5) as control, control.makefile("rb") as replies:
            control.sendall(f"{line}\r\n".encode())
            code = replies.readline().decode().strip()
            is_request = "?" in line and code == "R+0000"
            found.append(replies.readline().decode().strip() if is_request else code)
    return found


def logged_in(meter: Address) -> ftplib.FTP:
    """The meter's FTP, in active mode as it has it."""
    ftp = ftplib.FTP(timeout=5)
    assert meter.ftp_port is not None
    assert ftp.connect(meter.host, meter.ftp_port) == "220 Connection Ready"
    ftp.login("USER", "0000")
    ftp.set_pasv(False)
    return ftp


def fetch(meter: Address, path: str) -> str:
    data = io.BytesIO()
    with logged_in(meter) as ftp:
        ftp.retrbinary(f"RETR {path}", data.write)
    return data.getvalue().decode("ascii")


def rows(text: str) -> list[dict[str, str]]:
    """A .rnd file by the names of its columns."""
    mark, header, *lines = text.removesuffix("\r\n").split("\r\n")
    assert mark == "CSV"
    names = header.split(",")
    return [dict(zip(names, (field.strip() for field in line.split(",")), strict=True)) for line in lines]


def energy_mean(levels_db: list[float]) -> float:
    return 10 * math.log10(sum(10 ** (level / 10) for level in levels_db) / len(levels_db))


def test_an_automatic_measurement_is_on_the_card_and_its_leq_are_those_of_its_samples(
    emulator: RunningEmulator,
) -> None:
    meter = emulator.meters[0]
    assert meter.card is not None
    leq_file = meter.card / "NL-43/Auto_0001/Auto_Leq/NL_0001_SLM_Leq_0001_0001.rnd"
    eventually(lambda: leq_file.exists() and leq_file.read_bytes().count(b"\r\n") > 4)
    assert ask(meter, "Measure,Stop") == ["R+0000"]
    leq = rows(fetch(meter, "/NL-43/Auto_0001/Auto_Leq/NL_0001_SLM_Leq_0001_0001.rnd"))
    lp = rows(fetch(meter, "/NL-43/Auto_0001/Auto_Lp_01/NL_0001_SLM_Lp _0001_0001.rnd"))
    assert len(lp) >= 10 * len(leq)
    assert [int(row["Address"]) for row in lp] == list(range(1, len(lp) + 1))
    for number, row in enumerate(leq):
        samples = [float(sample["Leq(Main)"]) for sample in lp[10 * number : 10 * number + 10]]
        assert float(row["Leq(Main)"]) == pytest.approx(energy_mean(samples), abs=0.11)
        assert float(row["LE(Main)"]) == pytest.approx(float(row["Leq(Main)"]), abs=0.11)
        assert row["Measurement Time"] == "00d 00:00:01.0"
        levels = [float(sample["Lp(Main)"]) for sample in lp[10 * number : 10 * number + 10]]
        assert float(row["Lmax(Main)"]) == pytest.approx(max(levels), abs=0.11)
    header = fetch(meter, "/NL-43/Auto_0001/NL_0001_SLM_0001_0000.rnh")
    assert "Store Name,0001\r\n" in header
    assert re.search(r"Stop Time,\d{4}/\d\d/\d\d \d\d:\d\d:\d\d", header)


def test_a_name_that_is_taken_is_told_and_not_overwritten(emulator: RunningEmulator) -> None:
    meter = emulator.meters[0]
    told = ask(meter, "Measure,Stop", "Overwrite?", "Measure,Start", "Store Name,0002", "Overwrite?", "Measure,Start")
    assert told == ["R+0000", "Exist", "R+0004", "R+0000", "None", "R+0000"]


def test_ftp_off_refuses_and_ftp_on_answers_at_the_same_port(emulator: RunningEmulator) -> None:
    meter = emulator.meters[0]
    logged_in(meter).quit()
    assert ask(meter, "FTP,Off", "FTP?") == ["R+0000", "Off"]
    with pytest.raises(ConnectionRefusedError):
        logged_in(meter)
    assert ask(meter, "FTP,On", "FTP?") == ["R+0000", "On"]

    def answers() -> bool:
        try:
            logged_in(meter).quit()
        except ConnectionRefusedError:
            return False
        return True

    eventually(answers)


def test_ftp_is_as_the_meter_has_it(emulator: RunningEmulator) -> None:
    meter = emulator.meters[0]
    with logged_in(meter) as ftp:
        for command in ("PASV", "EPSV", "MLSD", "SIZE /x", "MDTM /x"):
            with pytest.raises(ftplib.error_perm, match="502"):
                ftp.sendcmd(command)
        for folder in ("/NL-43", "/NL-43/"):
            ftp.cwd(folder)
            lines: list[str] = []
            ftp.retrlines("LIST", lines.append)
            assert any(line.endswith(" Screenshot") and line.startswith("d") for line in lines)
    refused = ftplib.FTP(timeout=5)
    assert meter.ftp_port is not None
    refused.connect(meter.host, meter.ftp_port)
    with pytest.raises(ftplib.error_perm, match="530 Not logged in"):
        refused.sendcmd("CWD /")
    with pytest.raises(ftplib.error_perm, match="530 Login Fail"):
        refused.login("USER", "1234")
    refused.close()


def test_a_wedged_control_port_leaves_ftp_alone(emulator: RunningEmulator) -> None:
    meter = emulator.meters[0]
    emulator.client.fault(0, "refused_control_port", value=60)
    with pytest.raises(ConnectionRefusedError):
        ask(meter, "FTP?")
    logged_in(meter).quit()


def test_a_manual_store_adds_a_row(emulator: RunningEmulator) -> None:
    meter = emulator.meters[0]
    begun = ask(meter, "Measure,Stop", "Store Mode,Manual", "Measure,Start")
    assert begun == ["R+0000"] * 3
    eventually(lambda: "-.-" not in ask(meter, "DOD?")[0].split(",")[1])
    assert ask(meter, "Measure,Stop", "Manual Store,Start", "Manual Store,Start") == ["R+0000"] * 3
    stored = rows(fetch(meter, "/NL-43/Manual_0001/NL_0001_SLM_MAN_0001_0000.rnd"))
    assert [row["Address"] for row in stored] == ["1", "2"]


def test_the_card_tells_what_is_free(emulator: RunningEmulator) -> None:
    meter = emulator.meters[0]
    emulator.client.fill_card(0, 30_000)
    free, percent = ask(meter, "SD Card Free Size?", "SD Card Percentage?")
    assert 430 <= int(free) <= 436
    assert percent == "1"


def test_a_seeded_card_holds_the_last_days(tmp_path: Path) -> None:
    with running_emulator(1, "--seed-card", "--card-dir", str(tmp_path), "--register", "FTP=On") as running:
        with logged_in(running.meters[0]) as ftp:
            assert [name for name in ("Auto_0001", "Auto_0002", "Auto_0003") if ftp.cwd(f"/NL-43/{name}")]
        kept = rows((tmp_path / "0/NL-43/Auto_0002/Auto_Leq/NL_0001_SLM_Leq_0002_0001.rnd").read_bytes().decode())
    assert len(kept) == 10
    assert (tmp_path / "0/NL-43/Manual_0001").is_dir(), "a folder that was named is kept"


def test_what_was_measured_before_is_not_measured_over(tmp_path: Path) -> None:
    with running_emulator(1, "--seed-card", "--card-dir", str(tmp_path), *AUTO) as running:
        assert running.client.meters()[0]["is_measuring"]
        assert ask(running.meters[0], "Store Name?") == ["0004"]
        assert (tmp_path / "0/NL-43/Auto_0004").is_dir()


def test_rows_and_dates_are_those_of_the_clock_of_the_meter(emulator: RunningEmulator) -> None:
    meter = emulator.meters[0]
    assert meter.card is not None
    assert ask(meter, "Measure,Stop", "Clock,2025/12/23 19:40:30", "Store Name,0019", "Measure,Start") == ["R+0000"] * 4
    path = "NL-43/Auto_0019/Auto_Leq/NL_0001_SLM_Leq_0019_0001.rnd"
    leq_file = meter.card / path
    eventually(lambda: leq_file.exists() and leq_file.read_bytes().count(b"\r\n") > 2)
    emulator.client.fault(0, "clock_jump", value=86_400)
    eventually(lambda: b"2025/12/24" in leq_file.read_bytes())
    ask(meter, "Measure,Stop")
    first, *_, last = rows(fetch(meter, f"/{path}"))
    assert first["Start Time"].startswith("2025/12/23 19:40:")
    assert last["Start Time"].startswith("2025/12/24 19:40:")
    dates: dict[str, str] = {}
    with logged_in(meter) as ftp:
        for folder in ("/NL-43", "/NL-43/Auto_0019", "/NL-43/Auto_0019/Auto_Leq"):
            ftp.cwd(folder)
            ftp.retrlines("LIST", lambda line: dates.update({line.split(None, 8)[8]: " ".join(line.split()[5:8])}))
    assert dates["Auto_0019"] == dates["Auto_Leq"] == dates["Auto_Lp_01"] == "Dec 23 19:40", dates
    assert dates["NL_0001_SLM_Leq_0019_0001.rnd"] == "Dec 24 19:40", dates


@pytest.fixture
def instrument(tmp_path: Path) -> Instrument:
    """One with a card, measuring automatically as soon as it is started; time is what the test says."""
    clock = datetime(2025, 12, 23, 19, 40)  # noqa: DTZ001 - the meter has no zone
    made = Instrument(SCENARIOS["traffic"], 1, Quirks(), now_s=0.0, clock=clock)
    made.card = Card(tmp_path, clock)
    made.registers |= {
        "Store Mode": "Auto",
        "Lp Store Interval": "1s",
        "Leq Calculation Interval Preset": "15m",
        "Percentile 1": "95",
        "Percentile 2": "1",
    }
    return made


def test_each_hour_begins_a_new_file_and_the_addresses_go_on(instrument: Instrument, tmp_path: Path) -> None:
    instrument.start()
    instrument.advance(2 * 3600.0 + 10.0)
    instrument.stop()
    files = sorted((tmp_path / "NL-43/Auto_0001/Auto_Lp_01").iterdir())
    assert [file.name for file in files] == [f"NL_0001_SLM_Lp _0001_{number:04d}.rnd" for number in (1, 2, 3)]
    first, second, third = (rows(file.read_bytes().decode()) for file in files)
    assert (len(first), len(second)) == (3600, 3600)
    assert 8 <= len(third) <= 10
    assert [int(row["Address"]) for row in (*first, *second)] == list(range(1, 7201))
    begun = [datetime.strptime(part[0]["Start Time"], "%Y/%m/%d %H:%M:%S") for part in (first, second)]  # noqa: DTZ007
    assert begun[1] - begun[0] == timedelta(hours=1)


def test_percentiles_stand_in_their_slots_and_the_leq_of_an_hour_is_the_mean_of_its_seconds(
    instrument: Instrument, tmp_path: Path
) -> None:
    instrument.start()
    instrument.advance(3600.0 + 10.0)
    instrument.stop()
    top = tmp_path / "NL-43/Auto_0001"
    seconds = rows((top / "Auto_Lp_01/NL_0001_SLM_Lp _0001_0001.rnd").read_bytes().decode())
    quarters = rows((top / "Auto_Leq/NL_0001_SLM_Leq_0001_0001.rnd").read_bytes().decode())
    assert len(quarters) == 4
    for number, row in enumerate(quarters):
        own = [float(second["Leq(Main)"]) for second in seconds[900 * number : 900 * number + 900]]
        assert float(row["Leq(Main)"]) == pytest.approx(energy_mean(own), abs=0.06)
        assert float(row["LN1(Main)"]) < float(row["LN4(Main)"]) < float(row["LN3(Main)"]) < float(row["LN2(Main)"])
        assert row["Measurement Time"] == "00d 00:15:00.0"


def test_without_store_mode_auto_nothing_is_written(instrument: Instrument, tmp_path: Path) -> None:
    instrument.registers["Store Mode"] = "Manual"
    instrument.start()
    instrument.advance(60.0)
    instrument.stop()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["DCIM", "NL-43", "Screenshot"]


def test_a_pause_is_not_in_the_file(instrument: Instrument, tmp_path: Path) -> None:
    instrument.start()
    instrument.advance(30.0)
    instrument.set_register("Pause", "On")
    instrument.advance(90.0)
    instrument.set_register("Pause", "Off")
    instrument.advance(120.0)
    instrument.stop()
    written = rows((tmp_path / "NL-43/Auto_0001/Auto_Lp_01/NL_0001_SLM_Lp _0001_0001.rnd").read_bytes().decode())
    assert 58 <= len(written) <= 60
