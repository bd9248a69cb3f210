"""Metrics out of memory: read on the hub, where nothing else changes meanwhile, kind by kind.

Nothing here waits for anything; what a disk or a database has to be asked for stands in ``kept``.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import gevent
from prometheus_client.core import Metric

from slmm import __version__
from slmm.events import RunState
from slmm.live.formats import SSE
from slmm.record.store import SCHEMA_VERSION
from slmm.tallies import Histogram, Refusals
from slmm.web.metrics.families import counter, counters, gauge, gauges, histogram, histograms, in_slices

if TYPE_CHECKING:
    from slmm.runtime import Runtime

UNIT_STATES = ("measuring", "stopped", "unknown", "unreachable", "held", "disabled")
HTTP_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
LIMITS = (
    "streams",
    "streams_per_address",
    "drd_units",
    "request_size",
    "request_rate",
    "login_rate",
    "share_rate",
    "other_rate",
    "export_rows",
)
"""Every one has a sample from the start, so that the first refusal is seen as growth."""


class WebTally:
    """What the web layer has done for whom; one for each application."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, str]] = Counter()
        self.took_s = Histogram(HTTP_S)
        self.refusals = Refusals()

    def answered(self, method: str, status: int, took_s: float) -> None:
        """One request more; a stream counts when it begins."""
        self.answers[method, str(status)] += 1
        self.took_s.take(took_s)


def metrics(runtime: Runtime, web: WebTally) -> list[Metric]:
    """Everything that memory tells; the hub serves others between two kinds."""
    found: list[Metric] = []
    for of_kind in (_service, _units, _links, _streams, _queues, _jobs, _backups):
        found += of_kind(runtime)
        gevent.sleep(0)
    return found + list(_web(web))


def _service(runtime: Runtime) -> Iterator[Metric]:
    versions = (__version__, platform.python_version(), str(SCHEMA_VERSION))
    yield gauges("slmm_build_info", "What runs here.", ("version", "python", "record_schema"), [(versions, 1.0)])
    yield gauge("slmm_running", "1 while the service runs, 0 while it starts or stops.", float(runtime.is_running))
    yield gauge("slmm_standby", "1 in standby: no meter is read.", float(runtime.fleet.is_standby))
    yield histogram("slmm_hub_lag_seconds", "How late the hub ran what was due.", runtime.hub_lag.seen_s)
    yield gauge("slmm_hub_lag_worst_seconds", "The worst of the last ten seconds.", runtime.hub_lag.lately_s())


def _backups(runtime: Runtime) -> Iterator[Metric]:
    """Those made by themselves; nothing where none are."""
    if not runtime.backups.is_scheduled:
        return
    state = runtime.backups.state
    at_s = datetime.fromisoformat(state.succeeded_at).timestamp() if state and state.succeeded_at else 0.0
    text = "When a backup was last made by itself and restored to try it, as Unix time; 0 for never."
    yield gauge("slmm_backup_last_success_timestamp_seconds", text, at_s)
    failures = state.failures if state else 0
    yield counter("slmm_backup_failures_total", "Tries at a backup, or at copying it, that failed.", failures)


def _state(runtime: Runtime, unit_id: str, *, is_read: bool) -> str:
    status = runtime.board.status(unit_id)
    if not is_read:
        return "disabled"
    if status.held_by is not None:
        return "held"
    if status.is_reachable is not True:
        return "unknown" if status.is_reachable is None else "unreachable"
    if status.state_read_at is None or status.run_state is None:
        return "unknown"
    return "measuring" if status.run_state is RunState.MEASURING else "stopped"


def _units(runtime: Runtime) -> Iterator[Metric]:
    states: Counter[str] = Counter()
    reachable, answered = [], []
    for device in in_slices(runtime.roster.all()):
        if device.unit_id not in runtime.roster:
            continue  # removed a moment ago
        unit_id, status = device.unit_id, runtime.board.status(device.unit_id)
        is_read = device.is_active and device.tcp_enabled
        states[_state(runtime, unit_id, is_read=is_read)] += 1
        if is_read and status.is_reachable is not None:
            reachable.append(((unit_id,), float(status.is_reachable)))
        if status.last_success is not None:
            answered.append(((unit_id,), status.last_success.timestamp()))
    yield gauges("slmm_units", "Units by state.", ("state",), (((state,), states[state]) for state in UNIT_STATES))
    yield gauges(
        "slmm_unit_reachable", "1 when a unit answered when last asked, else 0.", ("unit",), in_slices(reachable)
    )
    name = "slmm_unit_last_answer_timestamp_seconds"
    yield gauges(name, "When a unit last answered, as Unix time.", ("unit",), in_slices(answered))


def _links(runtime: Runtime) -> Iterator[Metric]:
    tally = runtime.fleet.tally
    states = runtime.fleet.link_states()
    told = "Connections to meters by what they are doing."
    yield gauges("slmm_connections", told, ("state",), (((state,), count) for state, count in sorted(states.items())))
    opened = [
        ((unit_id,), float(count)) for unit_id, count in sorted(tally.opened.items()) if unit_id in runtime.roster
    ]
    told = "Connections made to a unit; each beyond the first is a reconnection."
    yield counters("slmm_connections_opened_total", told, ("unit",), in_slices(opened))
    told = "Time between two answered polls of a unit, by why it is read."
    yield histograms("slmm_poll_gap_seconds", told, "mode", tally.gaps_s)
    told = "Time from a command to the end of its reply."
    yield histograms("slmm_command_duration_seconds", told, "command", tally.latency_s())
    told = "Commands by what came back: R+0000 to R+0004, timeout, garbled, lost or unreachable."
    yield counters("slmm_command_results_total", told, ("command", "result"), tally.results())


