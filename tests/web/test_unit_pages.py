"""The working pages of a unit and what they ask of the service: templates, drift, the queue of fetches."""

from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest
from flask.testing import FlaskClient

from slmm.emulator.process import RunningEmulator, running_emulator
from slmm.errors import Conflict, DeviceBusy, NotFound
from slmm.fleet import templates
from slmm.fleet.operations import MOST_QUEUED, Operation, Operations
from tests.conftest import FAST_EMULATOR, eventually
from tests.web.conftest import BASE

Add = Callable[..., str]


@pytest.fixture
def stopped() -> Iterator[RunningEmulator]:
    """One meter that does not measure, so that it can be set."""
    with running_emulator(1, *FAST_EMULATOR, "--stopped") as running:
        yield running


@pytest.mark.parametrize("page", ["files", "settings", "log", "diagnosis"])
def test_each_page_stands_in_the_frame_of_its_unit(client: FlaskClient, add: Add, page: str) -> None:
    add()
    answer = client.get(f"/unit/a/{page}")
    assert answer.status_code == 200
    assert 'data-unit-id="a"' in answer.text
    assert f'href="/unit/a/{page}" aria-current="page"' in answer.text
    assert client.get(f"/unit/nobody/{page}").status_code == 404


# -- templates and drift ------------------------------------------------------------------------------


def test_every_shipped_template_can_be_set_at_a_meter(client: FlaskClient, add: Add, stopped: RunningEmulator) -> None:
    add(stopped.meters[0])
    shipped = client.get(f"{BASE}/_settings/templates").json["templates"]
    assert {each["id"] for each in shipped} == {"construction-site", "event", "ta-laerm"}
    for template in shipped:
        applied = client.post(f"{BASE}/a/settings/apply", json={"settings": template["settings"]}).json
        assert applied["failed"] == {}
        again = client.post(f"{BASE}/a/settings/apply", json={"settings": template["settings"]}).json
        assert (again["changed"], set(again["unchanged"])) == ({}, set(template["settings"]))


def test_a_template_is_kept_listed_and_forgotten(client: FlaskClient) -> None:
    body = {"name": " Night watch ", "note": "for the harbour", "settings": {"leq_interval": "5m"}}
    kept = client.post(f"{BASE}/_settings/templates", json=body).json["template"]
    assert (kept["name"], kept["origin"], kept["settings"]) == ("Night watch", "saved", {"leq_interval": "5m"})
    assert client.post(f"{BASE}/_settings/templates", json=body).status_code == 409
    assert kept in client.get(f"{BASE}/_settings/templates").json["templates"]
    assert client.delete(f"{BASE}/_settings/templates/{kept['id']}").status_code == 200
    assert client.delete(f"{BASE}/_settings/templates/{kept['id']}").status_code == 404


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"leq_interval": "7m"}, "settings.leq_interval"),
        ({"clock": "2026/01/01 00:00:00"}, "settings.clock"),
        ({"store_mode": "Auto\r\nMeasure,Stop"}, "settings.store_mode"),
    ],
)
def test_what_the_meter_would_not_take_is_refused_with_its_name(
    client: FlaskClient, settings: dict[str, str], field: str
) -> None:
    answer = client.post(f"{BASE}/_settings/templates", json={"name": "x", "settings": settings})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json["errors"]] == [field]


def test_an_item_that_fails_is_named_and_the_others_are_set(
    client: FlaskClient, add: Add, stopped: RunningEmulator
) -> None:
    add(stopped.meters[0])
    stopped.client.quirk(0, "has_option", False)  # then there are no percentiles and no intervals
    wanted = {"frequency_weighting": "C", "percentile_1": "1"}
    applied = client.post(f"{BASE}/a/settings/apply", json={"settings": wanted}).json
    assert applied["changed"] == {"frequency_weighting": ["A", "C"]}
    assert "R+0001" in applied["failed"]["percentile_1"]


def test_a_measuring_meter_is_not_set(client: FlaskClient, add: Add, fast_emulator: RunningEmulator) -> None:
    add(fast_emulator.meters[0])
    answer = client.post(f"{BASE}/a/settings/apply", json={"settings": {"leq_interval": "1m"}})
    assert answer.status_code == 409
    assert "after it was stopped" in answer.json["detail"]


def test_drift_is_told_with_its_beginning(client: FlaskClient, add: Add, stopped: RunningEmulator) -> None:
    add(stopped.meters[0], monitor_enabled=True)
    assert client.get(f"{BASE}/a/settings/drift").json["fingerprint_taken_at"] is None
    assert client.put(f"{BASE}/a/settings/fingerprint").status_code == 200

    def measured_with(interval: str) -> str:
        stopped.client.register(0, "Leq Calculation Interval Preset", interval)
        client.post(f"{BASE}/a/start")

        def run() -> Any:
            newest = (client.get(f"{BASE}/a/runs").json["runs"] or [{}])[0]
            is_right = newest.get("ended_at") is None and (newest.get("settings") or {}).get("leq_interval") == interval
            return newest["started_at"] if is_right else None

        started_at: str = eventually(run, 20)
        client.post(f"{BASE}/a/stop")
        eventually(lambda: client.get(f"{BASE}/a/runs").json["runs"][0]["ended_at"])
        return started_at

    right_at = measured_with("15m")
    since = measured_with("1h")
    found = client.get(f"{BASE}/a/settings/drift").json
    assert found["drift"] == [
        {
            "member": "leq_interval",
            "name": "Leq Calculation Interval Preset",
            "expected": "15m",
            "now": "1h",
            "since": since,
            "right_at": right_at,
        }
    ]


