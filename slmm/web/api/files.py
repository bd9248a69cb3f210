"""The meter's SD card over FTP: on and off, lists, downloads."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import gevent
from flask import Response

from slmm.errors import Conflict, DeviceTimeout, NotFound
from slmm.events import RunState
from slmm.fleet.collection import FetchedFolder
from slmm.fleet.operations import Operation
from slmm.fleet.procedures import enable_ftp
from slmm.fleet.transfers import CARD_TOP, latest_measurement
from slmm.nl43.listing import Entry, path_below
from slmm.storage.downloads import Downloaded
from slmm.storage.parcels import stream_file, stream_zip
from slmm.times import timestamp
from slmm.web import context
from slmm.web.api.file_models import (
    DownloadInput,
    FilesAnswer,
    FilesQuery,
    FtpStatusAnswer,
    LatestAnswer,
    SyncedAnswer,
)
from slmm.web.api.measurement import ask
from slmm.web.api.meter_models import FetchQuery, OperationAnswer, OperationPath, WaitQuery
from slmm.web.api.models import Ok, UnitPath
from slmm.web.api.operations import accepted, begin, run
from slmm.web.openapi import DEVICE_PROBLEMS, DOWNLOAD_PROBLEMS, UNIT_PROBLEMS, Api

api = Api("files", "The meter's SD card, by FTP in active mode")

OCTETS, ZIP = "application/octet-stream", "application/zip"
DOWNLOAD_WITHIN_S = 4 * 3600.0
ENABLED_WITHIN_S = 120.0


# -- the meter's FTP server -------------------------------------------------------------------------


@api.route_for(
    "post",
    "/<unit_id>/ftp/enable",
    needs="operator",
    answer=Ok,
    accepted=OperationAnswer,
    problems=DEVICE_PROBLEMS,
)
def enable(path: UnitPath, query: WaitQuery) -> Any:
    """Switch the meter's FTP server on, and wait until the meter says that it is."""
    unit_id = path.unit_id
    running = context.runtime()
    step = context.asker(unit_id, running)
    port_answers = running.transfers.port_answers(context.device(unit_id).unit_id)

    def work(operation: Operation) -> dict[str, Any]:
        operation.step("FTP on")
        if not enable_ftp(step, operation, sleep=gevent.sleep, port_answers=port_answers):
            raise DeviceTimeout(f"{unit_id} took FTP,On, but its FTP does not answer")
        return {"message": "FTP enabled"}

    return run(unit_id, "ftp-enable", work, wait=query.wait, timeout_s=ENABLED_WITHIN_S)


@api.route_for("post", "/<unit_id>/ftp/disable", needs="operator", answer=Ok, problems=DEVICE_PROBLEMS)
def disable(path: UnitPath) -> dict[str, Any]:
    """Switch the meter's FTP server off."""
    ask(path.unit_id, lambda meter: meter.write_setting("FTP", "Off"), "FTP off")
    return {"status": "ok", "message": "FTP disabled"}


@api.route_for("get", "/<unit_id>/ftp/status", needs="viewer", answer=FtpStatusAnswer, problems=DEVICE_PROBLEMS)
def ftp_status(path: UnitPath) -> dict[str, Any]:
    """Whether the meter's FTP server is on, as the meter says."""
    said = ask(path.unit_id, lambda meter: meter.read_value("FTP"), "ask for FTP")
    return {"status": "ok", "ftp_enabled": said.lower() == "on", "ftp_status": said}


# -- lists ------------------------------------------------------------------------------------------


@api.route_for("get", "/<unit_id>/ftp/files", needs="viewer", answer=FilesAnswer, problems=DEVICE_PROBLEMS)
def files(path: UnitPath, query: FilesQuery) -> dict[str, Any]:
    """What a folder of the card holds."""
    unit_id = context.device(path.unit_id).unit_id
    transfers = context.runtime().transfers
    with transfers.card(unit_id, f"a look into {query.path}") as card:
        listing = card.list(query.path)
    return {
        "status": "ok",
        "path": query.path,
        "files": [_file_view(unit_id, query.path, entry) for entry in listing.entries],
        "count": len(listing.entries),
        "unusable": [{"text": item.text, "reason": item.reason} for item in listing.unusable],
    }


def _file_view(unit_id: str, folder: str, entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "path": path_below(folder, entry.name),
        "size": entry.size_bytes,
        "modified": f"{entry.modified:%Y-%m-%d %H:%M}" if entry.modified else None,
        "modified_timestamp": _instant(unit_id, entry),
        "is_dir": entry.is_folder,
    }


def _instant(unit_id: str, entry: Entry) -> str | None:
    instant = context.runtime().transfers.instant(unit_id, entry)
    return timestamp(instant) if instant else None


def _latest(unit_id: str) -> Entry | None:
    with context.runtime().transfers.card(unit_id, "a look for the latest measurement") as card:
        try:
            return latest_measurement(card.list(CARD_TOP).entries)
        except NotFound:
            return None  # a new card


@api.route_for(
    "get", "/<unit_id>/ftp/latest-measurement-time", needs="viewer", answer=LatestAnswer, problems=DEVICE_PROBLEMS
)
def latest_measurement_time(path: UnitPath) -> dict[str, Any]:
    """The folder of the measurement begun last, and when: the folder's time on the card."""
    unit_id = context.device(path.unit_id).unit_id
    entry = _latest(unit_id)
    return {
        "status": "ok",
        "latest_folder": entry.name if entry else None,
        "latest_timestamp": _instant(unit_id, entry) if entry else None,
    }


