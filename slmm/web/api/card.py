"""What the SD cards stored: fetched into the record on demand, and what came of every file."""

from __future__ import annotations

from typing import Any

from slmm.fleet.operations import Operation
from slmm.storage.models import CardFileRow, RunRow
from slmm.times import timestamp, timestamp_or_none
from slmm.web import context
from slmm.web.api.card_models import (
    CardFetched,
    CardFilesAnswer,
    CardFilesQuery,
    RunCardAnswer,
    differences_of,
)
from slmm.web.api.meter_models import FetchQuery, OperationAnswer
from slmm.web.api.models import UnitPath
from slmm.web.api.operations import accepted, begin
from slmm.web.api.operations import run as run_operation
from slmm.web.api.record_models import RunPath
from slmm.web.api.runs import run_view
from slmm.web.openapi import DOWNLOAD_PROBLEMS, ON_RECORD, UNIT_PROBLEMS, Api

api = Api("card", "Stored intervals of the SD card: files and what they brought into the record", group=ON_RECORD)

FETCH_WITHIN_S = 4 * 3600.0


def _file_view(row: CardFileRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "run_id": row.run_id,
        "store_name": row.store_name,
        "kind": row.kind,
        "remote_path": row.remote_path,
        "local_path": row.local_path,
        "sha256": row.sha256,
        "size_bytes": row.size_bytes,
        "fetched_at": timestamp(row.fetched_at),
        "is_growing": row.is_growing,
        "rows": row.rows,
        "merged_rows": row.merged_rows,
        "first_at": timestamp_or_none(row.first_at),
        "last_at": timestamp_or_none(row.last_at),
        "clock_offset_s": row.clock_offset_s,
        "differences": row.differences,
        "troubles": row.troubles or [],
    }


@api.route_for("get", "/<unit_id>/card/files", needs="viewer", answer=CardFilesAnswer, problems=UNIT_PROBLEMS)
def files(path: UnitPath, query: CardFilesQuery) -> dict[str, Any]:
    """What was fetched from the cards of a unit, every version of each file; also of a unit no longer on the roster."""
    unit_id = context.checked_unit_id(path.unit_id)
    book = context.runtime().card_merge.book
    found = book.files(unit_id, run_id=query.run_id, limit=query.limit, before_id=query.before_id)
    if not found:
        context.device(unit_id)
    return {"status": "ok", "unit_id": unit_id, "count": len(found), "files": [_file_view(row) for row in found]}


@api.route_for("get", "/<unit_id>/runs/<int:run_id>/card", needs="viewer", answer=RunCardAnswer, problems=UNIT_PROBLEMS)
def of_run(path: RunPath) -> dict[str, Any]:
    """What became of the files of a measurement, and by how much they differ from what was received live."""
    unit_id = context.checked_unit_id(path.unit_id)
    run = context.runtime().runs.book.get(unit_id, path.run_id)
    found = context.runtime().card_merge.book.files(unit_id, run_id=run.id)
    newest = {row.remote_path: row for row in reversed(found)}
    kinds = {row.kind for row in found}
    told = [row.differences for row in found if row.differences and row.kind == ("lp" if "lp" in kinds else "leq")]
    return {
        "status": "ok",
        "run": run_view(run),
        "rows": sum(row.rows for row in newest.values()),
        "merged_rows": sum(row.merged_rows for row in found),
        "differences": differences_of(told),
        "files": [_file_view(row) for row in found],
    }


def _fetch(unit_id: str, run: RunRow | None, query: FetchQuery) -> Any:
    fetch = context.runtime().card_fetch

    def work(operation: Operation) -> dict[str, Any]:
        folder = fetch.bring(operation, unit_id, run)
        operation.step("bring it into the record")
        merged = fetch.take(unit_id, folder, run_id=run.id if run else None)
        return {"unit_id": unit_id, "folder": folder.name, **merged.view(), "unusable": list(folder.unusable)}

    subject = f"run {run.id}" if run else None
    if query.queue and not query.wait:
        return accepted(begin(unit_id, "card", work, subject=subject, queues=True))
    return run_operation(unit_id, "card", work, wait=query.wait, timeout_s=FETCH_WITHIN_S, subject=subject)


@api.route_for(
    "post",
    "/<unit_id>/card",
    needs="operator",
    answer=CardFetched,
    accepted=OperationAnswer,
    problems=DOWNLOAD_PROBLEMS,
)
def fetch_all(path: UnitPath, query: FetchQuery) -> Any:
    """Fetch all stored intervals from the card and bring what is new into the record."""
    return _fetch(context.device(path.unit_id).unit_id, None, query)


@api.route_for(
    "post",
    "/<unit_id>/runs/<int:run_id>/card",
    needs="operator",
    answer=CardFetched,
    accepted=OperationAnswer,
    problems=DOWNLOAD_PROBLEMS,
)
def fetch_run(path: RunPath, query: FetchQuery) -> Any:
    """Fetch what the card stored of a measurement and bring what is new into the record."""
    unit_id = context.device(path.unit_id).unit_id
    return _fetch(unit_id, context.runtime().runs.book.get(unit_id, path.run_id), query)
