"""The database and the data directory of the settings, for commands that work beside the service."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from slmm.errors import Conflict, Invalid, SlmmError
from slmm.settings import Settings
from slmm.storage import recovery
from slmm.storage import upgrade as schema
from slmm.storage.database import Database
from slmm.storage.upgrade import MIGRATIONS


class DatabaseTrouble(SlmmError):
    """The database of the settings cannot be used; the message says which, and why."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that reads the meters of a data directory."""

    pid: str
    command: str | None
    """Its command line; None where it is not to be seen, such as from another container."""

    def __str__(self) -> str:
        return f"process {self.pid} ({self.command or 'not to be seen from here'})"


@contextmanager
def told(settings: Settings) -> Iterator[None]:
    """Work on the database of the settings; raises DatabaseTrouble where a library would show its inside."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise DatabaseTrouble(f"SLMM_DATABASE_URL asks for the driver {error.name}, which is not installed") from error
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise DatabaseTrouble(f"the database {shown_url(settings)} cannot be used: {reason(error)}") from error


def reason(error: Exception) -> str:
    """What the database itself said, on one line."""
    return " ".join(str(getattr(error, "orig", None) or error).split())


def shown_url(settings: Settings) -> str:
    """Where the database is, without its password; raises Invalid when nobody can tell."""
    try:
        url = make_url(settings.sqlalchemy_url)
    except ArgumentError:  # not chained: in the URL there may be a password
        raise Invalid("SLMM_DATABASE_URL is not the URL of a database", field="database_url") from None
    return url.database or "" if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)


def sqlite_file(settings: Settings) -> Path | None:
    """The file of a SQLite database; None for another database. Raises Invalid."""
    shown = shown_url(settings)
    return Path(shown) if make_url(settings.sqlalchemy_url).get_backend_name() == "sqlite" else None


@contextmanager
def opened(settings: Settings, *, is_migrated: bool = True) -> Iterator[Database]:
    """The database, migrated if nobody has yet; raises DatabaseTrouble, and whatever hinders a migration."""
    with told(settings):
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = Database.open(settings.sqlalchemy_url)
        try:
            if is_migrated:
                _refuse_lost(settings)
                schema.upgrade(database.engine, MIGRATIONS, settings.data_dir / "backups")
            yield database
        finally:
            database.close()


def _refuse_lost(settings: Settings) -> None:
    """A command must not begin a new database where one was lost."""
    file = recovery.file_of(settings.sqlalchemy_url)
    if file is not None and (why := recovery.lost(file, settings.data_dir)):
        raise DatabaseTrouble(
            f"{file} cannot be used: {why}; start the service, which restores it, or run: slmm restore"
        )


def holder(data_dir: Path) -> Holder | None:
    """Who reads the meters of that data directory, if anybody does; takes nothing away from a service that starts."""
    try:
        with open(data_dir / "runtime.lock", encoding="ascii", errors="replace") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = lock.read(20).strip()
                return Holder(pid or "unknown", _command(pid))
    except FileNotFoundError:
        pass
    return None


def refuse_if_held(data_dir: Path) -> None:
    """Raises Conflict while a service runs on that data directory."""
    if found := holder(data_dir):
        raise Conflict(f"another SLMM, {found}, reads the meters of {data_dir.resolve()}; stop it first")


def _command(pid: str) -> str | None:
    try:
        line = Path(f"/proc/{int(pid)}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return line.replace(b"\0", b" ").decode(errors="replace").strip() or None
