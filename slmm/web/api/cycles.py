"""Measurement cycles: clock, free store name and start; stop, FTP, download and check."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import gevent

from slmm.errors import SlmmError
from slmm.fleet.cardfetch import CardFetch
from slmm.fleet.collection import Collector, FetchedFolder
from slmm.fleet.operations import Operation
from slmm.fleet.procedures import Ask, restart_ftp, start_cycle, stop_for_cycle
from slmm.web import context
from slmm.web.api.file_models import StartCycleAnswer, StartCycleInput, StopCycleAnswer, StopCycleInput
from slmm.web.api.meter_models import OperationAnswer, WaitQuery
from slmm.web.api.models import UnitPath
from slmm.web.api.operations import run
from slmm.web.openapi import DEVICE_PROBLEMS, Api

logger = logging.getLogger(__name__)

api = Api("cycles", "Measurement cycles")

START_WITHIN_S = 600.0
STOP_WITHIN_S = 4 * 3600.0


@api.route_for(
    "post",
    "/<unit_id>/start-cycle",
    needs="operator",
    answer=StartCycleAnswer,
    accepted=OperationAnswer,
    problems=DEVICE_PROBLEMS,
)
def begin_cycle(path: UnitPath, query: WaitQuery, body: StartCycleInput) -> Any:
    """Set the clock, find a free store name, start; every step is reported."""
    unit_id = path.unit_id
    running = context.runtime()
    step = context.asker(unit_id, running)

    def local_now() -> datetime:
        return datetime.now(UTC).astimezone(running.transfers.zone(unit_id)).replace(tzinfo=None)

    def work(operation: Operation) -> dict[str, Any]:
        result = start_cycle(step, operation, local_now=local_now if body.sync_clock else None)
        running.fleet.settings_changed(unit_id)
        return {"unit_id": unit_id, **result}

    return run(unit_id, "start-cycle", work, wait=query.wait, timeout_s=START_WITHIN_S, with_steps=True)


@api.route_for(
    "post",
    "/<unit_id>/stop-cycle",
    needs="operator",
    answer=StopCycleAnswer,
    accepted=OperationAnswer,
    problems=DEVICE_PROBLEMS,
)
def end_cycle(path: UnitPath, query: WaitQuery, body: StopCycleInput) -> Any:
    """Stop, switch FTP off and on, download the measurement as a ZIP and check it; every step is reported.

    Once the meter has stopped, what fails later is told in the answer and does not make it an error.
    """
    unit_id = path.unit_id
    running = context.runtime()
    step = context.asker(unit_id, running)

    def work(operation: Operation) -> dict[str, Any]:
        result: dict[str, Any] = {
            "unit_id": unit_id,
            "stopped": stop_for_cycle(step, operation),
            "ftp_enabled": False,
            "download_attempted": False,
            "download_success": False,
            "downloaded_folder": None,
            "local_path": None,
            "download_error": None,
        }
        if body.download:
            try:
                result["ftp_enabled"] = restart_ftp(
                    step,
                    operation,
                    sleep=gevent.sleep,
                    settle_s=running.settings.ftp_settle_s,
                    port_answers=running.transfers.port_answers(unit_id),
                )
                result["download_attempted"] = True
                folder = _collect(step, operation, running.collector, body.download_path, result)
                _record(operation, running.card_fetch, folder)
            except SlmmError as error:
                operation.end_step("failed", str(error))
                result["download_error"] = str(error)
        return result

    return run(unit_id, "stop-cycle", work, wait=query.wait, timeout_s=STOP_WITHIN_S, with_steps=True)


def _record(operation: Operation, fetch: CardFetch, folder: FetchedFolder) -> None:
    """The stored intervals go on record too; what fails there is tried again by itself, and the download is no less."""
    operation.step("bring it into the record")
    try:
        operation.end_step("done", fetch.take(operation.unit_id, folder).text())
    except SlmmError as error:
        operation.end_step("failed", str(error))
    except Exception:  # the meter has stopped and its files are here: that is told, whatever becomes of the record
        logger.exception("%s: the card cannot be brought into the record", operation.unit_id)
        operation.end_step("failed", "it failed for a reason nobody thought of; see the log of the service")


def _collect(
    step: Ask, operation: Operation, collector: Collector, place: str | None, result: dict[str, Any]
) -> FetchedFolder:
    operation.step("find the measurement on the card")
    store_name = step(lambda meter: meter.read_value("Store Name"), "read the store name")
    folder = collector.fetch_folder(
        operation, operation.unit_id, collector.find_measurement(operation.unit_id, store_name)
    )
    archive = collector.pack(operation, operation.unit_id, folder, place)
    result |= {
        "downloaded_folder": folder.name,
        "local_path": str(archive),
        "download_success": not folder.unusable and not folder.is_cut,
    }
    if folder.unusable or folder.is_cut:
        result["download_error"] = "; ".join(folder.unusable) or "the folder holds more than one download takes"
    return folder
