"""Every request has a number that its log lines carry and its answer returns, and is counted."""

from __future__ import annotations

import re
import secrets
import time

from flask import Flask, Response, g, request

from slmm import logs
from slmm.web.metrics.exposition import exposition

HEADER = "X-Request-ID"
ENVIRON_KEY = "slmm.request_id"
_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Others, which anybody may invent, count as one."""


def _begin() -> None:
    given = request.headers.get(HEADER, "")
    number = given if _SANE.fullmatch(given) else secrets.token_hex(8)
    g.request_began_s = time.perf_counter()
    g.request_id = request.environ[ENVIRON_KEY] = number
    g.noted_before = logs.note(request_id=number, unit_id=(request.view_args or {}).get("unit_id"))


def _answered(response: Response) -> Response:
    if number := g.get("request_id"):
        response.headers[HEADER] = number
        method = request.method if request.method in _METHODS else "OTHER"
        web = exposition().web
        web.answered(method, response.status_code, time.perf_counter() - g.request_began_s)
        if response.status_code == 413:
            web.refusals.note("request_size")
    return response


def _end(error: BaseException | None) -> None:
    before = g.pop("noted_before", None)
    if before is not None:
        logs.renote(before)


def register(app: Flask) -> None:
    """Number and count every request of the application; comes before all other guards."""
    app.before_request(_begin)
    app.after_request(_answered)
    app.teardown_request(_end)
