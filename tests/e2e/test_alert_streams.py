"""Alerts over real sockets: on the page's one stream, on a stream of their own, and as a WebSocket."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import requests
from simple_websocket import Client

from slmm.emulator.process import RunningEmulator
from tests.server import EventStream, RunningServer, event_stream

FAST = {"SLMM_DEVICE_PACING_S": "0.05", "SLMM_MONITOR_POLL_INTERVAL": "0"}


def alert(stream: EventStream, change: str) -> dict[str, Any]:
    """The next event of that kind."""
    while True:
        event = stream.next()
        if event["event"] == "alert" and event["data"]["change"] == change:
            data: dict[str, Any] = event["data"]
            return data


def watch(server: RunningServer, emulator: RunningEmulator, **members: Any) -> None:
    server.add("m", emulator.meters[0], poll_enabled=False)
    rule = {"threshold_db": 100.0, "cooldown_s": 0, "duration_s": 0, **members}
    requests.post(f"{server.api}/m/alerts/rules", json=rule, timeout=10).raise_for_status()


def test_an_onset_and_its_end_come_with_the_frames(
    server: Callable[..., RunningServer], fast_emulator: RunningEmulator
) -> None:
    running = server(**FAST)
    watch(running, fast_emulator)
    with event_stream(running, "/api/nl43/_monitor/events") as stream:
        stream.frame()
        fast_emulator.client.offset(0, 60.0)
        onset = alert(stream, "onset")
        assert (onset["unit_id"], onset["event"]["status"]) == ("m", "active")
        assert onset["event"]["onset_value"] > 100.0
        on_record = running.get("/_alerts/events?state=open")["events"]
        assert [event["uid"] for event in on_record] == [onset["event"]["uid"]]
        fast_emulator.client.offset(0, 0.0)
        assert alert(stream, "ended")["event"]["uid"] == onset["event"]["uid"]


def test_who_follows_alerts_alone_does_not_have_the_meters_read_faster(
    server: Callable[..., RunningServer], fast_emulator: RunningEmulator
) -> None:
    running = server(**FAST, SLMM_MONITOR_IDLE_POLL_INTERVAL="1")
    watch(running, fast_emulator, duration_s=3)
    socket = Client.connect(f"{running.url.replace('http', 'ws')}/api/nl43/_alerts/stream")
    with event_stream(running, "/api/nl43/_alerts/stream/events") as stream:
        monitor = running.get("/_monitor/status")["monitors"]["m"]
        assert (monitor["subscribers"], monitor["mode"], monitor["keepalive"]) == (0, "idle", True)
        fast_emulator.client.offset(0, 60.0)
        first = stream.next()
        assert (first["event"], first["data"]["change"]) == ("alert", "onset")
        told = json.loads(socket.receive(timeout=10))
        assert told == first["data"]
        done = requests.post(f"{running.api}/_alerts/events/{told['event']['id']}/ack", json={}, timeout=10)
        assert done.status_code == 200
        assert alert(stream, "acknowledged")["event"]["acknowledged_by"] == "anybody"
    socket.close()


def test_an_alert_that_was_missed_is_replayed(
    server: Callable[..., RunningServer], fast_emulator: RunningEmulator
) -> None:
    running = server(**FAST)
    watch(running, fast_emulator)
    with event_stream(running, "/api/nl43/_monitor/events") as stream:
        seen = stream.next()
        while not seen["id"]:
            seen = stream.next()
    fast_emulator.client.offset(0, 60.0)
    with event_stream(running, "/api/nl43/_alerts/stream/events?last_event_id=earliest") as stream:
        assert alert(stream, "onset")["unit_id"] == "m"
    with event_stream(running, f"/api/nl43/_monitor/events?last_event_id={seen['id']}") as stream:
        assert alert(stream, "onset")["unit_id"] == "m"


def test_a_lost_meter_is_told_with_its_verdict(
    server: Callable[..., RunningServer], fast_emulator: RunningEmulator
) -> None:
    running = server(
        **FAST,
        SLMM_REPLY_TIMEOUT_S="0.3",
        SLMM_CONNECT_TIMEOUT_S="0.5",
        SLMM_ALERT_RECOVER_S="1",
        SLMM_MONITOR_BACKOFF_MAX_S="1",
    )
    watch(running, fast_emulator)
    with event_stream(running, "/api/nl43/_alerts/stream/events") as stream:
        fast_emulator.client.fault(0, "silence", count=10)
        lost = alert(stream, "onset")["event"]
        assert (lost["rule_id"], lost["metric"]) == (0, "connectivity")
        assert lost["detail"]
        assert alert(stream, "ended")["event"]["end_reason"] == "online"


def test_a_rolling_level_has_the_meter_stream_though_nobody_watches(
    server: Callable[..., RunningServer], emulator: RunningEmulator
) -> None:
    running = server()
    emulator.client.offset(0, 30.0)
    watch(running, emulator, metric="laeq_rolling", window_s=10, source="stream", threshold_db=60.0)
    with event_stream(running, "/api/nl43/_alerts/stream/events") as stream:
        onset = alert(stream, "onset")["event"]
    assert (onset["metric"], onset["level_name"]) == ("laeq_rolling", "LAeq,10s rolling")
    monitor = running.get("/_monitor/status")["monitors"]["m"]
    assert (monitor["subscribers"], monitor["stream_subscribers"], monitor["keepalive"]) == (0, 0, True)
    assert emulator.client.counters(0)["streams"] >= 1
