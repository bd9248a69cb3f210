"""A migration may take longer than gunicorn waits for a silent worker.

gunicorn judges a worker by when it was last heard, and one that has not yet begun to serve was never heard: no time-out
ends it. Should that change in gunicorn, a large database would be migrated and cut off for ever, and this test fails.
"""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import requests

from slmm.storage import upgrade
from slmm.storage.upgrade import MIGRATIONS
from tests.conftest import eventually
from tests.server import TOP, free_port

TIMEOUT_S, MIGRATION_S = 4, 7
CONF = f"""
import pathlib, runpy
_real = runpy.run_path({str(TOP / "gunicorn.conf.py")!r})
globals().update({{name: value for name, value in _real.items() if not name.startswith("_")}})
timeout = {TIMEOUT_S}

def post_worker_init(worker):
    import slmm.runtime, slmm.storage.upgrade
    slmm.runtime.MIGRATIONS = slmm.storage.upgrade.MIGRATIONS = pathlib.Path("MIGRATIONS_DIR")
    _real["post_worker_init"](worker)
"""
STEP = f'''"""Takes its time."""
import pathlib
import sqlalchemy as sa
from alembic import op
from gevent.monkey import get_original
revision, down_revision, branch_labels, depends_on = "9001", "AFTER", None, None
def upgrade():
    with open("TRIES_FILE", "a") as tries:
        tries.write("tried\\n")
    get_original("time", "sleep")({MIGRATION_S})  # in a thread of the pool, as a long statement would be
    op.create_table("slowly_made", sa.Column("id", sa.Integer()))
'''


def test_a_migration_longer_than_the_timeout_of_gunicorn_comes_to_its_end(tmp_path: Path) -> None:
    migrations = Path(
        shutil.copytree(MIGRATIONS, tmp_path / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    )
    tries, log, port = tmp_path / "tries", tmp_path / "server.log", free_port()
    step = STEP.replace("AFTER", str(upgrade.head(MIGRATIONS))).replace("TRIES_FILE", str(tries))
    (migrations / "versions" / "9001_slow.py").write_text(step)
    (tmp_path / "conf.py").write_text(CONF.replace("MIGRATIONS_DIR", str(migrations)))
    environment = {"PATH": "/usr/bin:/bin", "SLMM_DATA_DIR": str(tmp_path / "data"), "SLMM_PORT": str(port)}
    command = [sys.executable, "-m", "gunicorn", "-c", str(tmp_path / "conf.py"), "wsgi:app"]
    with log.open("wb") as told:
        process = subprocess.Popen(command, cwd=TOP, env=environment, stdout=told, stderr=told)

    def is_running() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            return bool(requests.get(f"http://127.0.0.1:{port}/health", timeout=2).json()["is_running"])
        except (requests.ConnectionError, requests.Timeout):
            return False

    try:
        eventually(is_running, 60.0, "the service, after its migration,")
    finally:
        process.terminate()
        process.wait(40)
    assert tries.read_text().splitlines() == ["tried"], "it was not cut off and begun again"
    with closing(sqlite3.connect(tmp_path / "data" / "slmm.db")) as database:
        assert database.execute("select version_num from alembic_version").fetchall() == [("9001",)]
        assert database.execute("select count(*) from slowly_made").fetchone() == (0,)
