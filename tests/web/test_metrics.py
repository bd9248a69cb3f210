"""What operators' machines ask: metrics, readiness, and how often which limit was reached."""

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import gevent
import pytest
import yaml
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from slmm.app import create_app
from slmm.errors import DiskTrouble
from slmm.live.audience import Channel
from slmm.live.formats import SSE
from slmm.runtime import Runtime
from slmm.settings import Settings
from slmm.storage import usage
from slmm.tallies import Histograms
from slmm.web import readiness
from slmm.web.metrics import exposition as exposition_module
from slmm.web.metrics import kept
from slmm.web.metrics.families import gauges
from tests.conftest import FAST, eventually
from tests.web.conftest import BASE

TOP = Path(__file__).resolve().parent.parent.parent
OUTSIDE = {"REMOTE_ADDR": "203.0.113.7"}
Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def runtime_of(client: FlaskClient) -> Runtime:
    found: Runtime = client.application.extensions["slmm"]
    return found


def figures(client: FlaskClient) -> Figures:
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def figure(client: FlaskClient, name: str, **labels: str) -> float:
    return figures(client)[name, tuple(sorted(labels.items()))]


@pytest.fixture
def limited(make_settings: Callable[..., Settings], request: pytest.FixtureRequest) -> Any:
    """A service with the settings of the test's parameter."""
    app = create_app(make_settings(**FAST, **request.param))
    app.extensions["slmm"].start()
    yield app.test_client()
    app.extensions["slmm"].stop()


# -- metrics ----------------------------------------------------------------------------------------


def test_every_metric_has_a_help_text_and_a_name_that_says_what_it_is(client: FlaskClient) -> None:
    answer = client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    families = list(text_string_to_metric_families(answer.text))
    names = [family.name for family in families]
    assert len(names) == len(set(names)) > 40
    typed = re.findall(r"^# TYPE (\S+) (\S+)", answer.text, re.MULTILINE)
    for family in families:
        assert family.documentation.endswith("."), family.name
        assert family.name.startswith(("slmm_", "process_")), family.name
        assert not re.search(r"_(ms|mb|kb|minutes|hours|percent)(_|$)", family.name), "base units alone"
    assert all(name.endswith("_total") == (kind == "counter") for name, kind in typed)
    assert all(kind in ("counter", "gauge", "histogram") for _, kind in typed)


def test_what_a_meter_did_is_counted(client: FlaskClient, add: Callable[..., str], fast_emulator: Any) -> None:
    add(fast_emulator.meters[0])
    add(unit_id="off", tcp_enabled=False)
    add(unit_id="gone")
    for _ in range(3):
        assert client.get(f"{BASE}/a/live").status_code == 200
    client.get(f"{BASE}/gone/live")
    found = figures(client)

    def value(name: str, **labels: str) -> float:
        return found[name, tuple(sorted(labels.items()))]

    assert value("slmm_command_results_total", command="DOD", result="R+0000") >= 3
    assert value("slmm_command_results_total", command="DOD", result="unreachable") >= 1
    count = value("slmm_command_duration_seconds_count", command="DOD")
    assert count == value("slmm_command_duration_seconds_bucket", command="DOD", le="+Inf") >= 4
    assert value("slmm_command_duration_seconds_sum", command="DOD") > 0
    assert value("slmm_connections_opened_total", unit="a") == 1
    assert value("slmm_poll_gap_seconds_count", mode="off") >= 2
    assert value("slmm_unit_reachable", unit="a") == 1
    assert value("slmm_units", state="disabled") == 1
    assert sum(value("slmm_units", state=state) for state in ("measuring", "stopped", "unknown", "unreachable")) == 2
    assert value("slmm_unit_last_answer_timestamp_seconds", unit="a") > 1.7e9


def test_a_unit_that_is_gone_leaves_no_series(client: FlaskClient, add: Callable[..., str], fast_emulator: Any) -> None:
    add(fast_emulator.meters[0])
    client.get(f"{BASE}/a/live")
    assert figure(client, "slmm_connections_opened_total", unit="a") == 1
    assert client.delete(f"{BASE}/a/config").status_code == 200
    assert not [labels for _, labels in figures(client) if ("unit", "a") in labels]


