"""A service on a disk that fails: how it is asked, and who watches it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gevent
import requests

from tests.server import EventStream, RunningServer


def record_of(service: RunningServer) -> dict[str, Any]:
    """How the record is kept up."""
    state: dict[str, Any] = service.get("/_system/status")["data"]["record"]
    return state


def put(service: RunningServer, unit_id: str) -> requests.Response:
    """Ask for a new unit."""
    body = {"unit_id": unit_id, "host": "127.0.0.1", "tcp_port": 9, "tcp_enabled": False}
    return requests.post(f"{service.api}/roster", json=body, timeout=40)


@contextmanager
def watched(service: RunningServer, unit_id: str) -> Iterator[list[dict[str, Any]]]:
    """The frames of a unit as they come, while the context lasts."""
    stream = EventStream(service, f"/api/nl43/{unit_id}/monitor/events")
    seen: list[dict[str, Any]] = []

    def watch() -> None:
        while True:
            seen.append(stream.frame())

    watching = gevent.spawn(watch)
    try:
        yield seen
    finally:
        watching.kill()
        stream.close()
