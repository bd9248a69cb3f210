"""Takes over an SLMM 0.4.0 while everything runs: its meters are read and its rules in force when this answers."""

from __future__ import annotations

import sqlite3
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flask import request
from sqlalchemy.orm import Session
from werkzeug.exceptions import UnsupportedMediaType

from slmm.errors import Invalid, SlmmError
from slmm.runtime import Runtime
from slmm.storage.board import UnitStatus
from slmm.web import context
from slmm.web.api.roster_models import TakeoverAnswer, TakeoverQuery
from slmm.web.legacy import Kind, Takeover, opened
from slmm.web.openapi import Api, takes_file

api = Api("takeover", "The database of an SLMM 0.4.0")

MOST_BYTES = 256_000_000
PIECE_BYTES = 1_000_000
OCTETS = ("application/octet-stream", "application/vnd.sqlite3", "application/x-sqlite3")
MAGIC = b"SQLite format 3\0"
CALLED = "what was sent"


class _Rehearsed(SlmmError):
    """Takes a transaction back, and carries what it would have done."""

    def __init__(self, report: list[Kind]) -> None:
        super().__init__("nothing was taken: it was a dry run")
        self.report = report


@api.route_for(
    "post", "/_roster/takeover", needs="admin", answer=TakeoverAnswer, problems=(400, 413, 415, 422, 500, 503, 507)
)
@takes_file
def take_over(query: TakeoverQuery) -> dict[str, Any]:
    """Take over the slmm.db of an SLMM 0.4.0: units, state, trail, rules, events and logs. The file is the body.

    It is only read; doing it twice doubles nothing. A dry run says what would be done. A unit that is here already
    keeps what it is, and its state too when it has been heard of here. What cannot be taken is told with its reason.
    """
    if request.mimetype not in OCTETS:
        raise UnsupportedMediaType(f"send the database as {OCTETS[0]}")
    request.max_content_length = MOST_BYTES
    runtime = context.runtime()
    with tempfile.TemporaryDirectory(prefix="takeover-", dir=runtime.settings.data_dir) as directory:
        path = Path(directory) / "slmm.db"
        _receive(runtime, path)
        report = _taken(runtime, path, query)
    told = "nothing was taken: it was a dry run" if query.dry_run else None
    tables = [asdict(kind) for kind in report]
    return {"status": "ok", "message": told, "dry_run": query.dry_run, "tables": tables}


def _receive(runtime: Runtime, path: Path) -> None:
    pool = runtime.database.in_pool
    with open(path, "wb") as file:
        while piece := request.stream.read(PIECE_BYTES):
            if file.tell() == 0 and not piece.startswith(MAGIC):
                raise Invalid(f"{CALLED} is no SQLite database; it is the file slmm.db that is wanted", field="body")
            pool(file.write, piece)
        if file.tell() == 0:
            raise Invalid("the body is empty; send the file slmm.db", field="body")


def _taken(runtime: Runtime, path: Path, query: TakeoverQuery) -> list[Kind]:
    """All tables in one transaction; then everything that runs hears of what is new."""

    def take(session: Session) -> list[Kind]:
        with opened(path, CALLED) as old:
            report = _run(old, session)
        if query.dry_run:
            raise _Rehearsed(report)
        return report

    def _run(old: sqlite3.Connection, session: Session) -> list[Kind]:
        seal = (lambda password: "") if query.dry_run else runtime.secret_box.seal
        return Takeover(old, session, seal, replace=query.replace).run()

    restored: list[UnitStatus] = []
    try:
        report = runtime.roster.take_over(take, lambda: restored.extend(runtime.board.restore_new(runtime.database)))
    except _Rehearsed as rehearsed:
        return rehearsed.report
    for status in restored:
        if status.reading is not None and status.unit_id in runtime.roster:
            runtime.hub.seed(status.reading)
    runtime.alerts.rules.take_up()
    return report
