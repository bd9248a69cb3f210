"""Runs the command line as a process of its own, against real servers."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from gevent.pywsgi import WSGIServer

TOP = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Answer:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Answer]
Start = Callable[..., "subprocess.Popen[str]"]


def surroundings(directory: Path, **more: str) -> dict[str, str]:
    """The environment of a command that has its data below *directory*."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SLMM_")}
    return {**clean, "SLMM_DATA_DIR": str(directory / "data"), "NO_COLOR": "1", "PYTHONPATH": str(TOP), **more}


@contextmanager
def serving(application: Any) -> Iterator[str]:
    """The address of a server of that WSGI application."""
    server = WSGIServer(("127.0.0.1", 0), application, log=None, error_log=None)
    server.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.stop(timeout=1)


def _hear_ctrl_c() -> None:
    """A shell has its background jobs ignore SIGINT, and their children inherit that; the tests may be such a job."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """``start("watch", "north", SLMM_URL=…)`` runs on; what still runs after the test is ended."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str, stdout: int = subprocess.PIPE, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "slmm", *arguments],
            env=surroundings(tmp_path, **environment),
            cwd=tmp_path,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_hear_ctrl_c,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """``run("devices", "list", SLMM_URL=…)`` in an empty directory with data of its own."""

    def call(*arguments: str, stdin: str = "", **environment: str) -> Answer:
        ended = subprocess.run(
            [sys.executable, "-m", "slmm", *arguments],
            env=surroundings(tmp_path, **environment),
            cwd=tmp_path,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in ended.stderr, ended.stderr
        return Answer(ended.returncode, ended.stdout, ended.stderr)

    return call