def test_values_that_mean_the_same_are_the_same() -> None:
    assert templates.is_same("5", "5.0")
    assert templates.is_same("Auto ", "auto")
    assert not templates.is_same("5", "50")


def test_a_pause_is_told(client: FlaskClient, add: Add, fast_emulator: RunningEmulator) -> None:
    add(fast_emulator.meters[0])
    assert client.get(f"{BASE}/a/pause").json["is_paused"] is False
    client.post(f"{BASE}/a/pause")
    assert client.get(f"{BASE}/a/pause").json["is_paused"] is True


# -- the queue of fetches ---------------------------------------------------------------------------------


def waiting_for(gate: gevent.event.Event) -> Callable[[Operation], dict[str, Any]]:
    def work(operation: Operation) -> dict[str, Any]:
        operation.step("wait")
        gate.wait()
        return {}

    return work


def test_fetches_queue_one_behind_the_other_and_each_gets_its_turn() -> None:
    operations, gate = Operations(), gevent.event.Event()
    first, second, third = (operations.queue("a", "download", waiting_for(gate), subject=f"/{n}") for n in range(3))
    assert [each.state for each in (first, second, third)] == ["running", "queued", "queued"]
    assert [operations.position(each) for each in (first, second, third)] == [None, 1, 2]
    assert operations.queue("a", "download", waiting_for(gate), subject="/2") is third, "once is enough"
    with pytest.raises(DeviceBusy):
        operations.begin("a", "start-cycle", waiting_for(gate))
    gate.set()
    eventually(lambda: third.state == "done")
    assert first.ended_at <= second.ended_at <= third.ended_at  # type: ignore[operator]


def test_what_waits_can_be_taken_out_and_a_running_fetch_stopped() -> None:
    operations, gate = Operations(), gevent.event.Event()
    first, second, third = (operations.queue("a", "download", waiting_for(gate), subject=f"/{n}") for n in range(3))
    operations.cancel("a", second.operation_id)
    assert (second.state, str(second.error)) == ("cancelled", "taken out of the queue")
    eventually(lambda: first.steps)
    operations.cancel("a", first.operation_id)
    assert first.state == "cancelled"
    assert first.steps[0].state == "failed"
    gate.set()
    eventually(lambda: third.state == "done")
    with pytest.raises(Conflict):
        operations.cancel("a", third.operation_id)
    with pytest.raises(NotFound):
        operations.cancel("b", third.operation_id)


def test_a_fetch_that_is_stopped_before_it_began_makes_way() -> None:
    operations, gate = Operations(), gevent.event.Event()
    first, second = (operations.queue("a", "download", waiting_for(gate), subject=f"/{n}") for n in range(2))
    operations.cancel("a", first.operation_id)
    assert (first.state, first.steps) == ("cancelled", [])
    gate.set()
    eventually(lambda: second.state == "done")


def test_what_cannot_be_stopped_halfway_says_so() -> None:
    operations, gate = Operations(), gevent.event.Event()
    cycle = operations.begin("a", "start-cycle", waiting_for(gate))
    with pytest.raises(Conflict, match="cannot be stopped halfway"):
        operations.cancel("a", cycle.operation_id)
    eventually(lambda: cycle.steps)
    operations.stop()
    assert cycle.state == "failed"


def test_the_queue_has_an_end() -> None:
    operations, gate = Operations(), gevent.event.Event()
    for number in range(MOST_QUEUED + 1):
        operations.queue("a", "download", waiting_for(gate), subject=f"/{number}")
    with pytest.raises(DeviceBusy, match="already"):
        operations.queue("a", "download", waiting_for(gate), subject="/one more")
    operations.stop()


def test_a_queued_download_is_followed_and_taken_out_over_rest(
    client: FlaskClient, add: Add, fast_emulator: RunningEmulator
) -> None:
    add(fast_emulator.meters[0], ftp_enabled=True, ftp_port=9)
    gate = gevent.event.Event()
    client.application.extensions["slmm"].operations.begin("a", "start-cycle", waiting_for(gate))
    url, body = f"{BASE}/a/ftp/download", {"remote_path": "/NL-43/x.rnd"}
    assert client.post(f"{url}?wait=false", json=body).status_code == 503
    queued = client.post(f"{url}?wait=false&queue=true", json=body)
    assert queued.status_code == 202
    operation = queued.json["operation"]
    assert (operation["state"], operation["position"], operation["subject"]) == ("queued", 1, "/NL-43/x.rnd")
    ended = client.delete(queued.headers["Location"]).json["operation"]
    assert (ended["state"], ended["position"]) == ("cancelled", None)
    gate.set()
