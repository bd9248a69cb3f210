"""Alert rules and dashboard before a real Prometheus that reads a real service."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from slmm.emulator.process import running_emulator
from tests.conftest import FAST_EMULATOR, eventually
from tests.deploy.proxies import program, replaced
from tests.deploy.visitors import Visitor
from tests.server import TOP, RunningServer, free_port

RULES, RULE_TESTS = TOP / "deploy/grafana/alerts.yaml", TOP / "deploy/grafana/alerts.test.yaml"
DASHBOARD, SCRAPING = TOP / "deploy/grafana/slmm.json", TOP / "deploy/prometheus/prometheus.yml"
SCRAPES = 5
QUIET = {
    "Refusals A": "nobody was refused anything",
    "Messages A": "there is no channel",
    "Messages B": "there is no channel",
    "Commands that failed A": "the meter takes every command",
    "Reconnections A": "connected once, before the first scrape",
}
"""Questions that may have no answer in a service that is well, and why; all others must have one."""


def promtool(*arguments: str, told: bytes = b"") -> str:
    """What promtool says; fails the test unless it is content."""
    answer = subprocess.run(
        [program("promtool"), *arguments], input=told, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60
    )
    assert answer.returncode == 0, answer.stdout.decode()
    return answer.stdout.decode()


def questions() -> dict[str, str]:
    """What each panel asks, with the rate interval that Grafana would put in."""
    return {
        f"{panel['title']} {target['refId']}": target["expr"].replace("$__rate_interval", "4s")
        for panel in json.loads(DASHBOARD.read_text())["panels"]
        for target in panel.get("targets", [])
    }


class Prometheus:
    """A running one, asked through its HTTP interface."""

    def __init__(self, port: int) -> None:
        self._api = f"http://127.0.0.1:{port}/api/v1"

    def get(self, path: str, **parameters: str) -> Any:
        """The data of an answer; fails the test when it is an error."""
        answer = requests.get(f"{self._api}{path}", parameters, timeout=10)
        assert answer.status_code == 200, f"{parameters}: {answer.text}"
        return answer.json()["data"]

    def ask(self, question: str) -> list[dict[str, Any]]:
        """The series that answer a question at present."""
        found: list[dict[str, Any]] = self.get("/query", query=question)["result"]
        return found

    def count(self, question: str) -> int:
        """The value of one figure; 0 while it is not there."""
        return next((int(float(series["value"][1])) for series in self.ask(question)), 0)

    def is_up(self) -> bool:
        """Whether it answers at all."""
        try:
            return requests.get(f"{self._api}/status/runtimeinfo", timeout=2).ok
        except requests.ConnectionError:
            return False


@contextmanager
def prometheus(directory: Path, service_port: int, token: str) -> Iterator[Prometheus]:
    """Prometheus with the shipped configuration but for places, times and the target."""
    (directory / "token").write_text(token)
    changes = {
        "slmm:8100": f"127.0.0.1:{service_port}",
        "/etc/prometheus/alerts.yaml": str(RULES),
        "/run/secrets/metrics-token": str(directory / "token"),
        "scrape_interval: 15s": "scrape_interval: 1s\n  evaluation_interval: 1s",
    }
    configuration, port = directory / "prometheus.yml", free_port()
    configuration.write_text(replaced(SCRAPING.read_text(), **changes))
    promtool("check", "config", str(configuration))
    with (directory / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(program("prometheus"), f"--config.file={configuration}", f"--storage.tsdb.path={directory / 'data'}"),
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    running = Prometheus(port)
    try:

        def answers() -> bool:
            assert process.poll() is None, (directory / "prometheus.log").read_text()
            return running.is_up()

        eventually(answers, 30, "Prometheus answers")
        yield running
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningServer, Prometheus, str]]:
    """A service that asks for a login, with a meter that is watched, and a Prometheus that has read it a few times."""
    directory = tmp_path_factory.mktemp("service")
    server = RunningServer(directory, {"SLMM_AUTH": "on", "SLMM_DEVICE_PACING_S": "0.05"})
    with running_emulator(1, *FAST_EMULATOR) as emulator:
        server.start()
        try:
            admin = Visitor.first(server)
            meter = emulator.meters[0]
            body = {"unit_id": "a", "host": meter.host, "tcp_port": meter.port}
            assert admin.post("/roster", body).status_code == 200
            made = admin.post("/_tokens", {"name": "prometheus", "role": "viewer"})
            assert made.status_code == 200, made.text
            token = made.json()["secret"]
            scraping = prometheus(tmp_path_factory.mktemp("prometheus"), server.port, token)
            with admin.get("/a/monitor/events", stream=True), scraping as running:
                eventually(lambda: running.count('count_over_time(up{job="slmm"}[1m])') >= SCRAPES, 60, "a few scrapes")
                yield server, running, token
        finally:
            server.kill()


def test_the_rules_are_right_and_tell_when_they_should() -> None:
    assert "SUCCESS" in promtool("check", "rules", "--lint-fatal", str(RULES))
    assert "SUCCESS" in promtool("test", "rules", str(RULE_TESTS))


def test_no_rule_is_without_a_test() -> None:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    told = {
        each["alertname"]
        for test in yaml.safe_load(RULE_TESTS.read_text())["tests"]
        for each in test.get("alert_rule_test", [])
        if each.get("exp_alerts")
    }
    assert told == {rule["alert"] for rule in group["rules"]}


def test_metrics_are_as_prometheus_wants_them(read: tuple[RunningServer, Prometheus, str]) -> None:
    server, _, token = read
    answer = requests.get(f"{server.url}/metrics", headers={"Authorization": f"Bearer {token}"}, timeout=20)
    assert promtool("check", "metrics", told=answer.content) == ""


def test_prometheus_reads_the_service_with_its_token(read: tuple[RunningServer, Prometheus, str]) -> None:
    _, running, _ = read
    (target,) = running.get("/targets")["activeTargets"]
    assert (target["health"], target["lastError"], target["labels"]["job"]) == ("up", "", "slmm")


def test_no_label_of_ours_is_one_of_prometheus_own(read: tuple[RunningServer, Prometheus, str]) -> None:
    _, running, _ = read
    assert [name for name in running.get("/labels") if name.startswith("exported_")] == []


@pytest.mark.parametrize("panel", questions())
def test_each_panel_has_an_answer(read: tuple[RunningServer, Prometheus, str], panel: str) -> None:
    _, running, _ = read
    if panel in QUIET:
        running.ask(questions()[panel])
    else:
        eventually(lambda: running.ask(questions()[panel]), 15, f"an answer to {questions()[panel]}")


def test_each_rule_is_asked_without_an_error_and_none_tells_of_a_service_that_is_well(
    read: tuple[RunningServer, Prometheus, str],
) -> None:
    _, running, _ = read

    def rules() -> list[dict[str, Any]]:
        return [rule for group in running.get("/rules")["groups"] for rule in group["rules"]]

    eventually(lambda: rules() and all(rule["health"] != "unknown" for rule in rules()), 30, "each rule was asked")
    assert {rule["name"]: rule.get("lastError") for rule in rules() if rule["health"] != "ok"} == {}
    assert {rule["name"]: rule["alerts"] for rule in rules() if rule["state"] == "firing"} == {}
