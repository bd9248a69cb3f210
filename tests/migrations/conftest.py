"""An empty database of each kind that is supported, and the key of its secrets."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest
import sqlalchemy as sa

from slmm.storage.database import Database
from slmm.storage.secrets import SecretBox
from tests.deploy.proxies import program
from tests.server import free_port

NOBODY = 65_534


class Cluster:
    """A PostgreSQL of its own, which forgets everything when it ends; run as nobody where we are root."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._user = NOBODY if os.geteuid() == 0 else None

    def start(self, initdb: str) -> None:
        """Make the cluster and begin to serve; returns when it takes connections."""
        if self._user is not None:
            os.chown(self._folder, self._user, self._user)
        data, beside = self._folder / "data", Path(initdb).resolve().parent
        made = [initdb, "-D", str(data), "-U", "slmm", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
        self._run(made)
        fast = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=16MB"]
        where = ["listen_addresses=127.0.0.1", f"port={self._port}", f"unix_socket_directories={self._folder}"]
        options = [word for option in (*fast, *where) for word in ("-c", option)]
        with open(self._folder / "log", "wb") as log:
            self._process = subprocess.Popen(
                [str(beside / "postgres"), "-D", str(data), *options],
                cwd=self._folder,
                user=self._user,
                stdout=log,
                stderr=log,
            )
        self._run([str(beside / "pg_isready"), "-h", "127.0.0.1", "-p", str(self._port)], tries=200)

    def _run(self, command: list[str], tries: int = 1) -> None:
        for left in range(tries, 0, -1):
            answer = subprocess.run(command, cwd=self._folder, user=self._user, capture_output=True, timeout=60)
            if answer.returncode == 0:
                return
            if left == 1:
                pytest.fail(f"{command[0]}: {answer.stdout!r} {answer.stderr!r}")
            gevent.sleep(0.1)

    def url(self) -> str:
        """A new, empty database."""
        name = f"slmm_{secrets.token_hex(6)}"
        engine = sa.create_engine(self._address("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sa.text(f"create database {name}"))
        engine.dispose()
        return self._address(name)

    def _address(self, name: str) -> str:
        return f"postgresql+psycopg://slmm@127.0.0.1:{self._port}/{name}"

    def stop(self) -> None:
        """End it; nothing is kept."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)  # at once: nothing in it is worth keeping
            self._process.wait(30)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One for all tests."""
    found = shutil.which("initdb") or next(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")), None)
    folder = Path(tempfile.mkdtemp(prefix="slmm-postgresql-"))
    running = Cluster(folder)
    try:
        running.start(found or program("initdb"))
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty one."""
    on_disk = f"sqlite:///{tmp_path / 'slmm.db'}"
    url = on_disk if request.param == "sqlite" else request.getfixturevalue("cluster").url()
    opened = Database.open(url)
    yield opened
    opened.close()


@pytest.fixture
def box(tmp_path: Path) -> SecretBox:
    """What seals the secrets of the rows."""
    return SecretBox.open(tmp_path / "secret.key")
