"""The service for its operators: versions, delays, streams, queues, disk, jobs, and what needs attention."""

from __future__ import annotations

import os
import platform
import resource
import time
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmm import __version__
from slmm import settings as settings_module
from slmm.fleet.status import ConnectionStatus
from slmm.live.audience import Channel
from slmm.record.store import SCHEMA_VERSION
from slmm.storage import upgrade
from slmm.times import timestamp, timestamp_or_none
from slmm.web import context, troubles
from slmm.web.api.system_report_models import PrunedAnswer, ReportAnswer, RetentionAnswer
from slmm.web.openapi import Api
from slmm.web.tiers import Tier, forecast, tiers

if TYPE_CHECKING:
    from slmm.runtime import Runtime

api = Api("system_report", "The machine: how the service is, what it keeps, and what needs attention")

LIBRARIES = ("flask", "gevent", "gunicorn", "sqlalchemy", "duckdb", "numpy", "pydantic", "apscheduler", "cryptography")


@api.route_for("get", "/_system/report", needs="admin", answer=ReportAnswer, problems=(500,))
def system_report() -> dict[str, Any]:
    """Everything about the service itself, at once."""
    return {"status": "ok", "message": None, **report(context.runtime())}


def report(runtime: Runtime) -> dict[str, Any]:
    """The same, for the diagnostics bundle too."""
    now = datetime.now(UTC)
    found = tiers(runtime, now)
    told: dict[str, Any] = {
        "at": timestamp(now),
        "standby": runtime.fleet.is_standby,
        "data_dir": str(runtime.settings.data_dir.resolve()),
        "timezone": runtime.settings.timezone,
        "versions": versions(runtime),
        "process": _process(runtime, now),
        "hub_lag": asdict(runtime.hub_lag.lag()),
        "streams": _streams(runtime),
        "connections": [_link_view(row) for row in runtime.fleet.connections()],
        "queues": _queues(runtime),
        "record": runtime.record.state(),
        "tiers": _tier_views(runtime, found),
        "forecast": forecast(runtime, found, now),
        "jobs": _jobs(runtime),
    }
    return {**told, "problems": troubles.of(runtime, told)}


@api.route_for("get", "/_system/retention", needs="admin", answer=RetentionAnswer, problems=(500,))
def retention() -> dict[str, Any]:
    """How long what is kept, what it takes, and when what is older was last removed."""
    runtime = context.runtime()
    now = datetime.now(UTC)
    found = tiers(runtime, now)
    pruned_at, removed = runtime.pruned or (None, None)
    every_s = next((job.every_s for job in runtime.schedule.jobs() if job.name == "prune"), 0.0)
    return {
        "status": "ok",
        "tiers": _tier_views(runtime, found),
        "forecast": forecast(runtime, found, now),
        "pruned_at": timestamp_or_none(pruned_at),
        "removed": removed,
        "every_s": every_s,
    }


@api.route_for("post", "/_system/prune", needs="admin", answer=PrunedAnswer, problems=(500, 503))
def prune() -> dict[str, Any]:
    """Remove now what is older than its retention; it would go by itself within minutes."""
    runtime = context.runtime()
    runtime.prune()
    removed = runtime.pruned[1] if runtime.pruned else {}
    return {"status": "ok", "message": "what was older than its retention is removed", "removed": removed}


# -- parts ------------------------------------------------------------------------------------------


@cache
def _libraries() -> dict[str, str]:
    return {name: metadata.version(name) for name in LIBRARIES}


def versions(runtime: Runtime) -> dict[str, Any]:
    """What runs here."""
    return {
        "slmm": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "schema": runtime.database.in_pool(upgrade.current, runtime.database.engine),
        "record_schema": SCHEMA_VERSION,
        "libraries": _libraries(),
    }


def _process(runtime: Runtime, now: datetime) -> dict[str, Any]:
    status = _proc_status()
    rss = status.get("VmRSS", "").split()
    threads = status.get("Threads")
    try:
        open_files: int | None = len(os.listdir("/proc/self/fd"))
    except OSError:
        open_files = None
    started = runtime.started_at
    return {
        "pid": os.getpid(),
        "started_at": timestamp_or_none(started),
        "uptime_s": (now - started).total_seconds() if started else None,
        "cpu_s": round(time.process_time(), 2),
        "cores": os.cpu_count() or 1,
        "rss_bytes": int(rss[0]) * 1024 if rss else None,
        "threads": int(threads) if threads else None,
        "open_files": open_files,
        "most_files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    }


def _proc_status() -> dict[str, str]:
    """What Linux says of this process; empty elsewhere."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _streams(runtime: Runtime) -> dict[str, Any]:
    streams = runtime.hub.streams()
    by_unit = []
    for device in runtime.roster.all():
        counts = {str(channel): runtime.hub.watchers(device.unit_id, channel) for channel in Channel}
        present = {kind: count for kind, count in counts.items() if count}
        by_unit.append({"unit_id": device.unit_id, "viewers": sum(present.values()), "by_kind": present})
    return {
        "total": len(streams),
        "by_kind": dict(Counter(str(audience.channel) for audience, _ in streams)),
        "by_unit": by_unit,
        "of_all_units": sum(audience.units is None for audience, _ in streams),
        "frames_written": runtime.hub.frames_written,
        "frames_skipped": sum(viewer.skipped for _, viewer in streams),
        "blocked": sum(viewer.outlet is not None and viewer.outlet.is_blocked for _, viewer in streams),
    }


def _link_view(row: ConnectionStatus) -> dict[str, Any]:
    names = ("unit_id", "state", "connected", "age_s", "last_round_trip_s", "opened", "commands", "timeouts", "lost")
    return {name: getattr(row, name) for name in names}


def _queues(runtime: Runtime) -> list[dict[str, Any]]:
    counts = runtime.alerts.outbox.counts()
    waiting = sum(count for state, count in counts.items() if state in ("pending", "held", "sending", "waiting"))
    historian, recorder, log = runtime.record.historian, runtime.recorder, runtime.device_log
    rows = (
        ("record", historian.pending, historian.dropped, historian.last_error),
        ("trail", recorder.pending, recorder.dropped, recorder.last_error),
        ("device logs", log.pending, 0, log.last_error),
        ("messages", waiting, counts.get("dead", 0), runtime.alerts.outbox.last_error),
    )
    return [
        {"name": name, "pending": pending, "dropped": dropped, "error": error} for name, pending, dropped, error in rows
    ]


def _tier_views(runtime: Runtime, found: list[Tier]) -> list[dict[str, Any]]:
    given = settings_module.where_set()
    return [
        {
            **asdict(tier),
            "oldest": timestamp_or_none(tier.oldest),
            "setting": f"{settings_module.PREFIX}{tier.setting.upper()}" if tier.setting else None,
            "value": getattr(runtime.settings, tier.setting) if tier.setting else None,
            "where_set": given.get(tier.setting) if tier.setting else None,
        }
        for tier in found
    ]


def _jobs(runtime: Runtime) -> list[dict[str, Any]]:
    return [
        {
            **asdict(job),
            "last_run_at": timestamp_or_none(job.last_run_at),
            "next_run_at": timestamp_or_none(job.next_run_at),
        }
        for job in runtime.schedule.jobs()
    ]
