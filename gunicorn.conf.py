"""gunicorn's settings: one gevent worker that owns all meters; hooks start and stop the runtime."""

from slmm import settings as _settings
from slmm.web.serverlog import ServerLog as _ServerLog

_loaded = _settings.load()
_ServerLog.form, _ServerLog.tells_requests = _loaded.log_format, _loaded.access_log

bind = f"[{_loaded.host}]:{_loaded.port}" if ":" in _loaded.host else f"{_loaded.host}:{_loaded.port}"
worker_class = "gevent"
workers = 1
worker_connections = 20_000
backlog = 2048
graceful_timeout = 10
timeout = 30
keepalive = 15
limit_request_line = 8190  # the most there is: a page may name some hundred units in its address
# A recycled or reloaded worker would overlap with the old one: two owners of one meter.
max_requests = 0
# Connections taken in one go of the event loop; gevent's hundred would be a tenth of a second of requests, before
# each slice of viewers that a frame goes out to, when everybody comes back after a restart.
_accepted_at_once = 5
control_socket_disable = True
proc_name = "slmm"
loglevel = _loaded.log_level.lower()
logger_class = _ServerLog


def when_ready(server):
    """Say where the page is."""
    if server.cfg.workers != 1:
        server.log.warning("SLMM needs exactly one worker; the others will refuse to read meters")


def post_worker_init(worker):
    """Start reading meters, and stop in time: no hook of gunicorn runs while streams are open."""
    import gc
    import resource
    import sys

    import gevent
    from gevent.baseserver import BaseServer

    from slmm import logs
    from slmm.errors import SlmmError
    from slmm.patching import close_at_once
    from slmm.web.connections import OpenConnections

    close_at_once()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    BaseServer.max_accept = _accepted_at_once
    logs.configure(_loaded.log_level, _loaded.log_format)
    logs.hear_hub(gevent.get_hub())
    # The rings of a few hundred feeds are long-lived; going through them again and again costs more than
    # it ever frees. What exists now is left out of it, and the rest is looked at whole as rarely as can be, but what is
    # young in small portions, for everybody waits meanwhile.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 5, 400)
    # The hub gives the interpreter away with each send and receive and, while a thread computes (an export, a report, a
    # minute of many meters), gets it back after this long. With the usual 5 ms two thousand meters wait in line.
    sys.setswitchinterval(0.0005)
    runtime = worker.wsgi.extensions["slmm"]
    try:
        runtime.start()
    except SlmmError as error:  # a sentence that says what to do
        worker.log.error("SLMM cannot start: %s", error)
        raise SystemExit(3) from error
    except Exception as error:
        worker.log.exception("SLMM cannot start: %s", error)
        raise SystemExit(3) from error  # gunicorn gives up instead of starting the worker again

    connections = OpenConnections()
    connections.watch(worker)

    def stop_with_worker():
        while worker.alive:
            gevent.sleep(0.1)
        runtime.stop()
        connections.end_reading()

    worker.stopping = gevent.spawn(stop_with_worker)


def worker_exit(server, worker):
    """Wait for the runtime's end: gunicorn knows of requests only, and event streams are none any more.

    Then let the interpreter clear up what was set aside at the start; DuckDB complains about what it finds left over.
    """
    import gc

    if stopping := getattr(worker, "stopping", None):
        stopping.join(graceful_timeout)
    gc.unfreeze()
