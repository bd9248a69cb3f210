"""What views reach for: the runtime, and one unit by its checked name."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from flask import Flask, current_app

from slmm.errors import Invalid, NotFound
from slmm.fleet.jobs import Priority
from slmm.fleet.procedures import Ask
from slmm.fleet.worker import MeterWorker
from slmm.nl43.meter import Meter
from slmm.storage.devices import Device
from slmm.web.access import caller

if TYPE_CHECKING:
    from slmm.runtime import Runtime

T = TypeVar("T")

STEP_TIMEOUT_S = 30.0
UNIT_ID = re.compile(r"[A-Za-z0-9-][A-Za-z0-9._-]{0,63}")


def runtime() -> Runtime:
    """The running service of this application."""
    return cast("Runtime", current_app.extensions["slmm"])


def checked_unit_id(unit_id: str) -> str:
    """*unit_id* itself if it may be one; raises Invalid before it reaches a path, a log or a query."""
    if not UNIT_ID.fullmatch(unit_id):
        raise Invalid(
            f"unit_id {unit_id!r} is not allowed: 1–64 letters, digits, '.', '_' or '-', not beginning with '_' or '.'",
            field="unit_id",
        )
    return unit_id


def refuse_unseen(unit_id: str) -> None:
    """Raise NotFound for a unit that does not exist for the caller."""
    if not caller().sees(unit_id):
        raise NotFound(f"there is no unit {unit_id!r}")


def device(unit_id: str) -> Device:
    """The unit of that name; raises Invalid or NotFound."""
    return runtime().roster.get(checked_unit_id(unit_id))


def worker(unit_id: str) -> MeterWorker:
    """The owner of a unit; raises Invalid, NotFound or Standby."""
    return runtime().fleet.worker(device(unit_id).unit_id)


def asker(unit_id: str, running: Runtime) -> Ask:
    """How a long operation has its steps done: each in the meter's turn, and polls between them."""

    def ask(action: Callable[[Meter], T], what: str) -> T:
        return running.fleet.request(unit_id, action, what, STEP_TIMEOUT_S, Priority.STEP)

    return ask


def _check_path(endpoint: str | None, values: dict[str, Any] | None) -> None:
    if values and "unit_id" in values:
        checked_unit_id(values["unit_id"])


def register(app: Flask) -> None:
    """Refuse a name that cannot be before the body, the view or the stream sees the request."""
    app.url_value_preprocessor(_check_path)
