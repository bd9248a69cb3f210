"""The interface keeps to its own description, whoever asks: Schemathesis with a fixed seed.

Everything that can be derived from the description is tried as an operator and, in standby, as an administrator; the
others get invented requests only. ``SLMM_TEST_EXAMPLES=200 script/test tests/e2e/test_schema.py`` tries everything
as everybody, and more.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from slmm.emulator.process import RunningEmulator
from tests.server import RunningServer

CONFIG = Path(__file__).with_name("schemathesis.toml")
SEED = 20261121
EXAMPLES = os.environ.get("SLMM_TEST_EXAMPLES")
FEW, FEWEST = "2", "1"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
STREAMS = "/events$"
FAST = {
    "SLMM_AUTH": "on",
    "SLMM_DEVICE_PACING_S": "0.05",
    "SLMM_CONNECT_TIMEOUT_S": "1",
    "SLMM_REPLY_TIMEOUT_S": "1",
    "SLMM_FTP_STALL_S": "1",
    "SLMM_FTP_SETTLE_S": "0.1",
}
RUNS = [
    # With a meter: all but what would send the service to addresses of Schemathesis's invention.
    *[
        (role, "meter", f"{STREAMS}|/config$|/roster$|/_roster/|activate$")
        for role in ("anonymous", "viewer", "operator", "admin")
    ],
    # In standby no address is ever called: the roster may be filled with anything.
    ("admin", "standby", f"{STREAMS}|_system/resume$"),
]


THOROUGH = {("operator", "meter"), ("admin", "standby")}


@pytest.mark.deadline(400)
@pytest.mark.parametrize(("role", "mode", "left_out"), RUNS, ids=[f"{role}-{mode}" for role, mode, _ in RUNS])
def test_every_answer_is_as_described(
    server: Callable[..., RunningServer], fast_emulator: RunningEmulator, role: str, mode: str, left_out: str
) -> None:
    running = server(**FAST)
    code = re.search(r"enter the code (\S+)", running.log.read_text())
    assert code is not None
    admin = requests.Session()
    admin.headers["Origin"] = running.url
    first = {"code": code[1], "name": "ada", "password": "correct horse battery"}
    assert admin.post(f"{running.api}/_setup", json=first, timeout=5).status_code == 200
    meter = fast_emulator.meters[0]
    unit = {"unit_id": "a", "host": meter.host, "tcp_port": meter.port, "ftp_port": 9, "ftp_enabled": True}
    assert admin.post(f"{running.api}/roster", json=unit, timeout=5).status_code == 200
    if mode == "standby":
        assert admin.post(f"{running.api}/_system/standby", timeout=15).status_code == 200
    identity = []
    if role != "anonymous":
        token = admin.post(f"{running.api}/_tokens", json={"name": role, "role": role}, timeout=5).json()
        identity = ["--header", f"Authorization: Bearer {token['secret']}"]

    is_thorough = EXAMPLES is not None or (role, mode) in THOROUGH
    few = FEW if is_thorough else FEWEST
    phases = "examples,coverage,fuzzing" if is_thorough else "fuzzing"
    tried = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIG), "run"),
            *(f"{running.url}/openapi.json", "--exclude-path-regex", left_out, "--checks", CHECKS),
            *("--phases", phases, "--seed", str(SEED), "--max-examples", EXAMPLES or few),
            *("--workers", "1", "--continue-on-failure", "--warnings", "off", *identity),
        ],
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "120"},
        cwd=running.directory,
        capture_output=True,
        text=True,
        check=False,
    )

    assert tried.returncode == 0, "\n".join(line[:300] for line in tried.stdout.splitlines()[-200:])
    assert int(re.findall(r"(\d+) generated", tried.stdout)[0]) > (1000 if is_thorough else 130)
    assert "Traceback" not in running.log.read_text()
