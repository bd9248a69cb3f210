"""gunicorn's settings for benchmarks: those of the service, and a close look at how late its hub is.

A look every LAGS_EVERY_S, each as "monotonic time, seconds late" on a line of the file that LAGS names;
the service itself looks four times a second.
"""

import os
from pathlib import Path
from runpy import run_path

_settings = run_path(str(Path(__file__).resolve().parent.parent / "gunicorn.conf.py"))
globals().update({name: value for name, value in _settings.items() if not name.startswith("_")})

_EVERY_S = float(os.environ["LAGS_EVERY_S"])
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
            if len(lines) >= 1 / _EVERY_S:
                file.writelines(lines)
                file.flush()
                lines.clear()

    lines = []
    file = open(os.environ["LAGS"], "w", encoding="ascii")  # noqa: SIM115 - until the process ends
    look = worker.bench_look = Look(_EVERY_S)
    look.start()