def test_streams_queues_jobs_and_requests_are_told(client: FlaskClient, add: Callable[..., str]) -> None:
    add(tcp_enabled=False)
    hub = runtime_of(client).hub
    viewer = hub.join(["a"], SSE, address="203.0.113.7")
    assert figure(client, "slmm_streams", kind="levels", transport="sse") == 1
    viewer.skipped = 7
    hub.leave(viewer)
    assert figure(client, "slmm_frames_skipped_total") == 7, "also of who has left"
    assert hub.streams_from("203.0.113.7") == 0
    before = figure(client, "slmm_http_requests_total", method="GET", status="200")
    client.get("/healthz")
    assert figure(client, "slmm_http_requests_total", method="GET", status="200") == before + 2, "and the one before"
    assert figure(client, "slmm_queue_rows", queue="record") == 0
    eventually(lambda: figure(client, "slmm_job_runs_total", task="prune") >= 1)
    client.open("/healthz", method="INVENTED")
    assert ("slmm_http_requests_total", (("method", "OTHER"), ("status", "405"))) in figures(client)


def test_open_alerts_and_the_disk_are_asked_for(client: FlaskClient) -> None:
    assert figure(client, "slmm_alerts_open", acknowledged="false", severity="red") == 0
    assert figure(client, "slmm_disk_free_bytes") > 0
    assert figure(client, "slmm_storage_bytes", kind="database") > 4096


def test_what_cannot_be_asked_is_left_out_and_said(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: object) -> Any:
        raise DiskTrouble("the record is gone")

    monkeypatch.setattr(kept, "tiers", fails)
    found = figures(client)
    assert found["slmm_metrics_ok", (("part", "storage"),)] == 0
    assert found["slmm_metrics_ok", (("part", "alerts"),)] == 1
    assert not [name for name, _ in found if name.startswith("slmm_storage_")]


def test_a_thousand_series_do_not_hold_the_hub() -> None:
    turns: list[int] = []
    other = gevent.spawn(lambda: [(turns.append(number), gevent.sleep(0)) for number in range(100)])
    many = gauges("slmm_x", "Of many.", ("unit",), (((f"u{number}",), 1.0) for number in range(1050)))
    pieces = list(exposition_module.written(many))
    assert len(turns) > 9, "others had their turn between the pieces"
    other.kill()
    text = b"".join(pieces).decode()
    assert text.count("# HELP") == text.count("# TYPE") == 1
    (family,) = text_string_to_metric_families(text)
    assert len({sample.labels["unit"] for sample in family.samples}) == 1050


def test_histograms_count_what_does_not_exceed_a_bound() -> None:
    found = Histograms[str]((0.1, 1.0))
    for value in (0.05, 0.1, 0.5, 7.0):
        found.take("x", value)
    ((key, histogram),) = found
    assert (key, histogram.count, histogram.total) == ("x", 4, 7.65)
    assert histogram.buckets() == [("0.1", 2.0), ("1", 3.0), ("+Inf", 4.0)]


def test_two_applications_count_each_for_itself(make_settings: Callable[..., Settings], tmp_path: Path) -> None:
    one, other = (create_app(make_settings(data_dir=tmp_path / name)) for name in ("one", "other"))
    one.test_client().get("/healthz")
    tallies = [app.extensions[exposition_module.EXTENSION].web.answers for app in (one, other)]
    assert (len(tallies[0]), len(tallies[1])) == (1, 0)


# -- readiness --------------------------------------------------------------------------------------


