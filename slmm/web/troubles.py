"""What needs attention, in sentences, each with what helps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmm.record.nightly import is_on_same_disk
from slmm.storage import restore
from slmm.storage.backups import Backups
from slmm.web.words import translated

if TYPE_CHECKING:
    from slmm.runtime import Runtime

LITTLE_FREE_BYTES = 2_000_000_000
SOON_FULL_DAYS = 30.0
LATE_MS = 250.0
"""Ten frames a second of a stream suffer from more."""
OLD_BACKUP = timedelta(days=8)

Trouble = dict[str, str]


def _trouble(severity: str, sentence: str, cure: str) -> Trouble:
    return {"severity": severity, "sentence": sentence, "cure": cure}


def of(runtime: Runtime, report: dict[str, Any]) -> list[Trouble]:
    """Everything that is wrong or will be; empty when all is well."""
    found = _of_broken(runtime) + _of_writing(runtime)
    found += _of_disk(report["forecast"])
    if runtime.ages.is_in_doubt:
        found.append(
            _trouble(
                "warning",
                translated("More than a day passed at once: for a day nothing is removed for its age."),
                translated("If the service was off so long, all is well; if not, set the clock right."),
            )
        )
    if runtime.fleet.is_standby:
        found.append(
            _trouble(
                "warning",
                translated("Standby: no meter is read, and nothing is recorded."),
                translated("Press “Read the meters again” on this page when whoever needed the meters is done."),
            )
        )
    worst = report["hub_lag"]["max_ms"]
    if worst is not None and worst > LATE_MS:
        found.append(
            _trouble(
                "warning",
                translated("Everybody had to wait {late} ms within the last minutes.", late=f"{worst:.0f}"),
                translated("A busy or swapping machine is the usual cause; look at its load and memory."),
            )
        )
    for job in report["jobs"]:
        if job["error"]:
            found.append(
                _trouble(
                    "error",
                    translated("“{job}” failed: {error}", job=job["name"], error=job["error"]),
                    translated("It is tried again by itself; the log of the service says more."),
                )
            )
    return found + _of_backups(runtime, report)


def _of_broken(runtime: Runtime) -> list[Trouble]:
    return [
        _trouble(
            "error",
            translated("{what} was damaged ({why}): {outcome}", what=each.what, why=each.why, outcome=each.outcome),
            translated("Look at what is missing; then delete or move away the folder {aside}.", aside=each.aside),
        )
        for each in runtime.broken
    ]


def _of_writing(runtime: Runtime) -> list[Trouble]:
    found = []
    if runtime.recorder.last_error:
        found.append(
            _trouble(
                "error",
                translated("The database cannot be written: {error}", error=runtime.recorder.last_error),
                translated("Free the disk or end what holds the file; readings wait in memory meanwhile."),
            )
        )
    for sentence in runtime.record.problems():
        found.append(
            _trouble("error", sentence, translated("Free the disk, or restore the record from a backup; see the log."))
        )
    for sentence in runtime.alerts.problems():
        found.append(_trouble("error", sentence, translated("Look at the channels, and at the log of the service.")))
    return found


def _of_disk(forecast: dict[str, Any]) -> list[Trouble]:
    days, free = forecast["days_until_full"], forecast["free_bytes"]
    cure = translated("Delete old backups and downloads, keep readings for less long, or take a larger disk.")
    if free < LITTLE_FREE_BYTES:
        left = translated("Only {free} GB are free on the disk.", free=f"{free / 1e9:.1f}")
        return [_trouble("error" if free < LITTLE_FREE_BYTES / 4 else "warning", left, cure)]
    if days is not None and days < SOON_FULL_DAYS:
        sentence = translated("The disk will be full in about {days} days.", days=f"{days:.0f}")
        return [_trouble("warning", sentence, cure)]
    return []


def _of_backups(runtime: Runtime, report: dict[str, Any]) -> list[Trouble]:
    pending, newest = runtime.database.in_pool(_look_at_backups, runtime.settings.data_dir)
    nightly = _of_nightly(runtime)
    if pending is None:
        return nightly or _of_age(newest, report["tiers"])
    return [
        *nightly,
        _trouble(
            "warning",
            translated("{name} is put in place when the service starts next.", name=pending.name),
            translated("Restart the service to have it, or cancel it on the page of backups."),
        ),
    ]


def _of_nightly(runtime: Runtime) -> list[Trouble]:
    """What hinders the backups that are made by themselves."""
    state = runtime.backups.state
    if state is None:
        return []
    found = []
    if state.error:
        told = translated("No backup was made when it was due: {reason}", reason=state.error)
        found.append(_trouble("error", told, translated("It is tried again every hour; free the disk if it is full.")))
    if state.copy_error:
        told = translated("The newest backup is on this disk only: {reason}", reason=state.copy_error)
        cure = translated("Look at the folder that SLMM_BACKUP_TO names; it is tried again every hour.")
        found.append(_trouble("error", told, cure))
    elif runtime.database.in_pool(is_on_same_disk, runtime.settings):
        told = translated("The folder that backups are copied to is on the disk of the data.")
        cure = translated("Is the share mounted? Let SLMM_BACKUP_TO name a folder on another machine or disk.")
        found.append(_trouble("warning", told, cure))
    if state.record_note:
        told = translated("What was measured is not in the newest backups: {reason}", reason=state.record_note)
        cure = translated("Take a larger disk, keep readings for less long, or copy data/record by other means.")
        found.append(_trouble("warning", told, cure))
    return found


def _look_at_backups(data_dir: Path) -> tuple[restore.Pending | None, datetime | None]:
    made = [each.made_at for each in Backups(data_dir).all() if each.kind == "backup" and each.trouble is None]
    return restore.pending(data_dir), max(made, default=None)


def _of_age(newest: datetime | None, tiers: list[dict[str, Any]]) -> list[Trouble]:
    """A backup that is old, or was never made although there is something to lose."""
    now = datetime.now(UTC)
    cure = translated("Make one on the page of backups, and keep it on another machine.")
    if newest is not None:
        age = now - newest
        told = translated("The newest backup here is {days} days old.", days=age.days)
        return [_trouble("warning", told, cure)] if age > OLD_BACKUP else []
    begins = [datetime.fromisoformat(tier["oldest"]) for tier in tiers if tier["oldest"] and tier["key"] == "frames"]
    if begins and now - begins[0] > OLD_BACKUP:
        return [_trouble("warning", translated("There is no backup of what was measured."), cure)]
    return []