def _streams(runtime: Runtime) -> Iterator[Metric]:
    hub = runtime.hub
    streams = hub.streams()
    kinds = Counter((str(audience.channel), "sse" if each.form is SSE else "websocket") for audience, each in streams)
    yield gauges("slmm_streams", "Open streams.", ("kind", "transport"), sorted(kinds.items()))
    told = "Streams whose viewer takes nothing at present."
    blocked = sum(each.outlet is not None and each.outlet.is_blocked for _, each in streams)
    yield gauge("slmm_streams_blocked", told, blocked)
    told = "Units whose 100 ms stream (DRD) somebody follows."
    yield gauge("slmm_drd_units", told, len(hub.units_streamed()))
    yield counter("slmm_frames_sent_total", "Frames handed to viewers.", hub.frames_written)
    skipped = hub.skipped_by_gone + sum(each.skipped for _, each in streams)
    yield counter("slmm_frames_skipped_total", "Frames that slow viewers did not get.", skipped)
    frames = held_bytes = cut = 0
    for feed in in_slices(hub.feeds()):
        frames, held_bytes, cut = frames + feed.held(), held_bytes + feed.held_bytes, cut + feed.cut
    yield gauge("slmm_feed_frames", "Frames that all feeds hold for viewers who come back.", frames)
    yield gauge("slmm_feed_bytes", "Memory of these frames.", held_bytes)
    told = "Frames let go of before their time, because a feed may not take more memory."
    yield counter("slmm_feed_frames_cut_total", told, cut)


def _queues(runtime: Runtime) -> Iterator[Metric]:
    historian, recorder, log = runtime.record.historian, runtime.recorder, runtime.device_log
    pending = {"record": historian.pending, "trail": recorder.pending, "device_logs": log.pending}
    yield gauges("slmm_queue_rows", "Rows that wait to be written.", ("queue",), _by_label(pending))
    dropped = {"record": historian.dropped, "trail": recorder.dropped}
    yield counters("slmm_queue_dropped_total", "Rows that were never written.", ("queue",), _by_label(dropped))
    failures = {"record": historian.write_failures, "trail": recorder.write_failures}
    told = "Writes that failed; what they held waits and is written later."
    yield counters("slmm_queue_write_failures_total", told, ("queue",), _by_label(failures))
    yield counter("slmm_record_frames_total", "Frames written into the record.", historian.written)
    yield gauge("slmm_record_open", "1 while there is a record to write to.", float(runtime.record.store.is_open))
    outcomes = runtime.alerts.outbox.outcomes.copy()  # at once: a thread counts on meanwhile
    for name, outcome, told in (
        ("slmm_messages_sent_total", "sent", "Messages about alerts that a channel took."),
        ("slmm_message_failures_total", "failed", "Attempts to send a message that failed; it is tried again."),
    ):
        found = {channel: count for (channel, result), count in outcomes.items() if result == outcome}
        yield counters(name, told, ("channel",), _by_label(found))
    yield counter("slmm_messages_given_up_total", "Messages that never went out.", runtime.alerts.outbox.dead)


def _jobs(runtime: Runtime) -> Iterator[Metric]:
    jobs = runtime.schedule.jobs()
    yield counters("slmm_job_runs_total", "Runs of a job.", ("task",), (((job.name,), job.runs) for job in jobs))
    told = "Runs of a job that failed."
    yield counters("slmm_job_failures_total", told, ("task",), (((job.name,), job.failures) for job in jobs))
    told = "1 when the last run of a job failed."
    failing = (((job.name,), float(job.error is not None)) for job in jobs)
    yield gauges("slmm_job_failing", told, ("task",), failing)
    began = [((job.name,), job.last_run_at.timestamp()) for job in jobs if job.last_run_at]
    yield gauges("slmm_job_last_run_timestamp_seconds", "When a job last began, as Unix time.", ("task",), began)
    took = [((job.name,), job.took_s) for job in jobs if job.took_s is not None]
    yield gauges("slmm_job_last_duration_seconds", "How long its last run took.", ("task",), took)


def _web(web: WebTally) -> Iterator[Metric]:
    told = "Requests answered; a stream counts when it begins."
    yield counters("slmm_http_requests_total", told, ("method", "status"), sorted(web.answers.items()))
    yield histogram("slmm_http_request_duration_seconds", "Time until an answer was ready.", web.took_s)
    refused = {limit: web.refusals.counts[limit] for limit in LIMITS}
    told = "Requests refused, by the limit they reached."
    yield counters("slmm_refusals_total", told, ("limit",), _by_label(refused))


def _by_label(figures: dict[str, int]) -> list[tuple[tuple[str], float]]:
    return [((name,), float(figure)) for name, figure in sorted(figures.items())]
