"""gunicorn's settings for ``bench.busy``: those of the service, and a close look at how late its hub is.

A hundred looks a second, each as "monotonic time, seconds late" on a line of the file that LAGS names;
the service itself looks four times a second.
"""

import os
from pathlib import Path
from runpy import run_path

_settings = run_path(str(Path(__file__).resolve().parent.parent / "gunicorn.conf.py"))
globals().update({name: value for name, value in _settings.items() if not name.startswith("_")})

EVERY_S = 0.01
_started = _settings["post_worker_init"]


def post_worker_init(worker):
    """Start the service, then look."""
    import time

    from slmm.hublag import HubLag

    _started(worker)

    class Look(HubLag):
        """Writes what it sees."""

        def take(self, lag_s):
            """One look."""
            lines.append(f"{time.monotonic():.4f} {max(0.0, lag_s):.6f}\n")
            if len(lines) >= 1 / EVERY_S:
                file.writelines(lines)
                file.flush()
                lines.clear()

    lines = []
    file = open(os.environ["LAGS"], "w", encoding="ascii")  # noqa: SIM115 - until the process ends
    look = worker.bench_look = Look(EVERY_S)
    look.start()
