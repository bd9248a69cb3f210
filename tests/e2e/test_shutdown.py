"""SIGTERM with open streams, a second owner, a power cut."""

import socket
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

import gevent
import pytest
import requests

from slmm.emulator.process import RunningEmulator
from tests.conftest import eventually
from tests.server import EventStream, RunningServer

Start = Callable[..., RunningServer]


def test_sigterm_ends_200_streams_meters_and_trail_cleanly(server: Start, emulator: RunningEmulator) -> None:
    running = server(SLMM_MONITOR_TRAIL_SAMPLE_S="1")
    for index in range(3):
        running.add(f"u{index}", emulator.meters[index])
    streams = [EventStream(running, f"/api/nl43/u{index % 3}/monitor/events") for index in range(199)]
    streams.append(EventStream(running, "/api/nl43/_monitor/events"))
    last = [stream.frame() for stream in streams][-1]
    began_s = time.monotonic()
    stopping = gevent.spawn(running.terminate)
    for stream in streams:
        heard = list(stream.rest())
        assert (heard[-1]["event"], heard[-1]["data"]["code"]) == ("error", "closing")
        assert {event["event"] for event in heard[:-1]} <= {"", "status", "roster", "limits"}
        stream.close()
    assert stopping.get(timeout=15) == 0
    assert time.monotonic() - began_s < 10.0
    for index in range(3):
        counters = emulator.client.counters(index)
        assert (counters["open_now"], counters["closed_by_rst"], counters["closed_by_fin"]) == (0, 0, 1)
    with closing(sqlite3.connect(running.directory / "data" / "slmm.db")) as database:
        (stored,) = database.execute(
            "select max(timestamp) from nl43_readings where unit_id = ?", (last["unit_id"],)
        ).fetchone()
    assert stored.replace(" ", "T")[:19] >= last["timestamp"][:19]


def test_clients_that_keep_a_connection_and_ask_nothing_do_not_hold_up_the_end(server: Start) -> None:
    running = server()
    with requests.Session() as idle, socket.create_connection(("127.0.0.1", running.port)):
        idle.get(f"{running.url}/health", timeout=5)
        began_s = time.monotonic()
        assert running.terminate() == 0
        assert time.monotonic() - began_s < 5.0
    assert "Traceback" not in running.log.read_text()


def test_a_meter_that_says_nothing_is_waited_for_though_nobody_watches(
    server: Start, emulator: RunningEmulator
) -> None:
    running = server()
    running.add("u0", emulator.meters[0], monitor_enabled=True)
    eventually(lambda: requests.get(f"{running.api}/u0/status", timeout=5).status_code == 200)
    emulator.client.fault(0, "silence")
    eventually(lambda: emulator.client.faults_happened(0).get("silence"))
    assert running.terminate() == 0
    assert "stopped in" in running.log.read_text(), "gunicorn alone would have ended the worker after a second"


def test_a_second_process_on_the_same_data_refuses_and_says_who_holds_them(
    server: Start, emulator: RunningEmulator
) -> None:
    first = server()
    first.add("u0", emulator.meters[0])
    second = RunningServer(first.directory, {})
    try:
        with pytest.raises(RuntimeError, match=f"process {first.worker_pid}"):
            second.start()
    finally:
        second.kill()
    assert first.get("/roster")["total"] == 1


def test_after_a_power_cut_units_state_and_kept_feeds_are_back(server: Start, emulator: RunningEmulator) -> None:
    running = server()
    running.add("u0", emulator.meters[0], monitor_enabled=True)
    eventually(lambda: requests.get(f"{running.api}/u0/status", timeout=5).status_code == 200)
    database = running.directory / "data" / "slmm.db"

    def is_saved() -> bool:
        with closing(sqlite3.connect(database)) as opened:
            return bool(opened.execute("select count(*) from nl43_status where last_seen is not null").fetchone()[0])

    eventually(is_saved, 20)
    running.kill()
    emulator.client.fault(0, "unplugged")
    running.start()
    status = running.get("/u0/status")["data"]
    assert isinstance(status["lp"], float)
    assert running.get("/_monitor/status")["data"]["u0"]["keepalive"] is True
    emulator.client.fault(0, "plugged")
    eventually(lambda: running.get("/u0/status")["data"]["last_seen"] > status["last_seen"], 20)
