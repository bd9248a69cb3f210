"""The backup that is made by itself every day: when it is due, what is in it, and what came of the last.

Each is restored to a place of its own before it counts, and copied elsewhere where there is an elsewhere.
``make`` and the state's file block: for a thread.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from slmm import __version__
from slmm.errors import DiskTrouble, Invalid, SlmmError
from slmm.record import snapshot
from slmm.settings import Settings
from slmm.storage import archive, backups, proof
from slmm.storage.archive import DATABASE, RECORD, Progress
from slmm.storage.backups import Backups
from slmm.storage.usage import folder_bytes, free_bytes

logger = logging.getLogger(__name__)

STATE = "nightly.json"
RETRY = timedelta(hours=1)
_A_DAY = timedelta(days=1)
"""A try so far in the future was made while the clock was wrong."""
_HALF_A_DAY = timedelta(hours=12)
"""A backup at the same time of day is not a little too early for a record of seven days ago."""


@dataclass(frozen=True, slots=True)
class State:
    """What came of the backups that are made by themselves; times in UTC as ISO 8601."""

    since: str
    """When they were first thought of."""
    tried_at: str | None = None
    name: str | None = None
    """The last that was made and restored."""
    succeeded_at: str | None = None
    error: str | None = None
    """Why there is no backup of the last time it was due."""
    record_at: str | None = None
    """When what was measured was last in one."""
    record_note: str | None = None
    """Why it was not, though it should have been."""
    copied_at: str | None = None
    copy_error: str | None = None
    """Why the last is not in the second place."""
    failures: int = 0
    """Tries that failed, ever."""


def last_due(now: datetime, at: str, zone: ZoneInfo) -> datetime:
    """The last instant before *now* at which a clock in *zone* showed *at*, such as 03:10."""
    today = now.astimezone(zone).date()
    moment = time.fromisoformat(at)
    days = (datetime.combine(today - timedelta(days=back), moment, zone).astimezone(UTC) for back in (0, 1))
    return next(each for each in days if each <= now)


def next_due(now: datetime, at: str, zone: ZoneInfo) -> datetime:
    """The first instant after *now* at which it does."""
    today = now.astimezone(zone).date()
    moment = time.fromisoformat(at)
    days = (datetime.combine(today + timedelta(days=on), moment, zone).astimezone(UTC) for on in (0, 1))
    return next(each for each in days if each > now)


def is_due(state: State, now: datetime, at: str, zone: ZoneInfo) -> bool:
    """Whether a backup is to be made or copied now: also when the time for it was slept through."""
    tried_at = datetime.fromisoformat(state.tried_at or state.since)
    if state.error is not None or state.copy_error is not None:
        return abs(now - tried_at) >= RETRY  # a clock that was set back must not keep the next from being tried
    return last_due(now, at, zone) > tried_at or tried_at - now > _A_DAY


# -- making one -------------------------------------------------------------------------------------


def make(settings: Settings, state: State, now: datetime, progress: Progress = archive.unheard) -> State:
    """Make a backup, restore it to see that it can be, let the oldest go, copy it elsewhere; never raises SlmmError.

    After a copy that failed only the copy is made up for, until the next is due.
    """
    zone = ZoneInfo(settings.timezone)
    succeeded = state.error is None and state.succeeded_at is not None
    is_made = succeeded and datetime.fromisoformat(state.succeeded_at or "") >= last_due(now, settings.backup_at, zone)
    tried = replace(state, tried_at=now.isoformat(timespec="seconds"))
    try:
        made = tried if is_made and state.copy_error else _made(settings, tried, now, progress)
    except SlmmError as error:
        logger.error("no backup was made: %s", error)
        return failed(state, now, str(error))
    return _copied(settings, made)


def failed(state: State, now: datetime, error: str) -> State:
    """The state after a try that failed."""
    return replace(state, tried_at=now.isoformat(timespec="seconds"), error=error, failures=state.failures + 1)


def _made(settings: Settings, state: State, now: datetime, progress: Progress) -> State:
    data_dir, at = settings.data_dir, state.tried_at
    book = Backups(data_dir)
    name = backups.new_name(now, is_scheduled=True)
    is_record_due, note = _record_is_due(settings, state, now)
    archive.write(
        data_dir,
        data_dir / DATABASE,
        book.folder / name,
        __version__,
        snapshot=snapshot.of(data_dir) if is_record_due else None,
        progress=progress,
    )
    found = proof.prove(book.folder / name, data_dir, snapshot.check, progress)
    if found.error is not None:
        raise Invalid(f"{name} was made, but it cannot be restored: {found.error}")
    for each in backups.surplus(book.all(), settings.backup_keep):
        book.remove(each.name)
        logger.info("%s is removed, being older than the newest %d", each.name, settings.backup_keep)
    logger.info("%s is made and was restored in %.1f s to try it", name, found.took_s)
    record_at = at if is_record_due else state.record_at
    return replace(state, name=name, succeeded_at=at, error=None, record_at=record_at, record_note=note)


def _record_is_due(settings: Settings, state: State, now: datetime) -> tuple[bool, str | None]:
    """Whether what was measured is to be in it; if not though it is time, why."""
    every = timedelta(days=settings.backup_record_days)
    if not every or not (settings.data_dir / RECORD).is_dir():
        return False, None
    if state.record_at is not None and now - datetime.fromisoformat(state.record_at) < every - _HALF_A_DAY:
        return False, None
    record_bytes = folder_bytes(settings.data_dir / RECORD)
    free = free_bytes(settings.data_dir)
    if 2 * record_bytes > free / 2:  # the backup, and the same unpacked to try it
        return False, (
            f"it takes up to {2 * record_bytes / 1e9:.1f} GB to make and to try, more than half of the "
            f"{free / 1e9:.1f} GB that are free"
        )
    return True, None


def _copied(settings: Settings, state: State) -> State:
    """With the same that are kept here in the second place."""
    elsewhere = settings.backup_to
    if elsewhere is None or state.name is None:
        return replace(state, copy_error=None)
    here, there = Backups(settings.data_dir), Backups(settings.data_dir, elsewhere)
    try:
        if not (elsewhere / state.name).is_file():
            backups.copy_to(here.place(state.name), elsewhere)
        for each in backups.surplus(there.all(), settings.backup_keep):
            there.remove(each.name)
    except (SlmmError, OSError) as error:
        logger.error("%s is not in the second place: %s", state.name, error)
        return replace(state, copy_error=str(error), failures=state.failures + 1)
    return replace(state, copy_error=None, copied_at=state.tried_at)


def is_on_same_disk(settings: Settings) -> bool:
    """Whether the second place is on the disk of the data, as the folder of a share is that is not mounted."""
    if settings.backup_to is None:
        return False
    try:
        return os.stat(settings.backup_to).st_dev == os.stat(settings.data_dir).st_dev
    except OSError:
        return False


# -- the state --------------------------------------------------------------------------------------


def load(data_dir: Path, now: datetime) -> State:
    """The state as it was left; a new one, which is kept from now on, where there is none."""
    path = data_dir / backups.FOLDER / STATE
    try:
        return State(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        pass
    except (OSError, ValueError, TypeError) as error:
        logger.warning("%s cannot be read and is begun anew: %s", path, error)
    state = State(now.isoformat(timespec="seconds"))
    keep(data_dir, state)
    return state


def keep(data_dir: Path, state: State) -> None:
    """Write the state down; raises DiskTrouble."""
    path = data_dir / backups.FOLDER / STATE
    unfinished = path.with_name(f".{STATE}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(json.dumps(asdict(state), indent=1), encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise DiskTrouble(f"{path} cannot be written: {error.strerror or error}") from error
