"""Runs the command line as a process of its own, against real servers."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

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


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """``run("devices", "list", SLMM_URL=…)`` in an empty directory with data of its own."""

    def call(*arguments: str, stdin: str = "", **environment: str) -> Answer:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SLMM_")}
        wanted = {"SLMM_DATA_DIR": str(tmp_path / "data"), "NO_COLOR": "1", "PYTHONPATH": str(TOP), **environment}
        ended = subprocess.run(
            [sys.executable, "-m", "slmm", *arguments],
            env={**clean, **wanted},
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
