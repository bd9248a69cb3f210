"""Long operations on a meter (all settings, a cycle, a download): run beside the polls, followed by whoever likes.

An operation is a greenlet of its own that asks the meter's worker for one step after another, so that
polls and a person's commands go on in between.
"""

from __future__ import annotations

import itertools
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import gevent
from gevent.event import AsyncResult

from slmm import events, signals
from slmm.errors import DeviceBusy, DeviceTimeout, NotFound, SlmmError

logger = logging.getLogger(__name__)

T = TypeVar("T")

KEPT = 200
"""Operations that can still be asked about after their end."""
TELL_EVERY_S = 0.5
"""Progress in bytes is told no more often than this."""


@dataclass(slots=True)
class Step:
    """One step of an operation and what became of it."""

    name: str
    state: str = "running"
    """``running``, ``done``, ``failed`` or ``skipped``."""
    detail: str | None = None


@dataclass(slots=True)
class Operation:
    """What is being done with a unit, how far it is, and how it ended."""

    operation_id: str
    unit_id: str
    kind: str
    started_at: datetime
    state: str = "running"
    steps: list[Step] = field(default_factory=list)
    done: int = 0
    total: int | None = None
    progress_unit: str = "steps"
    ended_at: datetime | None = None
    error: SlmmError | None = None
    result: Any = None
    fetched: Any = None
    """What a download has brought, for whoever fetches it later."""
    outcome: AsyncResult = field(default_factory=AsyncResult, repr=False)
    _told_s: float = 0.0

    def step(self, name: str) -> Step:
        """Begin the next step; the one before it is done."""
        self.end_step("done")
        step = Step(name)
        self.steps.append(step)
        self.tell()
        return step

    def end_step(self, state: str, detail: str | None = None) -> None:
        """The present step has come to its end."""
        if self.steps and self.steps[-1].state == "running":
            self.steps[-1].state = state
            self.steps[-1].detail = detail

    def progress(self, done: int, total: int | None, unit: str = "bytes") -> None:
        """How far it is; told at most twice a second."""
        self.done, self.total, self.progress_unit = done, total, unit
        now_s = gevent.get_hub().loop.now()
        if now_s - self._told_s >= TELL_EVERY_S:
            self._told_s = now_s
            self.tell()

    def tell(self) -> None:
        """Publish where it stands."""
        change = events.OperationChange(
            unit_id=self.unit_id,
            at=datetime.now(UTC),
            operation_id=self.operation_id,
            kind=self.kind,
            state=self.state,
            step=self.steps[-1].name if self.steps else self.kind,
            done=self.done,
            total=self.total,
            unit=self.progress_unit,
            error=str(self.error) if self.error else None,
        )
        signals.publish(signals.operation_changed, change)


class Operations:
    """All operations: at most one for each unit at a time; ended ones are remembered for a while."""

    def __init__(self) -> None:
        self._all: OrderedDict[str, Operation] = OrderedDict()
        self._running: dict[str, Operation] = {}
        self._greenlets: set[gevent.Greenlet] = set()

    def begin(self, unit_id: str, kind: str, work: Callable[[Operation], Any]) -> Operation:
        """Start *work* in a greenlet of its own; raises DeviceBusy while another runs on this unit."""
        if (other := self._running.get(unit_id)) is not None:
            raise DeviceBusy(
                f"{unit_id} is busy with {other.kind} ({other.operation_id}) since {other.started_at:%H:%M:%S} UTC",
                retry_after_s=10.0,
            )
        operation = Operation(secrets.token_hex(6), unit_id, kind, datetime.now(UTC))
        self._all[operation.operation_id] = self._running[unit_id] = operation
        self._forget_oldest()
        greenlet = gevent.Greenlet(self._run, operation, work)
        greenlet.name = f"{kind}-{unit_id}"
        greenlet.link(self._greenlets.discard)
        self._greenlets.add(greenlet)
        greenlet.start()
        return operation

    def _run(self, operation: Operation, work: Callable[[Operation], Any]) -> None:
        operation.tell()
        try:
            operation.result = work(operation)
            operation.state = "done"
            operation.end_step("done")
        except SlmmError as error:
            self._failed(operation, error)
        except Exception:
            logger.exception("%s of %s failed", operation.kind, operation.unit_id)
            self._failed(operation, SlmmError(f"{operation.kind} failed for a reason nobody thought of; see the log"))
        except gevent.GreenletExit:
            self._failed(operation, SlmmError("the service stopped"))
            raise
        finally:
            operation.ended_at = datetime.now(UTC)
            del self._running[operation.unit_id]
            operation.tell()
            if operation.error is not None:
                operation.outcome.set_exception(operation.error)
            else:
                operation.outcome.set(operation.result)

    @staticmethod
    def _failed(operation: Operation, error: SlmmError) -> None:
        operation.state, operation.error = "failed", error
        operation.end_step("failed", str(error))

    def _forget_oldest(self) -> None:
        ended = (key for key, operation in self._all.items() if operation.state != "running")
        for key in list(itertools.islice(ended, max(0, len(self._all) - KEPT))):
            del self._all[key]

    def wait(self, operation: Operation, timeout_s: float) -> Any:
        """Its result; raises what it raised, or DeviceTimeout while it goes on."""
        try:
            return operation.outcome.get(timeout=timeout_s)
        except gevent.Timeout as timeout:
            raise DeviceTimeout(
                f"{operation.kind} of {operation.unit_id} still runs after {timeout_s:g} s; "
                f"follow operation {operation.operation_id}"
            ) from timeout

    def get(self, unit_id: str, operation_id: str) -> Operation:
        """One operation of a unit; raises NotFound."""
        operation = self._all.get(operation_id)
        if operation is None or operation.unit_id != unit_id:
            raise NotFound(f"there is no operation {operation_id!r} of {unit_id}")
        return operation

    def of_unit(self, unit_id: str) -> list[Operation]:
        """The operations of a unit that are remembered, newest first."""
        return [operation for operation in reversed(self._all.values()) if operation.unit_id == unit_id]

    def running(self, unit_id: str) -> Operation | None:
        """What runs on a unit at present."""
        return self._running.get(unit_id)

    def stop(self) -> None:
        """End what still runs."""
        gevent.killall(list(self._greenlets), timeout=2.0)
