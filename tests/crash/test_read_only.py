"""A disk that becomes read-only while the service runs, as the kernel makes it after an error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from slmm.emulator.process import RunningEmulator
from tests.conftest import eventually
from tests.crash.disk import FailingDisk, failing_disk
from tests.crash.on_disk import put, record_of, watched
from tests.server import RunningServer

SIZE_MB = 96
QUICK = {
    "SLMM_DEVICE_PACING_S": "0.2",
    "SLMM_MONITOR_POLL_INTERVAL": "0",
    "SLMM_MONITOR_IDLE_POLL_INTERVAL": "1",
}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[FailingDisk]:
    with failing_disk(tmp_path / "ext4", SIZE_MB) as mounted:
        yield mounted


@pytest.fixture
def service(disk: FailingDisk, tmp_path: Path) -> Iterator[RunningServer]:
    """Its data are on it, and its log is not."""
    running = RunningServer(tmp_path / "server", {**QUICK, "SLMM_DATA_DIR": str(disk.top / "data")})
    running.start()
    yield running
    running.kill()


def test_feeds_go_on_while_nothing_can_be_written_and_the_next_start_finds_all_that_was_acknowledged(
    service: RunningServer, disk: FailingDisk, fast_emulator: RunningEmulator
) -> None:
    service.add("u0", fast_emulator.meters[0])
    with watched(service, "u0") as seen:
        eventually(lambda: record_of(service)["frames_written"] > 2, 30)
        disk.fail()
        eventually(lambda: record_of(service)["write_failures"], 30)
        before = len(seen)
        answer = put(service, "n0")
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert "nothing was changed, try again" in answer.json()["detail"]
        ready = requests.get(f"{service.url}/readyz", timeout=40)
        assert ready.status_code == 503
        assert {"database", "record"} <= {each["field"] for each in ready.json()["errors"]}
        health = requests.get(f"{service.url}/health", timeout=40).json()
        assert (health["status"], health["is_running"]) == ("degraded", True)
        assert any("Read-only file system" in problem for problem in health["problems"])
        sentences = [each["sentence"] for each in service.get("/_system/report")["problems"]]
        assert any("readings wait to be recorded" in sentence for sentence in sentences)
        eventually(lambda: len(seen) > before + 8, 40, "the live feed")
        waiting = record_of(service)
        assert (waiting["frames_pending"] > 8, waiting["frames_dropped"]) == (True, 0)
    assert service.log.read_text().count("frames are kept in memory") == 1, "the log tells it once"

    assert service.terminate() == 0
    assert "frames that could not be written" in service.log.read_text()
    disk.unmount()
    disk.mount()
    service.start()
    assert [unit["unit_id"] for unit in service.get("/roster")["devices"]] == ["u0"], "what was acknowledged is there"
    assert put(service, "n1").status_code == 200
    eventually(lambda: record_of(service)["frames_written"], 30)
    assert requests.get(f"{service.url}/health", timeout=40).json()["problems"] == []
