"""A service of one's own: gunicorn in a directory of its own, as ``slmm serve`` starts it, and how to ask it.

Everything is asked over HTTP, as any client would; only its memory is read from the system.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import gevent
import requests

TOP = Path(__file__).resolve().parent.parent.parent
START_WITHIN_S = 90.0
_PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 2**20
_SAMPLE = re.compile(r"^([a-z_]+)(?:\{(.*)\})? (\S+)$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class ServiceDied(RuntimeError):
    """The service ended though nobody ended it."""


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Service:
    """The service as a process; its port and its data stay the same over restarts."""

    def __init__(
        self, directory: Path, environment: Mapping[str, str], configuration: Path = TOP / "gunicorn.conf.py"
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.api = f"{self.url}/api/nl43"
        self.log = directory / "service.log"
        self.lives = 0
        self._directory = directory
        self._environment = environment
        self._configuration = configuration
        self._process: subprocess.Popen[bytes] | None = None

    # -- life and death ---------------------------------------------------------------------------

    def start(self) -> None:
        """Start and wait until it reads meters; raises ServiceDied with the end of its log when it does not."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("SLMM_")}
        wanted = {"SLMM_PORT": str(self.port), "SLMM_DATA_DIR": str(self._directory / "data"), **self._environment}
        command = [sys.executable, "-m", "gunicorn", "--pythonpath", str(TOP), "-c", str(self._configuration)]
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                [*command, "wsgi:app"],
                cwd=self._directory,  # no .env of whoever starts this is meant
                env={**own, **wanted},
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl+C is for us: we end it in order
            )
        self.lives += 1
        deadline_s = time.monotonic() + START_WITHIN_S
        while time.monotonic() < deadline_s:
            if not self.is_running:
                break
            try:
                if requests.get(f"{self.url}/health", timeout=2).json().get("is_running"):
                    return
            except requests.RequestException:
                gevent.sleep(0.1)
        raise ServiceDied(f"the service did not come up:\n{self.last_log()}")

    def last_log(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-3000:]

    @property
    def is_running(self) -> bool:
        """Started, and not ended since."""
        return self._process is not None and self._process.poll() is None

    @property
    def worker_pid(self) -> int | None:
        """The process that does the work; None while there is none."""
        if self._process is None:
            return None
        with suppress(OSError, IndexError):
            return int(Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()[0])
        return None

    def kill(self) -> None:
        """SIGKILL for worker and master at once, as a power cut would."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        worker = self.worker_pid
        os.kill(process.pid, signal.SIGKILL)
        if worker is not None:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        process.wait(40)

    def terminate(self, within_s: float = 40.0) -> int | None:
        """SIGTERM and, if that does not help in time, SIGKILL; the exit code, None when it had to be killed."""
        process = self._process
        if process is None or process.poll() is not None:
            return None if process is None else process.returncode
        process.terminate()
        try:
            return process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    # -- what it is asked -------------------------------------------------------------------------

    def get(self, path: str, **parameters: Any) -> Any:
        """A JSON answer; raises requests.RequestException."""
        answer = requests.get(f"{self.api}{path}", params=parameters, timeout=40)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, **body: Any) -> Any:
        """The same for what changes something."""
        answer = requests.post(f"{self.api}{path}", json=body, timeout=40)
        if answer.status_code >= 400:
            raise requests.HTTPError(f"POST {path}: {answer.status_code} {answer.text[:500]}", response=answer)
        return answer.json()

    def export_lines(self, unit_id: str, from_at: str, until: str) -> Iterator[list[str]]:
        """The frames of a unit that are on record, as the cells of the CSV; the first are the names of the columns."""
        wish = {"what": "frames", "format": "csv", "from": from_at, "until": until}
        with requests.get(f"{self.api}/{unit_id}/export", params=wish, timeout=120, stream=True) as answer:
            answer.raise_for_status()
            for line in answer.iter_lines(chunk_size=65_536, decode_unicode=False):
                if line and not line.startswith(b"#"):
                    yield line.decode().split(",")

    def metrics(self) -> list[tuple[str, dict[str, str], float]]:
        """What /metrics says: name, labels, value."""
        answer = requests.get(f"{self.url}/metrics", timeout=40)
        answer.raise_for_status()
        found = []
        for line in answer.text.splitlines():
            if not line.startswith("#") and (match := _SAMPLE.match(line)):
                found.append((match[1], dict(_LABEL.findall(match[2] or "")), float(match[3])))
        return found

    # -- what the system says of it ---------------------------------------------------------------

    def memory_mib(self) -> float | None:
        """Memory of the worker that is in RAM; None while there is none."""
        with suppress(OSError):
            return int(Path(f"/proc/{self.worker_pid}/statm").read_text().split()[1]) * _PAGE_MIB
        return None

    def open_files(self) -> int | None:
        """Open file descriptors of the worker; None while there is none."""
        with suppress(OSError):
            return len(os.listdir(f"/proc/{self.worker_pid}/fd"))
        return None


def metric_sum(metrics: list[tuple[str, dict[str, str], float]], name: str, **labels: str) -> float:
    """The sum of all samples of a name with these labels."""
    return sum(
        value
        for found, its, value in metrics
        if found == name and all(its.get(label) == wanted for label, wanted in labels.items())
    )


def histogram_percentile(metrics: list[tuple[str, dict[str, str], float]], name: str, percent: float) -> float | None:
    """The upper edge of the class a percentile of a histogram falls into; None without any sample."""
    classes = sorted((float(its["le"]), value) for found, its, value in metrics if found == f"{name}_bucket")
    if not classes or not classes[-1][1]:
        return None
    wanted = classes[-1][1] * percent / 100.0
    return next(edge for edge, count in classes if count >= wanted)
