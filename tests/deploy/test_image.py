"""The Dockerfile: what it copies is enough to serve, its commands are true, and it runs as nobody special."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.conftest import eventually
from tests.deploy.image import commands, copied, environment, is_sent, stages, values
from tests.server import TOP, free_port

PACKAGES, IMAGE = stages((TOP / "Dockerfile").read_text())


def test_packages_are_installed_by_hash_and_nothing_is_compiled() -> None:
    install = next(value for value in values(PACKAGES, "RUN") if "pip install" in value)
    assert {"--require-hashes", "--only-binary", "--no-deps"} <= set(install.split())
    assert "requirements.lock" in install
    requirements = re.split(r"\n(?=[a-z0-9])", (TOP / "requirements.lock").read_text())
    assert len(requirements) > 40
    assert [line for line in requirements if "--hash=sha256:" not in line or "==" not in line] == []


def test_python_is_the_version_the_tests_run_on() -> None:
    wanted = f"python:{sys.version_info.major}.{sys.version_info.minor}-slim"
    for stage in (PACKAGES, IMAGE):
        assert values(stage, "FROM")[0].startswith(wanted)


def test_it_does_not_run_as_root_and_writes_in_one_place() -> None:
    names = [name for name, _ in IMAGE]
    assert values(IMAGE, "USER") == ["slmm"]
    assert "RUN" not in names[names.index("USER") :], "what is installed is not slmm's to change"
    assert values(IMAGE, "VOLUME") == [environment(IMAGE)["SLMM_DATA_DIR"]]
    assert values(IMAGE, "STOPSIGNAL") == ["SIGTERM"]


@pytest.mark.parametrize("name", ["data/slmm.db", ".git/config", ".env", "demo-data/secret.key", "tests/server.py"])
def test_what_is_not_of_the_service_stays_out(name: str) -> None:
    assert not is_sent(name)


def test_what_is_copied_serves_is_healthy_and_stops(tmp_path: Path) -> None:
    copied(IMAGE, tmp_path)
    home = tmp_path / "opt/slmm"
    before = set(tmp_path.rglob("*"))
    port, data = free_port(), tmp_path / "data"
    wanted = environment(IMAGE) | {"SLMM_PORT": str(port), "SLMM_DATA_DIR": str(data), "SLMM_HOST": "127.0.0.1"}
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("SLMM_")}
    surroundings |= wanted | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    start, health = commands(IMAGE)
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(start, cwd=home, env=surroundings, stdout=log, stderr=log)
    try:
        looked = [subprocess.run(health, env=surroundings, capture_output=True, timeout=10).returncode]

        def is_healthy() -> bool:
            assert process.poll() is None, (tmp_path / "log").read_text()
            looked.append(subprocess.run(health, env=surroundings, capture_output=True, timeout=10).returncode)
            return looked[-1] == 0

        eventually(is_healthy, 30)
        assert looked[0] == 1, "nobody answered yet"
        for path in ("/", "/static/js/slmm-client.js", "/openapi.json"):
            assert requests.get(f"http://127.0.0.1:{port}{path}", timeout=10).status_code == 200, path
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0, "it was the process that was started that heard it"
    finally:
        process.kill()
        process.wait()
    written = {path for path in tmp_path.rglob("*") if data not in (path, *path.parents)} - before
    assert written == {tmp_path / "log"}, "only its data is written; the image may be read-only"
