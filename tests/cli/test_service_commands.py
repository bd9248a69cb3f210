"""Commands that speak to a running service: roster, diagnosis, live levels, control, files, trail."""

import json
import os
import pty
import signal
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from slmm.cli import slmm as commands
from slmm.emulator.process import RunningEmulator, running_emulator
from tests.cli.conftest import Run, Start
from tests.conftest import FAST_EMULATOR, eventually
from tests.server import RunningServer


@pytest.fixture
def meter() -> Iterator[RunningEmulator]:
    with running_emulator(1, *FAST_EMULATOR, "--seed-card", "--register", "FTP=On") as running:
        yield running


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    environment = {"SLMM_DEVICE_PACING_S": "0.05", "SLMM_MONITOR_POLL_INTERVAL": "0"}
    running = RunningServer(tmp_path_factory.mktemp("service"), environment)
    try:
        running.start()
        yield running
    finally:
        running.kill()


@pytest.fixture
def service(started: RunningServer) -> Iterator[RunningServer]:
    """One service for all of these tests; each finds it without a meter, and no meter is left to it."""
    yield started
    started.take_all_off()


@pytest.fixture
def slmm(run: Run, service: RunningServer) -> Run:
    """Commands that know where the service is."""
    return lambda *arguments, **more: run(*arguments, SLMM_URL=service.url, **more)


def add(slmm: Run, meter: RunningEmulator, unit: str = "north") -> None:
    address = meter.meters[0]
    ports = ("--tcp-port", str(address.port), "--ftp-port", str(address.ftp_port))
    added = slmm("devices", "add", unit, address.host, *ports, "--ftp", "--ftp-password-stdin", stdin="0000\n")
    assert added.code == 0, added.err


def test_a_meter_is_taken_on_seen_tested_and_forgotten(slmm: Run, meter: RunningEmulator) -> None:
    assert "slmm devices add UNIT HOST" in slmm("devices", "list").out
    add(slmm, meter)
    assert "north" in slmm("devices", "list").out
    assert [device["unit_id"] for device in slmm("devices", "list", "--json").json] == ["north"]
    tested = slmm("devices", "test", "north")
    assert tested.code in (0, 3), tested.out
    assert "command_response: Device responds" in tested.out
    again = slmm("devices", "add", "north", "127.0.0.1")
    assert (again.code, again.out) == (1, "")
    assert "exists already" in again.err
    assert slmm("devices", "remove", "north", stdin="n\n").code == 1
    assert slmm("devices", "remove", "north", "--yes").code == 0
    assert slmm("devices", "list", "--json").json == []


def test_a_meter_that_fails_a_step_is_exit_code_1(slmm: Run) -> None:
    slmm("devices", "add", "dead", "127.0.0.1", "--tcp-port", "9", "--ftp-port", "9")
    tested = slmm("devices", "test", "dead")
    assert tested.code == 1
    assert "refuses connections" in tested.out


def test_levels_are_followed_as_lines_and_as_json(slmm: Run, meter: RunningEmulator) -> None:
    add(slmm, meter)
    lines = slmm("watch", "north", "--count", "3").out.splitlines()
    assert len(lines) == 3
    eventually(
        lambda: all(name in slmm("watch", "north", "--count", "1").out for name in ("LAF ", "LAeq ", "LAFmax ")), 30
    )
    frame = slmm("watch", "north", "--count", "1", "--json").json
    assert frame["unit_id"] == "north"
    assert slmm("watch", "nobody", "--count", "1").code == 1


def test_following_comes_back_after_a_restart_and_ends_with_ctrl_c(
    slmm: Run, meter: RunningEmulator, service: RunningServer, start: Start
) -> None:
    add(slmm, meter)
    watching = start("watch", "north", "--json", SLMM_URL=service.url)
    assert watching.stdout is not None
    assert watching.stderr is not None
    first = json.loads(watching.stdout.readline())
    service.terminate()
    service.start()
    while json.loads(watching.stdout.readline())["timestamp"] < f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}":
        pass
    watching.send_signal(signal.SIGINT)
    assert watching.wait(30) == 0
    assert first["unit_id"] == "north"
    assert "Traceback" not in watching.stderr.read()


