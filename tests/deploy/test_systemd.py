"""The unit of deploy/systemd: systemd itself finds no fault, and little of the machine is open to it."""

import re
import subprocess
from pathlib import Path

import pytest
from dotenv import dotenv_values

from slmm import settings
from tests.deploy.proxies import program, replaced
from tests.server import TOP

UNIT = TOP / "deploy/systemd/slmm.service"
MOST_EXPOSED = 1.5
"""systemd's own measure: 0 is a program that may do nothing, 10 one that may do all."""


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program and a folder that are there; what they are called is not what is looked at."""
    path = tmp_path / "slmm.service"
    changes = {"/opt/slmm/.venv/bin/python": "/bin/true", "WorkingDirectory=/opt/slmm": f"WorkingDirectory={tmp_path}"}
    path.write_text(replaced(UNIT.read_text(), **changes))
    return path


def test_systemd_accepts_the_unit(unit: Path) -> None:
    answer = subprocess.run(
        [program("systemd-analyze"), "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=30
    )
    assert (answer.returncode, answer.stdout + answer.stderr) == (0, "")


def test_little_is_open_to_it(unit: Path) -> None:
    answer = subprocess.run(
        [program("systemd-analyze"), "security", "--offline=true", "--no-pager", str(unit)],
        capture_output=True,
        text=True,
        timeout=30,
    )
    exposure = re.search(r"Overall exposure level for slmm.service: ([\d.]+)", answer.stdout)
    assert exposure, answer.stdout + answer.stderr
    assert float(exposure[1]) <= MOST_EXPOSED, answer.stdout + answer.stderr


def test_it_leaves_time_to_stop_and_writes_where_it_may() -> None:
    text = UNIT.read_text()
    graceful_s = re.search(r"graceful_timeout = (\d+)", (TOP / "gunicorn.conf.py").read_text())
    stop_s = re.search(r"TimeoutStopSec=(\d+)", text)
    assert graceful_s
    assert stop_s
    assert int(stop_s[1]) > int(graceful_s[1])
    folder = re.search(r"^StateDirectory=(\w+)$", text, re.M)
    assert folder
    assert f"Environment=SLMM_DATA_DIR=/var/lib/{folder[1]}\n" in text


def test_the_settings_beside_it_are_known() -> None:
    given = {name: value or "" for name, value in dotenv_values(UNIT.with_name("slmm.env")).items()}
    found = settings.load(given, None)
    assert (found.requires_login, found.proxy_hops) == (True, 1)
