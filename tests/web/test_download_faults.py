"""Faults on the way from a card: no corrupt file is kept, none lands outside, the feed goes on.

Three of each of ten kinds; SLMM_TEST_EXAMPLES=100 brings ten of each.
"""

import hashlib
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest
from flask.testing import FlaskClient

from slmm.app import create_app
from slmm.emulator.process import RunningEmulator
from slmm.settings import Settings
from tests.conftest import FAST, eventually
from tests.nl43.ftp_meter import running_ftp_meter
from tests.web.conftest import BASE
from tests.web.test_files import kept_files

FILES = {f"/NL-43/Auto_0001/Auto_Lp_01/NL_0001_SLM_Lp _0001_000{number}.rnd": number * 70_000 for number in range(1, 5)}
BACK_WITHIN_S = 10.0
FAULTS = int(os.environ.get("SLMM_TEST_EXAMPLES", "30"))


def faults(seed: int) -> dict[str, Any]:
    """One of the ways in which a transfer goes wrong; by turns, so that ten seeds bring each once."""
    random_ = random.Random(seed)
    after = random_.randrange(0, 250_000)
    once_or_often = random_.choice([1, 2, 1_000])
    name = random_.choice(sorted(FILES))
    listed = FILES[name] + random_.choice([-1, 1, -5_000, 5_000])
    broken = {"break_after_bytes": after, "break_times": once_or_often}
    return [
        {**broken, "break_how": "cut"},
        {**broken, "break_how": "short"},
        {**broken, "break_how": "reset"},
        {**broken, "break_how": "control"},
        {**broken, "break_how": "stall"},
        {**broken, "break_how": "cut", "has_rest": False},
        {"listed_sizes": {name: listed}},
        {"way_back": random_.choice(["425", "never", "silent"])},
        {"refusals": {random_.choice(["RETR", "CWD", "TYPE"]): random_.choice(["550 No.", "451 Error.", "nonsense"])}},
        {"listings": {"/NL-43/Auto_0001": nasty(random_)}},
    ][seed % 10]


def nasty(random_: random.Random) -> str:
    """A folder full of names that want to be elsewhere, among them one that is sound."""
    names = ["../../x", "..\\x", "/etc/passwd", "a/../../../y", "~/.ssh/x", "a\x00b", "Auto_Lp_01/../../../z"]
    line = "-rwxrwxrwx   1 owner    group         {} Dec 23 19:40 {}\r\n"
    random_.shuffle(names)
    return "".join(line.format(random_.randrange(1, 900), name) for name in names)


@pytest.fixture
def client(make_settings: Callable[..., Settings]) -> Iterator[FlaskClient]:
    app = create_app(make_settings(**FAST, ftp_stall_s=0.5, ftp_retry_s=0.0))
    runtime = app.extensions["slmm"]
    runtime.start()
    yield app.test_client()
    runtime.stop()


@pytest.mark.deadline(600)
def test_faults_of_all_kinds_leave_no_corrupt_file_and_none_outside(
    client: FlaskClient, add: Callable[..., str], fast_emulator: RunningEmulator, tmp_path: Path
) -> None:
    contents = {name: random.Random(name).randbytes(size) for name, size in FILES.items()}
    card = tmp_path / "meter" / "card"
    for name, content in contents.items():
        path = card / name[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    data_dir = client.application.extensions["slmm"].settings.data_dir
    downloads = data_dir / "downloads"
    before = everything_but(downloads, tmp_path)
    outcomes: dict[int, int] = {}

    for seed in range(FAULTS):
        unit_id = f"m{seed}"
        with running_ftp_meter(tmp_path / "meter", **faults(seed)) as meter:
            add(fast_emulator.meters[seed % 3], unit_id, ftp_enabled=True, ftp_port=meter.port, monitor_enabled=True)
            answer = client.post(f"{BASE}/{unit_id}/ftp/download-folder", json={"remote_path": "/NL-43/Auto_0001"})
            assert answer.status_code in (200, 404, 502, 503, 504), (seed, answer.json)
            outcomes[answer.status_code] = outcomes.get(answer.status_code, 0) + 1
        status = client.application.extensions["slmm"].board.status(unit_id)
        assert status.held_by is None, seed
        ended = status.last_success
        eventually(
            lambda status=status, ended=ended: status.last_success != ended,
            BACK_WITHIN_S,
            f"the feed after fault {seed}",
        )
        for place, kept in kept_files(downloads).items():
            name = "/" + place.partition("/")[2]
            assert name in contents, f"fault {seed} left {place}"
            assert hashlib.sha256(kept).digest() == hashlib.sha256(contents[name]).digest(), f"fault {seed}: {place}"
        client.delete(f"{BASE}/{unit_id}/config")
        gevent.sleep(0)

    assert everything_but(downloads, tmp_path) - before <= {downloads}
    assert outcomes.get(200, 0) >= 0.4 * FAULTS, f"what can be gone on with is gone on with: {outcomes}"
    assert outcomes[502] >= 0.1 * FAULTS, f"what cannot be cured is told: {outcomes}"


def everything_but(downloads: Path, top: Path) -> set[Path]:
    """What is on the disk beside the downloads, and beside what the database and the FTP server write."""
    return {
        path
        for path in top.rglob("*")
        if downloads not in path.parents and not path.name.startswith("slmm.db") and path.name != "commands.log"
    }