def test_a_terminal_shows_one_line_that_changes(
    slmm: Run, meter: RunningEmulator, service: RunningServer, start: Start
) -> None:
    add(slmm, meter)
    ours, theirs = pty.openpty()
    watching = start("watch", "north", "--count", "3", stdout=theirs, SLMM_URL=service.url, TERM="xterm")
    os.close(theirs)
    assert watching.wait(30) == 0
    shown = os.read(ours, 65_536).decode()
    os.close(ours)
    assert "waiting for the first reading" in shown
    assert shown.count("\n") == 1, "the line is written over"
    assert len({line for line in shown.split("\r") if "Leq " in line or "LAeq " in line}) >= 3


def test_a_meter_out_of_reach_gives_no_reading(slmm: Run) -> None:
    slmm("devices", "add", "dead", "127.0.0.1", "--tcp-port", "9")
    watched = slmm("watch", "dead", "--seconds", "4")
    assert watched.code == 3
    assert watched.err == "no reading of dead came within 4 s\n"
    assert "unreachable" in watched.out


@pytest.mark.parametrize("command", [("start",), ("watch",), ("devices", "test"), ("files", "list"), ("alerts",)])
@pytest.mark.parametrize("name", ["../north", "_system", "a b", "a/b", "a?b"])
def test_a_name_that_no_unit_has_is_wrong_usage(command: tuple[str, ...], name: str) -> None:
    assert CliRunner().invoke(commands, [*command, name, "--url", "http://127.0.0.1:9"]).exit_code == 2


def test_a_measurement_is_stopped_and_started(slmm: Run, meter: RunningEmulator) -> None:
    add(slmm, meter)
    assert slmm("stop", "north").code == 0
    twice = slmm("stop", "north")
    assert twice.code == 1
    assert "R+0004" in twice.err
    assert slmm("start", "north", "--json").json["status"] == "ok"


def test_files_are_listed_and_fetched_whole(slmm: Run, meter: RunningEmulator, tmp_path: Path) -> None:
    add(slmm, meter)
    card = meter.meters[0].card
    assert card is not None
    listed = slmm("files", "list", "north", "/NL-43")
    assert "Auto_0001/" in listed.out
    remote = "/NL-43/Auto_0001/Auto_Leq/NL_0001_SLM_Leq_0001_0001.rnd"
    assert slmm("files", "get", "north", remote).code == 0
    local = tmp_path / "NL_0001_SLM_Leq_0001_0001.rnd"
    assert local.read_bytes() == (card / remote[1:]).read_bytes()
    again = slmm("files", "get", "north", remote)
    assert again.code == 1
    assert "--force" in again.err
    assert slmm("files", "get", "north", "/NL-43/Auto_0001", "--folder", "-o", "night.zip", "--json").code == 0
    with zipfile.ZipFile(tmp_path / "night.zip") as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 3
    missing = slmm("files", "get", "north", "/NL-43/nothing.rnd")
    assert missing.code == 1
    assert not list(tmp_path.glob("*.part")) + list(tmp_path.glob(".*.part"))


def test_the_trail_is_exported(slmm: Run, meter: RunningEmulator, tmp_path: Path) -> None:
    add(slmm, meter)
    slmm("watch", "north", "--count", "2")
    eventually(lambda: len(slmm("history", "export", "north").out.splitlines()) > 1, 30)
    assert slmm("history", "export", "north").out.startswith("timestamp,lp,leq,lmax,ln1,ln2\n")
    assert slmm("history", "export", "north", "--json").json[0]["leq"] is not None
    assert slmm("history", "export", "north", "-o", "trail.csv").out == ""
    assert (tmp_path / "trail.csv").read_text().startswith("timestamp,")


def test_no_service_is_one_sentence(run: Run) -> None:
    answer = run("devices", "list", SLMM_URL="http://127.0.0.1:9")
    assert answer.code == 1
    assert answer.err == "slmm: no SLMM answers at http://127.0.0.1:9; start it with: slmm serve\n"


def test_a_token_opens_a_guarded_service(run: Run, server: Callable[..., RunningServer], tmp_path: Path) -> None:
    guarded = server(SLMM_AUTH="on")
    data = {"SLMM_DATA_DIR": str(guarded.directory / "data")}
    refused = run("devices", "list", SLMM_URL=guarded.url)
    assert refused.code == 1
    assert "SLMM_TOKEN" in refused.err
    made = run("token", "create", "script", "--role", "operator", "--days", "1", "--json", **data).json
    assert run("devices", "list", "--json", SLMM_URL=guarded.url, SLMM_TOKEN=made["secret"]).json == []
    assert run("token", "revoke", str(made["id"]), **data).code == 0
    eventually(lambda: run("devices", "list", SLMM_URL=guarded.url, SLMM_TOKEN=made["secret"]).code == 1, 15)