@pytest.fixture
def ready(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    monkeypatch.setattr(readiness, "EVERY_S", 0.0)
    return client


def reasons(client: FlaskClient) -> dict[str, str]:
    answer = client.get("/readyz")
    if answer.status_code == 200:
        assert answer.json["status"] == "ready"
        return {}
    assert answer.status_code == 503
    assert answer.content_type == "application/problem+json"
    assert answer.json["code"] == "not_ready"
    assert answer.headers["Retry-After"] == "5"
    assert all(each["message"] in answer.json["detail"] for each in answer.json["errors"])
    return {each["field"]: each["message"] for each in answer.json["errors"]}


def test_a_running_service_is_ready_also_in_standby(ready: FlaskClient) -> None:
    assert reasons(ready) == {}
    ready.post(f"{BASE}/_system/standby")
    assert reasons(ready) == {}


def test_a_service_that_stops_is_not_ready_but_alive(ready: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime_of(ready), "started_at", None)
    assert set(reasons(ready)) == {"runtime"}
    assert ready.get("/healthz").status_code == 200
    monkeypatch.undo()


def test_each_thing_that_is_wrong_is_a_reason(ready: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = runtime_of(ready)
    monkeypatch.setattr(usage, "free_bytes", lambda folder: 5_000_000)
    assert reasons(ready) == {"disk": "5 MB are free on the disk; 100 are needed"}
    monkeypatch.undo()
    monkeypatch.setattr(readiness, "EVERY_S", 0.0)
    runtime.hub_lag.take(3.0)
    assert "3.0 s" in reasons(ready)["hub"]
    for _ in range(40):
        runtime.hub_lag.take(0.0)
    runtime.record.historian.last_error = "no space left"
    assert reasons(ready) == {"record": "the record cannot be written: no space left"}
    runtime.record.historian.last_error = None
    lock = runtime.settings.data_dir / "runtime.lock"
    lock.rename(lock.with_name("moved"))
    assert set(reasons(ready)) == {"lock"}
    lock.with_name("moved").rename(lock)
    assert reasons(ready) == {}


def test_a_locked_database_is_a_reason_and_holds_nobody(ready: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = runtime_of(ready)
    monkeypatch.setattr(readiness, "WITHIN_S", 0.2)
    with closing(sqlite3.connect(runtime.settings.data_dir / "slmm.db")) as other:
        other.execute("begin immediate")
        found = reasons(ready)
    assert found == {"database": "the database cannot be written: it took nothing for 0.2 s"}
    eventually(lambda: reasons(ready) == {})


def test_another_schema_is_a_reason(ready: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness.upgrade, "head", lambda migrations: "9999")
    assert "this version needs 9999" in reasons(ready)["schema"]


# -- limits -----------------------------------------------------------------------------------------


def first_event(client: FlaskClient, path: str, environ: dict[str, str] | None = None) -> str:
    answer = client.get(f"{BASE}{path}", environ_base=environ or {})
    assert answer.status_code == 200
    piece = next(iter(answer.response))
    answer.close()
    return piece.decode() if isinstance(piece, bytes) else piece


@pytest.mark.parametrize("limited", [{"max_streams": 2, "max_streams_per_address": 1}], indirect=True)
def test_streams_have_a_limit_in_all_and_for_each_address(limited: FlaskClient) -> None:
    hub = runtime_of(limited).hub
    one = hub.join(None, SSE, address="203.0.113.7")
    assert "too_many_streams_of_address" in first_event(limited, "/_monitor/events", OUTSIDE)
    assert "too_many" not in first_event(limited, "/_monitor/events", {"REMOTE_ADDR": "203.0.113.8"})
    local = hub.join(None, SSE, address="127.0.0.1")
    hub.leave(one)
    assert "too_many" not in first_event(limited, "/_monitor/events"), "this machine is no single client"
    two = hub.join(None, SSE, address="203.0.113.9")
    assert '"too_many_streams"' in first_event(limited, "/_monitor/events")
    assert figure(limited, "slmm_refusals_total", limit="streams") == 1
    assert figure(limited, "slmm_refusals_total", limit="streams_per_address") == 1
    handshake = {"Upgrade": "websocket", "Connection": "Upgrade"}
    refused = limited.get(f"{BASE}/_alerts/stream", headers=handshake)
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "15"
    for viewer in (local, two):
        hub.leave(viewer)


@pytest.mark.parametrize("limited", [{"max_drd_units": 1, "polling_enabled": True}], indirect=True)
def test_only_so_many_meters_stream_at_a_time(limited: FlaskClient) -> None:
    for unit_id in ("a", "b"):
        body = {"unit_id": unit_id, "host": "127.0.0.1", "tcp_port": 9, "poll_enabled": False}
        assert limited.post(f"{BASE}/roster", json=body).status_code == 200
    hub = runtime_of(limited).hub
    viewer = hub.join(["a"], SSE, channel=Channel.STREAM)
    assert "too_many_drd_units" in first_event(limited, "/b/stream/events")
    assert "too_many" not in first_event(limited, "/a/stream/events"), "one more of the same costs the meter nothing"
    assert figure(limited, "slmm_refusals_total", limit="drd_units") == 1
    hub.leave(viewer)


@pytest.mark.parametrize("limited", [{"max_body_bytes": 10_000, "request_rate": "3 per hour"}], indirect=True)
def test_large_bodies_and_too_many_requests_are_refused_and_counted(limited: FlaskClient) -> None:
    answer = limited.post(f"{BASE}/roster", json={"unit_id": "x" * 20_000})
    assert answer.status_code == 413
    assert "10000 bytes" in answer.json["detail"]
    statuses = [limited.get("/health", environ_base=OUTSIDE).status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    refused = limited.get("/health", environ_base=OUTSIDE)
    assert int(refused.headers["Retry-After"]) > 0
    assert limited.get("/healthz", environ_base=OUTSIDE).status_code == 200, "a probe is never refused"
    assert limited.get("/health", environ_base={"REMOTE_ADDR": "203.0.113.8"}).status_code == 200
    assert figure(limited, "slmm_refusals_total", limit="request_size") == 1
    assert figure(limited, "slmm_refusals_total", limit="request_rate") == 2


@pytest.mark.parametrize("limited", [{"max_export_rows": 5}], indirect=True)
def test_an_export_of_too_many_rows_is_refused(limited: FlaskClient) -> None:
    body = {"unit_id": "a", "host": "127.0.0.1", "tcp_port": 9, "poll_enabled": False, "tcp_enabled": False}
    assert limited.post(f"{BASE}/roster", json=body).status_code == 200
    span = {"from": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z"}
    query = {"what": "summary", "period": "24h", "format": "csv", **span}
    answer = limited.get(f"{BASE}/a/export", query_string=query)
    assert answer.status_code == 422, answer.json
    assert "5 at most" in answer.json["detail"]
    assert figure(limited, "slmm_refusals_total", limit="export_rows") == 1


# -- dashboards and rules -----------------------------------------------------------------------------

_NAME = re.compile(r"\b(?:slmm|process)_[a-z0-9_]+")


def expressions() -> dict[str, str]:
    """Every question that the dashboard and the alert rules ask, by what asks it."""
    dashboard = json.loads((TOP / "deploy/grafana/slmm.json").read_text("utf-8"))
    found = {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in dashboard["panels"]
        for target in panel.get("targets", [])
    }
    rules = yaml.safe_load((TOP / "deploy/grafana/alerts.yaml").read_text("utf-8"))
    for group in rules["groups"]:
        found |= {rule["alert"]: rule["expr"] for rule in group["rules"]}
    return found


def exposed(client: FlaskClient) -> set[str]:
    """The names of series that there can be, also of those without a sample at present."""
    names = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)", client.get("/metrics").text, re.MULTILINE):
        names |= {f"{name}_{part}" for part in ("bucket", "count", "sum")} if kind == "histogram" else {name}
    return names


def test_dashboard_and_rules_ask_for_metrics_that_exist(client: FlaskClient) -> None:
    there, asked = exposed(client), expressions()
    assert len(asked) > 40
    unknown = {who: set(_NAME.findall(text)) - there for who, text in asked.items()}
    assert {who: names for who, names in unknown.items() if names} == {}
    assert all(_NAME.findall(text) or text.startswith("up{") for text in asked.values())


def test_every_panel_and_rule_says_what_it_is_about() -> None:
    dashboard = json.loads((TOP / "deploy/grafana/slmm.json").read_text("utf-8"))
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    assert all(panel["description"] and panel["title"] for panel in panels)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(places)
    rules = yaml.safe_load((TOP / "deploy/grafana/alerts.yaml").read_text("utf-8"))
    for rule in rules["groups"][0]["rules"]:
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert {"summary", "description"} <= set(rule["annotations"]), rule["alert"]


def test_every_metric_is_documented(client: FlaskClient) -> None:
    text = (TOP / "docs/metrics.md").read_text("utf-8")
    typed = re.findall(r"^# TYPE (slmm_\S+) ", client.get("/metrics").text, re.MULTILINE)
    assert [name for name in typed if f"`{name}`" not in text] == []
    assert set(re.findall(r"`(slmm_[a-z0-9_]+)`", text)) <= set(typed)
