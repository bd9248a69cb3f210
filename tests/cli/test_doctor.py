"""What the doctor looks at, and that nothing keeps it from looking further."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from slmm import settings as settings_module
from slmm.cli.checks import Finding, look
from slmm.settings import Settings
from tests.cli.conftest import TOP, Run
from tests.server import RunningServer, free_port

NOWHERE = "http://127.0.0.1:9"


def found(answer: Any) -> dict[str, dict[str, str]]:
    return {finding["check"]: finding for finding in answer.json}


def access(**given: Any) -> Finding:
    settings: Settings = settings_module.load({}, None, **given)
    return next(finding for finding in look(settings) if finding.check == "access")


@pytest.fixture
def taken() -> Iterator[Callable[[str], int]]:
    """Takes a port of an address."""
    sockets = []

    def take(host: str) -> int:
        taken = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        sockets.append(taken)
        return int(taken.getsockname()[1])

    yield take
    for one in sockets:
        one.close()


def test_unknown_settings_are_findings_among_others(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SLMM_PROT=8101\nSLMM_LOG_LEVEL=DEBUG\n")
    answer = run("doctor", "--json", SLMM_PORT="0", SLMM_TIMEZONE="Mars/Olympus", SLMM_URL=NOWHERE)
    assert answer.code == 1
    told = [finding["sentence"] for finding in answer.json if finding["check"] == "settings"]
    assert any("SLMM_PROT is not a setting; did you mean SLMM_PORT?" in sentence for sentence in told)
    assert any("Mars/Olympus" in sentence for sentence in told)
    assert len(told) == 2
    assert {"python", "database", "access", "runtime lock", "service"} <= set(found(answer))


def test_an_env_file_that_cannot_be_read_is_a_finding(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"SLMM_HOST=\xff\xfe\n")
    answer = run("doctor", "--json", SLMM_PORT="0", SLMM_URL=NOWHERE)
    assert answer.code == 1
    assert ".env cannot be read" in found(answer)["settings"]["sentence"]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_free_port_and_a_taken_one_are_told_apart(run: Run, taken: Callable[[str], int], host: str) -> None:
    port = taken(host)
    answer = run("doctor", "--json", SLMM_HOST=host, SLMM_PORT=str(port), SLMM_URL=NOWHERE)
    assert found(answer)["service"]["state"] == "failed"
    assert f"port {port} of {host} cannot be used: Address already in use" in found(answer)["service"]["sentence"]
    free = run("doctor", "--json", SLMM_HOST=host, SLMM_PORT=str(free_port()), SLMM_URL=NOWHERE)
    assert found(free)["service"]["state"] == "ok"


def test_who_holds_the_lock_is_told_whether_it_answers_or_not(run: Run, server: Callable[..., RunningServer]) -> None:
    running = server(SLMM_POLLING_ENABLED="false")
    data = {"SLMM_DATA_DIR": str(running.directory / "data"), "SLMM_PORT": str(running.port)}
    well = found(run("doctor", "--json", SLMM_URL=running.url, **data))
    assert f"process {running.worker_pid} (" in well["runtime lock"]["sentence"]
    assert "gunicorn" in well["runtime lock"]["sentence"]
    assert well["service"]["state"] == "warning", "standby"
    mute = run("doctor", "--json", SLMM_URL=NOWHERE, **data)
    assert mute.code == 1
    assert found(mute)["runtime lock"]["state"] == "failed"
    assert f"process {running.worker_pid} (" in found(mute)["runtime lock"]["sentence"]
    second = run("serve", **data)
    assert second.code == 1
    assert f"process {running.worker_pid} (" in second.err
    running.terminate()
    assert "nobody reads" in found(run("doctor", "--json", SLMM_URL=NOWHERE, **data))["runtime lock"]["sentence"]


def test_missing_and_old_zone_data_are_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty/tzdata").mkdir(parents=True)
    (tmp_path / "empty/tzdata/__init__.py").write_text("")
    nothing = {"PYTHONTZPATH": "", "PYTHONPATH": f"{tmp_path / 'empty'}{os.pathsep}{TOP}"}
    missing = found(run("doctor", "--json", SLMM_URL=NOWHERE, **nothing))["time zones"]
    assert (missing["state"], "pip install tzdata" in missing["sentence"]) == ("failed", True)
    zones = tmp_path / "zones"
    (zones / "Europe").mkdir(parents=True)
    (zones / "Europe/Berlin").write_bytes((resources.files("tzdata.zoneinfo") / "Europe/Berlin").read_bytes())
    (zones / "tzdata.zi").write_text("# version 2019c\n")
    old = run("doctor", "--json", SLMM_URL=NOWHERE, SLMM_TIMEZONE="Europe/Berlin", PYTHONTZPATH=str(zones))
    assert found(old)["time zones"]["state"] == "warning"
    assert f"zone data 2019c from {zones}" in found(old)["time zones"]["sentence"]


@pytest.mark.parametrize(
    ("given", "state"),
    [
        ({}, "ok"),
        ({"host": "127.0.0.7", "auth": "off"}, "ok"),
        ({"host": "::1", "auth": "off"}, "ok"),
        ({"host": "0.0.0.0"}, "ok"),
        ({"host": "0.0.0.0", "auth": "off"}, "warning"),
        ({"host": "::", "auth": "off"}, "warning"),
        ({"proxy_hops": 1}, "warning"),
        ({"proxy_hops": 1, "auth": "off"}, "warning"),
        ({"proxy_hops": 1, "auth": "on"}, "ok"),
    ],
)
def test_access_depends_on_bind_login_and_proxy(given: dict[str, Any], state: str, tmp_path: Path) -> None:
    assert access(data_dir=tmp_path, **given).state == state


def test_a_free_port_is_free_again_afterwards(run: Run) -> None:
    port = free_port()
    run("doctor", SLMM_PORT=str(port), SLMM_URL=NOWHERE)
    with closing(socket.create_server(("127.0.0.1", port))):
        pass
