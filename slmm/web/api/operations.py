"""Long operations: begun here, waited for or followed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, jsonify, make_response

from slmm.fleet.operations import Operation
from slmm.times import timestamp
from slmm.web import context
from slmm.web.api.meter_models import OperationAnswer, OperationPath, OperationsAnswer
from slmm.web.api.models import UnitPath
from slmm.web.openapi import UNIT_PROBLEMS, Api

api = Api("operations", "Long operations on a meter: settings, cycles, downloads")


def view(operation: Operation) -> dict[str, Any]:
    """An operation as JSON shows it."""
    return {
        "operation_id": operation.operation_id,
        "unit_id": operation.unit_id,
        "kind": operation.kind,
        "subject": operation.subject,
        "state": operation.state,
        "position": context.runtime().operations.position(operation),
        "steps": steps(operation),
        "done": operation.done,
        "total": operation.total,
        "unit": operation.progress_unit,
        "started_at": timestamp(operation.started_at),
        "ended_at": timestamp(operation.ended_at) if operation.ended_at else None,
        "error": str(operation.error) if operation.error else None,
        "result": operation.result if isinstance(operation.result, dict) else None,
        "can_be_stopped": operation.can_be_stopped and operation.ended_at is None,
        "has_file": operation.fetched is not None,
    }


def steps(operation: Operation) -> list[dict[str, Any]]:
    """What was done, in order."""
    return [{"name": step.name, "state": step.state, "detail": step.detail} for step in operation.steps]


def begin(
    unit_id: str,
    kind: str,
    work: Callable[[Operation], dict[str, Any]],
    *,
    subject: str | None = None,
    queues: bool = False,
) -> Operation:
    """Start *work* on a unit that may be talked to; raises NotFound, Standby, DeviceDisabled or DeviceBusy.

    What *queues* waits for its turn instead of being refused while something runs.
    """
    operations = context.runtime().operations
    context.runtime().fleet.worker(context.device(unit_id).unit_id).refuse_if_disabled(kind)
    return (operations.queue if queues else operations.begin)(unit_id, kind, work, subject=subject)


def accepted(operation: Operation) -> Response:
    """202: where to follow it."""
    answer = make_response(jsonify({"status": "ok", "operation": view(operation)}), 202)
    answer.headers["Location"] = f"/api/nl43/{operation.unit_id}/operations/{operation.operation_id}"
    return answer


def run(
    unit_id: str,
    kind: str,
    work: Callable[[Operation], dict[str, Any]],
    *,
    wait: bool,
    timeout_s: float,
    with_steps: bool = False,
    subject: str | None = None,
) -> Any:
    """Begin *work* and answer with its result, or at once with 202 and where to follow it."""
    operation = begin(unit_id, kind, work, subject=subject)
    if not wait:
        return accepted(operation)
    result = context.runtime().operations.wait(operation, timeout_s)
    return {"status": "ok", **result, **({"steps": steps(operation)} if with_steps else {})}


@api.route_for("get", "/<unit_id>/operations", needs="viewer", answer=OperationsAnswer, problems=UNIT_PROBLEMS)
def of_unit(path: UnitPath) -> dict[str, Any]:
    """What runs on a unit, and what ran of late."""
    context.device(path.unit_id)
    found = context.runtime().operations.of_unit(path.unit_id)
    return {"status": "ok", "operations": [view(operation) for operation in found]}


@api.route_for(
    "get", "/<unit_id>/operations/<operation_id>", needs="viewer", answer=OperationAnswer, problems=UNIT_PROBLEMS
)
def one(path: OperationPath) -> dict[str, Any]:
    """How far one operation is; its steps and, at its end, its result."""
    context.device(path.unit_id)
    return {"status": "ok", "operation": view(context.runtime().operations.get(path.unit_id, path.operation_id))}


@api.route_for(
    "delete",
    "/<unit_id>/operations/<operation_id>",
    needs="operator",
    answer=OperationAnswer,
    problems=(*UNIT_PROBLEMS, 409),
)
def cancel(path: OperationPath) -> dict[str, Any]:
    """Take an operation out of the queue, or stop a fetch; what it has brought is kept and gone on from."""
    context.device(path.unit_id)
    return {"status": "ok", "operation": view(context.runtime().operations.cancel(path.unit_id, path.operation_id))}
