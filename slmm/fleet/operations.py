"""Long operations on a meter (all settings, a cycle, a download): run beside the polls, followed by whoever likes.

An operation is a greenlet of its own that asks the meter's worker for one step after another, so that
polls and a person's commands go on in between. One runs on a meter at a time; a fetch may wait for its turn in a queue.
"""

from __future__ import annotations

import itertools
import logging
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import gevent
from gevent.event import AsyncResult

from slmm import events, signals
from slmm.errors import Conflict, DeviceBusy, DeviceTimeout, NotFound, SlmmError

logger = logging.getLogger(__name__)

T = TypeVar("T")

KEPT = 200
"""Operations that can still be asked about after their end."""
TELL_EVERY_S = 0.5
"""Progress in bytes is told no more often than this."""
MOST_QUEUED = 50
"""Operations that wait for their turn on one meter."""
CANCELLED_WITHIN_S = 10.0
STOPPED_WITHIN_S = 2.0


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
    """``queued``, ``running``, ``done``, ``failed`` or ``cancelled``."""
    subject: str | None = None
    """What it is about, such as the path on the card."""
    can_be_stopped: bool = False
    """Whether it may end at any moment and be gone on with later, as a fetch may."""
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
    is_stopping: bool = False
    """Somebody has asked for its end."""
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
        now_s = time.monotonic()
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


Work = Callable[[Operation], Any]


class Cancelled(Conflict):
    """Somebody has ended it before its time."""


class Operations:
    """All operations: at most one for each unit at a time, fetches behind it; ended ones are remembered for a while."""

    def __init__(self) -> None:
        self._all: OrderedDict[str, Operation] = OrderedDict()
        self._running: dict[str, Operation] = {}
        self._queues: dict[str, deque[tuple[Operation, Work]]] = {}
        self._greenlets: dict[str, gevent.Greenlet] = {}

    def begin(self, unit_id: str, kind: str, work: Work, *, subject: str | None = None) -> Operation:
        """Start *work* in a greenlet of its own; raises DeviceBusy while another runs on this unit."""
        if (other := self._running.get(unit_id)) is not None:
            raise DeviceBusy(
                f"{unit_id} is busy with {other.kind} ({other.operation_id}) since {other.started_at:%H:%M:%S} UTC",
                retry_after_s=10.0,
            )
        operation = self._new(unit_id, kind, subject)
        self._start(operation, work)
        return operation

    def queue(self, unit_id: str, kind: str, work: Work, *, subject: str | None = None) -> Operation:
        """Start a fetch now, or after what runs and waits on this unit; raises DeviceBusy when too many wait.

        What waits for the same already is given instead of a second one.
        """
        waiting = self._queues.setdefault(unit_id, deque())
        for known in (*([self._running[unit_id]] if unit_id in self._running else []), *(each for each, _ in waiting)):
            if subject is not None and (known.kind, known.subject) == (kind, subject):
                return known
        if len(waiting) >= MOST_QUEUED:
            raise DeviceBusy(f"{MOST_QUEUED} operations wait for {unit_id} already", retry_after_s=60.0)
        operation = self._new(unit_id, kind, subject)
        operation.can_be_stopped = True
        if unit_id not in self._running:
            self._start(operation, work)
            return operation
        operation.state = "queued"
        waiting.append((operation, work))
        operation.tell()
        return operation

    def _new(self, unit_id: str, kind: str, subject: str | None) -> Operation:
        operation = Operation(secrets.token_hex(6), unit_id, kind, datetime.now(UTC), subject=subject)
        self._all[operation.operation_id] = operation
        self._forget_oldest()
        return operation

    def _start(self, operation: Operation, work: Work) -> None:
        operation.state = "running"
        self._running[operation.unit_id] = operation
        greenlet = gevent.Greenlet(self._run, operation, work)
        greenlet.name = f"{operation.kind}-{operation.unit_id}"
        greenlet.link(lambda _: self._greenlets.pop(operation.operation_id, None))
        self._greenlets[operation.operation_id] = greenlet
        greenlet.start()

    def _start_next(self, unit_id: str) -> None:
        waiting = self._queues.get(unit_id)
        if waiting:
            self._start(*waiting.popleft())

    def position(self, operation: Operation) -> int | None:
        """How many wait before it, plus one; None unless it waits."""
        places = (each.operation_id for each, _ in self._queues.get(operation.unit_id, ()))
        return next((number for number, key in enumerate(places, 1) if key == operation.operation_id), None)

    def cancel(self, unit_id: str, operation_id: str) -> Operation:
        """Take one out of the queue, or stop a fetch; raises NotFound, or Conflict for what cannot be stopped."""
        operation = self.get(unit_id, operation_id)
        waiting = self._queues.get(unit_id, deque())
        place = self.position(operation)
        if place is not None:
            del waiting[place - 1]
            operation.ended_at = datetime.now(UTC)
            self._cancelled(operation, "taken out of the queue")
            operation.outcome.set_exception(operation.error)
            operation.tell()
            return operation
        if operation.state != "running":
            raise Conflict(f"{operation.kind} of {unit_id} has ended already: {operation.state}")
        if not operation.can_be_stopped:
            raise Conflict(f"{operation.kind} of {unit_id} cannot be stopped halfway; wait for its end")
        operation.is_stopping = True
        greenlet = self._greenlets[operation.operation_id]
        greenlet.kill(block=True, timeout=CANCELLED_WITHIN_S)
        if operation.ended_at is None and greenlet.dead:  # it had not begun
            self._cancelled(operation, "stopped before it began")
            self._ended(operation)
        return operation

    @staticmethod
    def _cancelled(operation: Operation, why: str) -> None:
        operation.state, operation.error = "cancelled", Cancelled(why)
        operation.end_step("failed", why)

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
            if not operation.is_stopping:
                self._failed(operation, SlmmError("the service stopped"))
                raise
            self._cancelled(operation, "stopped on request; what has been fetched is kept, and is gone on from")
        finally:
            self._ended(operation)

    def _ended(self, operation: Operation) -> None:
        operation.ended_at = datetime.now(UTC)
        del self._running[operation.unit_id]
        operation.tell()
        if operation.error is not None:
            operation.outcome.set_exception(operation.error)
        else:
            operation.outcome.set(operation.result)
        self._start_next(operation.unit_id)

    @staticmethod
    def _failed(operation: Operation, error: SlmmError) -> None:
        operation.state, operation.error = "failed", error
        operation.end_step("failed", str(error))

    def _forget_oldest(self) -> None:
        ended = (key for key, operation in self._all.items() if operation.state not in ("running", "queued"))
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
        """End what still runs; what waits is not begun."""
        self._queues.clear()
        ending = list(self._greenlets.values())
        gevent.killall(ending, block=False)
        gevent.joinall(ending, timeout=STOPPED_WITHIN_S)  # one that takes longer must not keep the rest from stopping
