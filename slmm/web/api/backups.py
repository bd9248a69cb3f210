"""Backups of the service by the service: make, list, download, bring, delete; put one in place at the next start."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Response, jsonify, make_response, request
from gevent.threadpool import ThreadPool
from sqlalchemy import make_url

from slmm import __version__
from slmm.errors import Conflict, Invalid, NotFound
from slmm.fleet.operations import Operation, Step
from slmm.record import snapshot
from slmm.storage import archive, restore
from slmm.storage.backups import Backups, Kept, new_name, refuse_unusable
from slmm.storage.parcels import stream_file
from slmm.storage.threads import run_in
from slmm.storage.upgrade import MIGRATIONS
from slmm.storage.usage import folder_bytes, free_bytes
from slmm.times import timestamp
from slmm.web import context
from slmm.web.access import caller
from slmm.web.api import operations
from slmm.web.api.backup_models import (
    BackupAnswer,
    BackupInput,
    BackupOperationAnswer,
    BackupPath,
    BackupsAnswer,
    RestoreInput,
)
from slmm.web.api.models import Ok
from slmm.web.openapi import Api, takes_file

api = Api("backups", "Backups of the whole service, and putting one back")

SYSTEM = "_system"
"""What operations on the service itself are kept under: no unit may be called so."""
ZIP = "application/zip"
PROBLEMS = (404, 409, 422, 500, 503, 507)
PIECE_BYTES = 1_048_576
_STEPS = {
    "copy": "copy the database and the record as they are at one instant",
    "pack": "pack",
    "check": "read all of it again",
    "unpack": "check and unpack",
}


def backups() -> Backups:
    """Those of this service."""
    return Backups(context.runtime().settings.data_dir)


def refusal() -> str | None:
    """Why this service cannot back up its database; None when it can."""
    runtime = context.runtime()
    url = make_url(runtime.settings.sqlalchemy_url)
    if url.get_backend_name() != "sqlite":
        return f"the database is {url.get_backend_name()}: back it up with its own tools (pg_dump, pg_restore)"
    own = (runtime.settings.data_dir / archive.DATABASE).resolve()
    if Path(url.database or "").resolve() != own:
        return "SLMM_DATABASE_URL names a database outside the data directory: back it up from there"
    return None


def refuse_if_impossible() -> None:
    """Raise Conflict where ``refusal`` has something to say."""
    if words := refusal():
        raise Conflict(words)


def kept_view(kept: Kept, now: datetime) -> dict[str, Any]:
    """A backup in JSON."""
    return {
        **asdict(kept),
        "made_at": timestamp(kept.made_at),
        "age_s": max(0.0, (now - kept.made_at).total_seconds()),
        "can_be_restored": kept.kind == "backup" and kept.trouble is None,
    }


@api.route_for("get", "/_system/backups", needs="admin", answer=BackupsAnswer, problems=(500,))
def all_backups() -> dict[str, Any]:
    """All backups, how old they are, what runs, and what waits for the next start."""
    runtime = context.runtime()
    data_dir = runtime.settings.data_dir
    book, now = backups(), datetime.now(UTC)

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
    return {"status": "ok", "operation": operation, "refusal": refusal(), **runtime.database.in_pool(look)}


def _begin(kind: str, subject: str, work: Callable[[archive.Progress], dict[str, Any]]) -> Response:
    """Run *work* in a thread of its own, and tell how far it is; it ends when the service does."""

    def run(operation: Operation) -> dict[str, Any]:
        is_over = threading.Event()
        pool = ThreadPool(1)

        def progress(what: str, done: int, total: int) -> None:
            """In the thread, so nothing is published: whoever wants to know asks."""
            if is_over.is_set():
                raise Conflict("the service stopped")
            if not operation.steps or operation.steps[-1].name != _STEPS[what]:
                operation.end_step("done")
                operation.steps.append(Step(_STEPS[what]))
            operation.done, operation.total, operation.progress_unit = done, total, "bytes"

        try:
            return run_in(pool, work, progress)
        finally:
            is_over.set()
            pool.kill()

    operation = context.runtime().operations.begin(SYSTEM, kind, run, subject=subject)
    return make_response(jsonify({"status": "ok", "operation": operations.view(operation)}), 202)


@api.route_for("post", "/_system/backups", needs="admin", answer=Ok, accepted=BackupOperationAnswer, problems=PROBLEMS)
def make_backup(body: BackupInput) -> Response:
    """Make a backup while everything goes on; it appears in the list when it was read again and found whole."""
    refuse_if_impossible()
    data_dir = context.runtime().settings.data_dir
    name = new_name(datetime.now(UTC))
    taken = snapshot.of(data_dir) if body.with_record else None

    def work(progress: archive.Progress) -> dict[str, Any]:
        manifest = archive.write(
            data_dir,
            data_dir / archive.DATABASE,
            data_dir / "backups" / name,
            __version__,
            with_downloads=body.with_downloads,
            snapshot=taken,
            progress=progress,
        )
        return {"name": name, "members": len(manifest.members), "record": manifest.record}

    return _begin("backup", name, work)


@api.route_for("get", "/_system/backups/<name>", needs="admin", answer=ZIP, problems=PROBLEMS)
def download_backup(path: BackupPath) -> Response:
    """Download a backup. It opens every secret: keep it safe."""
    pool = context.runtime().database.in_pool
    place = pool(backups().place, path.name)
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
    file = run_in(pool, backups().incoming, path.name)
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
    context.runtime().database.in_pool(backups().remove, path.name)
    return {"status": "ok", "message": f"{path.name} is deleted"}


@api.route_for("post", "/_system/restore", needs="admin", answer=Ok, accepted=BackupOperationAnswer, problems=PROBLEMS)
def begin_restore(body: RestoreInput) -> Response:
    """Check a backup and unpack it beside the present; the next start puts it in place, and not before."""
    refuse_if_impossible()
    runtime = context.runtime()
    data_dir, by = runtime.settings.data_dir, caller().name
    place = runtime.database.in_pool(backups().place, body.name)
    if place.suffix != ".zip":
        raise Invalid(
            f"{body.name} is a copy of the database alone: stop the service, and put it in place by hand", "name"
        )

    def work(progress: archive.Progress) -> dict[str, Any]:
        refuse_unusable(archive.read_manifest(place), MIGRATIONS, snapshot.refuse_newer)
        pending = restore.stage(place, data_dir, by, progress)
        return {"name": pending.name, "aside": pending.aside}

    return _begin("restore", body.name, work)


@api.route_for("delete", "/_system/restore", needs="admin", answer=Ok, problems=PROBLEMS)
def cancel_restore() -> dict[str, Any]:
    """Everything stays as it is: what waited for the next start is thrown away, the backup itself stays."""
    runtime = context.runtime()
    if runtime.operations.running(SYSTEM) is not None:
        raise Conflict("a backup or a restore is at work; wait for its end")
    if not runtime.database.in_pool(restore.cancel, runtime.settings.data_dir):
        raise NotFound("nothing waits for the next start")
    return {"status": "ok", "message": "everything stays as it is"}