@api.route_for("post", "/<unit_id>/sync-start-time", needs="operator", answer=SyncedAnswer, problems=DEVICE_PROBLEMS)
def sync_start_time(path: UnitPath) -> dict[str, Any]:
    """Take the start of the running measurement from the card: for one that was begun at the meter itself."""
    unit_id = context.device(path.unit_id).unit_id
    board = context.runtime().board
    status = board.status(unit_id)
    if status.run_state is not RunState.MEASURING:
        raise Conflict(f"{unit_id} is not known to measure: there is no start to take from its card")
    entry = _latest(unit_id)
    if entry is None:
        raise NotFound(f"the card of {unit_id} holds no measurement")
    started_at = context.runtime().transfers.instant(unit_id, entry)
    if started_at is None:
        raise NotFound(f"the card of {unit_id} does not say when {entry.name} was begun")
    before, status.measurement_started_at = status.measurement_started_at, started_at
    board.mark_changed(unit_id)
    return {
        "status": "ok",
        "message": f"The measurement of {unit_id} began at {timestamp(started_at)}, as its card has it",
        "folder": entry.name,
        "start_time": timestamp(started_at),
        "old_start_time": timestamp(before) if before else None,
    }


# -- downloads --------------------------------------------------------------------------------------


def _file_response(file: Downloaded) -> Response:
    pieces = stream_file(file.path, context.runtime().database.in_pool)
    response = _attachment(pieces, OCTETS, file.remote.entry.name)
    response.content_length = file.size_bytes
    digest = base64.b64encode(bytes.fromhex(file.sha256)).decode()
    response.headers["Repr-Digest"] = f"sha-256=:{digest}:"  # RFC 9530
    return response


def _zip_response(folder: FetchedFolder) -> Response:
    pieces = stream_zip(folder.members, context.runtime().database.in_pool)
    return _attachment(pieces, ZIP, f"{folder.name}.zip")


def _attachment(pieces: Iterator[bytes], content_type: str, name: str) -> Response:
    response = Response(pieces, content_type=content_type)
    response.headers.set("Content-Disposition", "attachment", filename=name)
    response.headers["Cache-Control"] = "no-store"
    return response


def _response(fetched: Downloaded | FetchedFolder) -> Response:
    return _file_response(fetched) if isinstance(fetched, Downloaded) else _zip_response(fetched)


def _described(file: Downloaded) -> dict[str, Any]:
    return {
        "remote_path": file.remote.path,
        "size": file.size_bytes,
        "sha256": file.sha256,
        "is_growing": file.is_growing,
        "was_resumed": file.was_resumed,
    }


@api.route_for(
    "post",
    "/<unit_id>/ftp/download",
    needs="operator",
    answer=OCTETS,
    accepted=OperationAnswer,
    problems=DOWNLOAD_PROBLEMS,
)
def download(path: UnitPath, query: FetchQuery, body: DownloadInput) -> Any:
    """Fetch a file from the card; it is kept here too, and checked before it is handed on."""
    unit_id = path.unit_id
    collector = context.runtime().collector

    def work(operation: Operation) -> dict[str, Any]:
        file = collector.fetch_file(operation, unit_id, body.remote_path)
        operation.fetched = file
        return _described(file)

    return _run(unit_id, "download", work, query, body.remote_path)


@api.route_for(
    "post",
    "/<unit_id>/ftp/download-folder",
    needs="operator",
    answer=ZIP,
    accepted=OperationAnswer,
    problems=DOWNLOAD_PROBLEMS,
)
def download_folder(path: UnitPath, query: FetchQuery, body: DownloadInput) -> Any:
    """Fetch everything below a folder of the card, as a ZIP."""
    unit_id = path.unit_id
    collector = context.runtime().collector

    def work(operation: Operation) -> dict[str, Any]:
        folder = collector.fetch_folder(operation, unit_id, body.remote_path)
        operation.fetched = folder
        return {
            "remote_path": folder.remote_path,
            "files": [_described(file) for file in folder.fetched.files],
            "unusable": list(folder.unusable),
            "is_cut": folder.is_cut,
        }

    return _run(unit_id, "download-folder", work, query, body.remote_path)


def _run(unit_id: str, kind: str, work: Any, query: FetchQuery, remote_path: str) -> Any:
    operation = begin(unit_id, kind, work, subject=remote_path, queues=query.queue and not query.wait)
    if not query.wait:
        return accepted(operation)
    context.runtime().operations.wait(operation, DOWNLOAD_WITHIN_S)
    return _response(operation.fetched)


@api.route_for(
    "get",
    "/<unit_id>/operations/<operation_id>/file",
    needs="operator",
    answer=OCTETS,
    problems=(*UNIT_PROBLEMS, 409, 500),
)
def fetched_file(path: OperationPath) -> Response:
    """What a download that was not waited for has brought: the file, or the ZIP of the folder."""
    context.device(path.unit_id)
    operation = context.runtime().operations.get(path.unit_id, path.operation_id)
    if operation.state in ("running", "queued"):
        raise Conflict(f"operation {operation.operation_id} still runs")
    if operation.fetched is None:
        raise NotFound(f"operation {operation.operation_id} has brought no file")
    return _response(operation.fetched)
