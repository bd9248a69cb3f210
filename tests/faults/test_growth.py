"""A frame leaves nothing behind in memory, counted in the bytes Python holds: exact where resident memory is not.

Resident memory of a young service rises for many minutes whatever it does (buffers fill, DuckDB takes pages, the
allocator keeps what it has); a leak of 1 kB a frame would drown in that. What Python holds after a collection does not:
it wavers by some 0.1 MB, and what is first done after a minute adds 1 MB once, 500 B a frame here. A leak of 1 kB a
frame is 2 MB over 2,000 of them; the bound lies between the two.
"""

import os
from pathlib import Path
from textwrap import dedent

import gevent
import pytest

from slmm.emulator.process import running_emulator
from slmm.soak.service import TOP, Service, metric_sum
from slmm.soak.streams import EventStream
from tests.conftest import eventually

METERS = 4
WARM_FRAMES = 600
FRAMES = 2000
MOST_BYTES_A_FRAME = 800
ENVIRONMENT = {
    "SLMM_DEVICE_PACING_S": "0.05",
    "SLMM_MONITOR_POLL_INTERVAL": "0",
    "SLMM_MONITOR_IDLE_POLL_INTERVAL": "0",
    "SLMM_MONITOR_STATE_REFRESH_S": "1",
    "SLMM_MONITOR_HEALTH_REFRESH_S": "5",
    "SLMM_MONITOR_TRAIL_SAMPLE_S": "1",
    "SLMM_FEED_MEMORY_KB": "16",
}
CONFIGURATION = """
exec(open({real!r}).read())
_begin = post_worker_init

def post_worker_init(worker):
    import gc, os, tracemalloc
    import gevent
    tracemalloc.start()
    _begin(worker)

    def count():
        while True:
            gevent.sleep(0.1)
            if os.path.exists({asked!r}):
                gc.collect()
                held = tracemalloc.get_traced_memory()[0]
                os.remove({asked!r})
                with open({told!r} + ".new", "w") as file:
                    file.write(str(held))
                os.rename({told!r} + ".new", {told!r})

    gevent.spawn(count)
"""


class Counted:
    """A service that tells how many bytes Python holds when it is asked."""

    def __init__(self, directory: Path) -> None:
        self._asked, self._told = directory / "asked", directory / "told"
        configuration = directory / "counting.conf.py"
        real = str(TOP / "gunicorn.conf.py")
        configuration.write_text(dedent(CONFIGURATION).format(real=real, asked=str(self._asked), told=str(self._told)))
        self.service = Service(directory, ENVIRONMENT, configuration)

    def held_bytes(self) -> int:
        self._asked.touch()
        eventually(self._told.exists, 30.0, "an answer")
        found = int(self._told.read_text())
        os.remove(self._told)
        return found

    def frames(self) -> float:
        return metric_sum(self.service.metrics(), "slmm_record_frames_total")

    def wait_for(self, frames: float) -> None:
        """Until so many are on record; asked seldom, for asking leaves something for the collector, too."""
        with gevent.Timeout(100.0, AssertionError(f"{frames:g} frames did not come")):
            while self.frames() < frames:
                gevent.sleep(1.0)

    def come_and_go(self) -> None:
        while True:
            with EventStream(self.service.port, "/api/nl43/_monitor/events") as stream:
                for _ in range(50):
                    stream.next()


@pytest.mark.deadline(240.0)
def test_frames_and_viewers_leave_nothing_behind(tmp_path: Path) -> None:
    counted = Counted(tmp_path)
    with running_emulator(METERS, "--scenario", "quiet", "--quirk", "pacing_s=0.05") as emulator:
        counted.service.start()
        viewers: list[gevent.Greenlet] = []
        try:
            for index, meter in enumerate(emulator.meters):
                body = {"unit_id": f"u{index}", "host": meter.host, "tcp_port": meter.port, "monitor_enabled": True}
                counted.service.post("/roster", **body)
                rule = {"name": "Never", "metric": "lp", "threshold_db": 100.0, "duration_s": 1}
                counted.service.post(f"/u{index}/alerts/rules", **rule)
            viewers += [gevent.spawn(counted.come_and_go) for _ in range(2)]
            counted.wait_for(WARM_FRAMES)
            before, first = counted.held_bytes(), counted.frames()
            counted.wait_for(first + FRAMES)
            grown, frames = counted.held_bytes() - before, counted.frames() - first
        finally:
            gevent.killall(viewers)
            counted.service.terminate()
    print(f"{grown} bytes more after {frames:g} frames")  # noqa: T201 - shown when it fails
    assert grown / frames < MOST_BYTES_A_FRAME
