"""A disk that is full or read-only: what can go on goes on, what cannot says so, and nothing is lost that was told."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
import requests

from slmm.emulator.process import RunningEmulator
from tests.conftest import eventually
from tests.crash.disk import Disk, small_disk
from tests.crash.on_disk import put, record_of, watched
from tests.server import TOP, RunningServer

SIZE_MB = 64


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    """A small one, which each test leaves as it was."""
    with small_disk(tmp_path_factory.mktemp("small") / "disk", SIZE_MB) as mounted:
        yield mounted


@pytest.fixture(scope="module")
def started(disk: Disk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A service whose data are on it, and whose log is not."""
    running = RunningServer(tmp_path_factory.mktemp("server"), {"SLMM_DATA_DIR": str(disk.top / "data")})
    running.start()
    yield running
    running.kill()


@pytest.fixture
def service(started: RunningServer) -> RunningServer:
    """The same, running and without meters."""
    if not started.is_running:
        started.start()
    started.take_all_off()
    return started


def test_readings_wait_while_the_disk_is_full_and_are_all_recorded_when_there_is_room(
    service: RunningServer, disk: Disk, emulator: RunningEmulator
) -> None:
    service.add("u0", emulator.meters[0])
    with watched(service, "u0") as seen:
        eventually(lambda: record_of(service)["frames_written"] > 2, 30)
        disk.fill()
        eventually(lambda: record_of(service)["write_failures"], 30)
        before = len(seen)
        answer = put(service, "n0")
        assert (answer.status_code, answer.json()["code"]) == (507, "disk_full")
        ready = requests.get(f"{service.url}/readyz", timeout=40)
        assert ready.status_code == 503
        assert {"disk", "database", "record"} == {each["field"] for each in ready.json()["errors"]}
        health = requests.get(f"{service.url}/health", timeout=40).json()
        assert (health["status"], health["is_running"]) == ("degraded", True)
        assert any("disk of" in problem and "is full" in problem for problem in health["problems"])
        sentences = [each["sentence"] for each in service.get("/_system/report")["problems"]]
        assert "Only 0.0 GB are free on the disk." in sentences
        eventually(lambda: len(seen) > before + 8, 40, "the live feed")
        waiting = record_of(service)
        assert (waiting["frames_pending"] > 8, waiting["frames_dropped"]) == (True, 0)
        assert service.log.read_text().count("kept in memory") <= 2, "the log tells it once"

        disk.free()
        eventually(lambda: not record_of(service)["trouble"] and record_of(service)["frames_pending"] < 3, 30)
        assert put(service, "n1").status_code == 200
        ready = requests.get(f"{service.url}/readyz", timeout=40).json()
        assert "record" not in str(ready), ready
    written = record_of(service)
    assert (written["frames_dropped"], written["frames_written"] >= len(seen) - 2) == (0, True)
    assert [unit["unit_id"] for unit in service.get("/roster")["devices"]] == ["n1", "u0"]


def test_the_last_of_the_disk_is_left_to_alerts_and_settings(
    service: RunningServer, disk: Disk, emulator: RunningEmulator
) -> None:
    disk.fill(but_bytes=12_000_000)
    service.add("u0", emulator.meters[0])
    eventually(lambda: record_of(service)["trouble"], 40)
    assert "left to alerts and settings" in record_of(service)["trouble"]
    assert put(service, "n0").status_code == 200
    disk.free()
    eventually(lambda: not record_of(service)["trouble"], 40)


def test_a_disk_that_is_read_only_is_told_at_the_start(service: RunningServer, disk: Disk) -> None:
    assert service.terminate() == 0
    disk.set_read_only(True)
    with pytest.raises(RuntimeError, match="cannot be written: Read-only file system"):
        service.start()
    assert service.terminate() == 3
    assert "Traceback" not in service.log.read_text()
    told = subprocess.run(
        [sys.executable, "-m", "slmm", "serve"],
        cwd=TOP,
        env={"PATH": "/usr/bin", "SLMM_DATA_DIR": str(disk.top / "data")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert told.returncode == 1
    assert "Traceback" not in told.stderr
    disk.set_read_only(False)
