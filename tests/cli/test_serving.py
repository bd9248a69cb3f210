"""``slmm serve`` and ``slmm demo``: what they say at the start is true, and they stop as they say."""

import json
import signal
from pathlib import Path

import pytest
import requests

from tests.cli.conftest import Run, Start
from tests.conftest import eventually
from tests.server import free_port


def answers(url: str) -> bool:
    try:
        return bool(requests.get(f"{url}/health", timeout=2).json()["is_running"])
    except requests.RequestException:
        return False


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "0.0.0.0"])
def test_serving_tells_programs_where_it_is_and_how_to_stop_it(start: Start, tmp_path: Path, host: str) -> None:
    port = free_port()
    (tmp_path / ".env").write_text(f"SLMM_PORT={port}\nSLMM_DATA_DIR=here\nSLMM_POLLING_ENABLED=false\n")
    serving = start("serve", "--json", SLMM_HOST=host, SLMM_DATA_DIR="here", SLMM_AUTH="off")
    assert serving.stdout is not None
    told = json.loads(serving.stdout.readline())
    shown = {"127.0.0.1": "127.0.0.1", "::1": "[::1]", "0.0.0.0": "127.0.0.1"}[host]
    assert told == {
        "url": f"http://{shown}:{port}",
        "data_dir": str(tmp_path / "here"),
        "pid": serving.pid,
        "stop": f"kill -TERM {serving.pid}",
    }
    eventually(lambda: answers(told["url"]), 20)
    assert requests.get(f"{told['url']}/health", timeout=5).json()["is_standby"], "the .env of this directory is meant"
    assert (tmp_path / "here/slmm.db").stat().st_size > 0
    serving.send_signal(signal.SIGTERM)
    assert serving.wait(15) == 0
    assert serving.stdout.read() == "", "one line, and no more"


def test_the_demo_tells_the_same_and_its_meters(start: Start, run: Run) -> None:
    port = free_port()
    demo = start("demo", "--json", "--port", str(port))
    assert demo.stdout is not None
    told = json.loads(demo.stdout.readline())
    assert (told["url"], told["pid"]) == (f"http://127.0.0.1:{port}", demo.pid)
    eventually(lambda: answers(told["url"]), 20)
    assert len(requests.get(told["meters"], timeout=5).json()) == 3
    api = f"{told['url']}/api/nl43"

    def opened() -> bool:
        events = requests.get(f"{api}/_alerts/events", timeout=5).json()["events"]
        return any(event["rule_name"] == "Site mean too high" and event["status"] == "active" for event in events)

    eventually(opened, 20)
    minutes = {tier["key"]: tier for tier in requests.get(f"{api}/_system/retention", timeout=10).json()["tiers"]}
    assert minutes["minutes"]["entries"] >= 3 * 24 * 60 - 6, "a day of each meter"
    again = run("demo", "--port", str(free_port()))
    assert again.code == 1
    assert "stop it first" in again.err
    demo.send_signal(signal.SIGTERM)
    assert demo.wait(20) == 0
