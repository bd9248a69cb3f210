"""Whether a backup can be restored: found out by restoring it to a place of its own, and kept beside it.

Reading a ZIP to its end shows that its bytes are those that were written; only opening what comes out of it shows that
they were worth writing. Blocks: for the command line, or a thread.
"""

from __future__ import annotations

import json
import logging
import shutil
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from slmm.errors import DiskTrouble, Invalid
from slmm.storage import archive
from slmm.storage.archive import DATABASE, RECORD, Manifest, Progress
from slmm.storage.secrets import KEY_FILE, SecretBox

logger = logging.getLogger(__name__)

ENDING = ".proof.json"
CheckRecord = Callable[[Path, Mapping[str, Any]], None]
"""Opens the record in a folder and compares it with what a manifest says; raises Invalid, DiskTrouble."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of restoring a backup to a place of its own."""

    at: str
    took_s: float
    size_bytes: int
    modified_ns: int
    """The file it is about: another of the same name was not tried."""
    rows: int | None = None
    """Rows of the database."""
    readings: int | None = None
    """Readings of the record that are not in files of past days; None without a record."""
    files: int | None = None
    """Files of past days."""
    error: str | None = None
    """Why it cannot be restored; None when it can."""


def prove(path: Path, data_dir: Path, check_record: CheckRecord, progress: Progress = archive.unheard) -> Proof:
    """Restore a backup below *data_dir*, open everything, remove it again; the outcome is kept beside the backup.

    A backup that cannot be restored is an outcome, told by ``error``. Raises DiskFull or DiskTrouble when there is no
    room to try it: then nothing is known, and an earlier outcome stays.
    """
    began_s, stat, error = time.monotonic(), path.stat(), None
    found: tuple[int | None, int | None, int | None] = (None, None, None)
    with archive.workshop_in(data_dir) as place:
        try:
            found = _restored(path, place / "tree", check_record, progress)
        except Invalid as invalid:
            error = str(invalid)
            logger.error("%s cannot be restored: %s", path.name, error)
    at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    proof = Proof(at, round(time.monotonic() - began_s, 3), stat.st_size, stat.st_mtime_ns, *found, error)
    _keep(path, proof)
    return proof


def _restored(
    path: Path, tree: Path, check_record: CheckRecord, progress: Progress
) -> tuple[int, int | None, int | None]:
    if path.suffix == ".db":  # the database alone, as it was before its tables changed
        tree.mkdir()
        shutil.copyfile(path, tree / DATABASE)
        archive.check_database(tree / DATABASE)
        return sum(archive.rows_of(tree / DATABASE).values()), None, None
    manifest = archive.unpack(path, tree, progress)
    progress("open", 0, 0)
    rows = _opened(tree, manifest)
    if manifest.record is None:
        return rows, None, None
    check_record(tree / RECORD, manifest.record)
    return rows, int(manifest.record["frames"]), int(manifest.record["files"])


def _opened(tree: Path, manifest: Manifest) -> int:
    """Rows of the database, once it is whole, of the schema and with the rows it had, and its secrets open."""
    database = tree / DATABASE
    if not database.is_file():
        raise Invalid("there is no database in it")
    archive.check_database(database)
    if (schema := archive.schema_of(database)) != manifest.schema:
        raise Invalid(f"its database has schema {schema}, not {manifest.schema} as its manifest says")
    rows = archive.rows_of(database)
    if manifest.rows and rows != manifest.rows:
        other = sorted(name for name in {*rows, *manifest.rows} if rows.get(name) != manifest.rows.get(name))
        raise Invalid(f"the tables {', '.join(other)} have other numbers of rows than its manifest says")
    _open_secrets(tree)
    return sum(rows.values())


def _open_secrets(tree: Path) -> None:
    """Open one secret of each kind with the key of the backup; raises Invalid when it does not fit."""
    if not (tree / KEY_FILE).is_file():
        return
    box = SecretBox.open(tree / KEY_FILE)
    with closing(sqlite3.connect(tree / DATABASE)) as connection:
        for table, column in (("nl43_config", "ftp_password"), ("alert_channels", "config_sealed")):
            try:
                row = connection.execute(f"select {column} from {table} where {column} is not null limit 1").fetchone()
            except sqlite3.OperationalError:
                continue  # a schema that had no such table yet
            try:
                box.unseal(row[0] if row is not None else "")
            except Invalid as error:
                raise Invalid(f"the key in it does not open {column} of {table}") from error


def proof_of(path: Path) -> Proof | None:
    """What is known of a backup; None when it was never tried, or is another than the one that was."""
    try:
        proof = Proof(**json.loads(_beside(path).read_text(encoding="utf-8")))
        stat = path.stat()
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return proof if (proof.size_bytes, proof.modified_ns) == (stat.st_size, stat.st_mtime_ns) else None


def forget(path: Path) -> None:
    """Called when a backup is deleted."""
    _beside(path).unlink(missing_ok=True)


def _keep(path: Path, proof: Proof) -> None:
    unfinished = path.with_name(f".{path.name}{ENDING}")
    try:
        unfinished.write_text(json.dumps(asdict(proof), indent=1), encoding="utf-8")
        unfinished.replace(_beside(path))
    except OSError as error:
        raise DiskTrouble(f"what came of trying {path.name} cannot be written: {error.strerror or error}") from error


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ENDING)
