"""gunicorn's own lines, and a line for every request where it is wanted, in the form of all others.

gunicorn makes its logger before anything is patched for gevent: nothing here imports more than the standard library.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from gunicorn.glogging import Logger

from slmm import logs

REQUEST_ID = "slmm.request_id"
_requests = logging.getLogger("gunicorn.access")


def access_facts(status: str | int, sent: int | None, environ: dict[str, Any], took: timedelta) -> dict[str, Any]:
    """What is told of one request; secrets in its address are taken out when the line is made."""
    query = environ.get("QUERY_STRING", "")
    facts = {
        "method": environ.get("REQUEST_METHOD"),
        "path": environ.get("PATH_INFO", "") + (f"?{query}" if query else ""),
        "status": int(str(status).split(None, 1)[0]),
        "bytes": sent,
        "duration_s": round(took.total_seconds(), 4),
        "remote": environ.get("REMOTE_ADDR"),
        "request_id": environ.get(REQUEST_ID),
    }
    return {name: value for name, value in facts.items() if value is not None}


def tell(status: str | int, sent: int | None, environ: dict[str, Any], took: timedelta) -> None:
    """A line about one request, when they are wanted."""
    if _requests.handlers:
        _tell(access_facts(status, sent, environ, took))


def _tell(facts: dict[str, Any]) -> None:
    _requests.info("%(method)s %(path)s %(status)s in %(duration_s)s s", facts, extra={"facts": facts})


def later(status: str, environ: dict[str, Any]) -> Callable[[], None]:
    """What tells of a request at its end, for those that last; it keeps nothing of the request but what it tells."""
    if not _requests.handlers:
        return _untold
    began_s = time.monotonic()
    facts = access_facts(status, None, environ, timedelta())

    def tell_now() -> None:
        facts["duration_s"] = round(time.monotonic() - began_s, 4)
        _tell(facts)

    return tell_now


def _untold() -> None:
    """Where no lines about requests are wanted."""


class ServerLog(Logger):  # type: ignore[misc]
    """Named in gunicorn.conf.py, which says in what form, and whether requests are told."""

    form = "text"
    tells_requests = False

    def setup(self, cfg: Any) -> None:
        """Called by gunicorn in the master and once more in the worker."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            if type(handler) is logging.StreamHandler:
                handler.setFormatter(logs.formatter(self.form))
        self._access_log_enabled = self.tells_requests
        if self.tells_requests and not self.access_log.handlers:
            handler = logging.StreamHandler(sys.stderr)
            handler.setFormatter(logs.formatter(self.form))
            self.access_log.addHandler(handler)
            self.access_log.propagate = False

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        """Called by gunicorn when an answer is out; of streams it does not hear, see ``later``."""
        tell(resp.status, getattr(resp, "sent", None), environ, request_time)
