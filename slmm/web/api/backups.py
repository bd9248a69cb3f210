"""Backups of the service by the service: make, list, download, bring, delete; put one in place at the next start."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from flask import Response, jsonify, make_response, request
from gevent.threadpool import ThreadPool

from slmm.errors import Conflict, Invalid, NotFound
from slmm.fleet.backups import SYSTEM, BackupDesk
from slmm.fleet.operations import Operation
from slmm.record import nightly, snapshot
from slmm.storage import archive, restore
from slmm.storage.backups import Kept, refuse_unusable
from slmm.storage.parcels import stream_file
from slmm.storage.threads import run_in
from slmm.storage.upgrade import MIGRATIONS
from slmm.storage.usage import folder_bytes, free_bytes
from slmm.times import timestamp, timestamp_or_none
from slmm.web import context
from slmm.web.access import caller
from slmm.web.api import operations
from slmm.web.api.backup_models import (
    BackupAnswer,
    BackupInput,
    BackupOperationAnswer,
    BackupPath,
    BackupsAnswer,
    ProofView,
    RestoreInput,
)
from slmm.web.api.models import Ok
from slmm.web.openapi import Api, takes_file

api = Api("backups", "Backups of the whole service, and putting one back")

ZIP = "application/zip"
PROBLEMS = (404, 409, 422, 500, 503, 507)
PIECE_BYTES = 1_048_576


def desk() -> BackupDesk:
    """That of this service."""
    return context.runtime().backups


def refuse_if_impossible() -> None:
    """Raise Conflict where ``refusal`` has something to say."""
    if words := desk().refusal:
        raise Conflict(words)


def kept_view(kept: Kept, now: datetime) -> dict[str, Any]:
    """A backup in JSON."""
    return {
        **{name: value for name, value in asdict(kept).items() if name != "proof"},
        "made_at": timestamp(kept.made_at),
        "age_s": max(0.0, (now - kept.made_at).total_seconds()),
        "can_be_restored": kept.kind == "backup" and kept.trouble is None,
        "is_scheduled": kept.is_scheduled,
        "proof": None if kept.proof is None else {name: getattr(kept.proof, name) for name in ProofView.model_fields},
    }


def schedule_view(now: datetime) -> dict[str, Any] | None:
    """How backups are made by themselves, and what came of the last; None when they are not."""
    book, settings = desk(), context.runtime().settings
    if not book.is_scheduled:
        return None
    state = asdict(book.state) if book.state is not None else {}
    return {
        "at": settings.backup_at,
        "timezone": settings.timezone,
        "keep": settings.backup_keep,
        "record_days": settings.backup_record_days,
        "to": None if settings.backup_to is None else str(settings.backup_to),
        "next_at": timestamp_or_none(book.next_at(now)),
        **{name: state.get(name) for name in nightly.State.__dataclass_fields__ if name not in ("since", "failures")},
    }


@api.route_for("get", "/_system/backups", needs="admin", answer=BackupsAnswer, problems=(500,))
def all_backups() -> dict[str, Any]:
    """All backups, how old they are, what runs, and what waits for the next start."""
    runtime = context.runtime()
    data_dir = runtime.settings.data_dir
    book, now = desk().book, datetime.now(UTC)

    def look() -> dict[str, Any]:
        pending, restored = restore.pending(data_dir), restore.last(data_dir)
        return {
            "folder": str(book.folder),
            "backups": [kept_view(each, now) for each in book.all()],
            "pending": None if pending is None else asdict(pending),
            "restored": None if restored is None else asdict(restored),
            "needed_bytes": folder_bytes(data_dir / archive.RECORD) + folder_bytes(data_dir / archive.DATABASE),
            "downloads_bytes": folder_bytes(data_dir / archive.DOWNLOADS),
            "free_bytes": free_bytes(data_dir),
        }

    last = runtime.operations.of_unit(SYSTEM)
    operation = operations.view(last[0]) if last else None
    told = {"operation": operation, "refusal": desk().refusal, "schedule": schedule_view(now)}
    return {"status": "ok", **told, **runtime.database.in_pool(look)}


def _accepted(operation: Operation) -> Response:
    return make_response(jsonify({"status": "ok", "operation": operations.view(operation)}), 202)


@api.route_for("post", "/_system/backups", needs="admin", answer=Ok, accepted=BackupOperationAnswer, problems=PROBLEMS)
def make_backup(body: BackupInput) -> Response:
    """Make a backup while everything goes on; it appears in the list when it was read again and found whole."""
    refuse_if_impossible()
    return _accepted(desk().make(with_record=body.with_record, with_downloads=body.with_downloads))


@api.route_for(
    "post",
    "/_system/backups/<name>/verify",
    needs="admin",
    answer=Ok,
    accepted=BackupOperationAnswer,
    problems=PROBLEMS,
)
def verify_backup(path: BackupPath) -> Response:
    """Restore a backup to a place of its own, open everything in it and compare; the outcome is kept with it."""
    return _accepted(desk().verify(context.runtime().database.in_pool(desk().book.place, path.name)))


@api.route_for("get", "/_system/backups/<name>", needs="admin", answer=ZIP, problems=PROBLEMS)
def download_backup(path: BackupPath) -> Response:
    """Download a backup. It opens every secret: keep it safe."""
    pool = context.runtime().database.in_pool
    place = pool(desk().book.place, path.name)
    response = Response(stream_file(place, pool), content_type=ZIP)
    response.content_length = pool(place.stat).st_size
    response.headers.set("Content-Disposition", "attachment", filename=place.name)
    response.headers["Cache-Control"] = "no-store"
    return response


@api.route_for("put", "/_system/backups/<name>", needs="admin", answer=BackupAnswer, problems=(*PROBLEMS, 413))
@takes_file
def bring_backup(path: BackupPath) -> dict[str, Any]:
    """Bring a backup from elsewhere: the file itself is the body. It is read to its end before it is kept."""
    request.max_content_length = None  # the disk is what bounds it
    pool = ThreadPool(1)
    file = run_in(pool, desk().book.incoming, path.name)
    try:
        while piece := request.stream.read(PIECE_BYTES):
            run_in(pool, file.take, piece)
        manifest = run_in(pool, file.end)
    finally:
        run_in(pool, file.close)
        pool.kill()
    return {
        "status": "ok",
        "message": f"{path.name} is whole: SLMM {manifest.version}, made {manifest.made_at}",
        "name": path.name,
        "made_at": manifest.made_at,
        "version": manifest.version,
        "members": len(manifest.members),
        "record": manifest.record,
    }


@api.route_for("delete", "/_system/backups/<name>", needs="admin", answer=Ok, problems=PROBLEMS)
def delete_backup(path: BackupPath) -> dict[str, Any]:
    """Delete a backup for good."""
    context.runtime().database.in_pool(desk().book.remove, path.name)
    return {"status": "ok", "message": f"{path.name} is deleted"}


@api.route_for("post", "/_system/restore", needs="admin", answer=Ok, accepted=BackupOperationAnswer, problems=PROBLEMS)
def begin_restore(body: RestoreInput) -> Response:
    """Check a backup and unpack it beside the present; the next start puts it in place, and not before."""
    refuse_if_impossible()
    runtime = context.runtime()
    data_dir, by = runtime.settings.data_dir, caller().name
    place = runtime.database.in_pool(desk().book.place, body.name)
    if place.suffix != ".zip":
        raise Invalid(
            f"{body.name} is a copy of the database alone: stop the service, and put it in place by hand", "name"
        )

    def work(progress: archive.Progress) -> dict[str, Any]:
        refuse_unusable(archive.read_manifest(place), MIGRATIONS, snapshot.refuse_newer)
        pending = restore.stage(place, data_dir, by, progress)
        return {"name": pending.name, "aside": pending.aside}

    return _accepted(desk().begin("restore", body.name, work))


@api.route_for("delete", "/_system/restore", needs="admin", answer=Ok, problems=PROBLEMS)
def cancel_restore() -> dict[str, Any]:
    """Everything stays as it is: what waited for the next start is thrown away, the backup itself stays."""
    runtime = context.runtime()
    if runtime.operations.running(SYSTEM) is not None:
        raise Conflict("a backup or a restore is at work; wait for its end")
    if not runtime.database.in_pool(restore.cancel, runtime.settings.data_dir):
        raise NotFound("nothing waits for the next start")
    return {"status": "ok", "message": "everything stays as it is"}
