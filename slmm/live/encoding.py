"""Event → the JSON object viewers get; made once per event, never per viewer."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from slmm import events
from slmm.times import timestamp, timestamp_or_none

Payload = dict[str, Any]

_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def labels_payload(labels: events.Labels) -> Payload:
    """The weightings and percentiles as the REST interface and the status event show them."""
    return {**asdict(labels), "percentiles": list(labels.percentiles)}


def reading_payload(reading: events.Reading) -> Payload:
    """The live frame of the outside contract: levels in dB as numbers, or null."""
    main = reading.main
    payload: Payload = {
        "unit_id": reading.unit_id,
        "timestamp": timestamp(reading.at),
        "feed_status": events.FeedStatus.OK,
        "measurement_state": reading.run_state,
        "measurement_start_time": timestamp_or_none(reading.measurement_started_at),
        "counter": reading.counter,
        "lp": main.lp,
        "leq": main.leq,
        "le": main.le,
        "lmax": main.lmax,
        "lmin": main.lmin,
        "lpeak": main.lpeak,
        "ln1": main.ln1,
        "ln2": main.ln2,
        "ln3": main.ln3,
        "ln4": main.ln4,
        "ln5": main.ln5,
        "over": main.over,
        "under": main.under,
        "raw_payload": reading.raw,
    }
    if reading.flags:
        payload["flags"] = list(reading.flags)
    return payload


def shared_reading_payload(reading: events.Reading) -> Payload:
    """The same for somebody with a share link: without the meter's own line."""
    payload = reading_payload(reading)
    del payload["raw_payload"]
    return payload


def streamed_payload(streamed: events.StreamedLevels) -> Payload:
    """A DRD frame: levels of 100 ms, and the meter's own state where it tells it."""
    main = streamed.main
    payload: Payload = {
        "unit_id": streamed.unit_id,
        "timestamp": timestamp(streamed.at),
        "feed_status": events.FeedStatus.OK,
        "measurement_state": streamed.run_state,
        "measurement_start_time": timestamp_or_none(streamed.measurement_started_at),
        "counter": streamed.counter,
        "lp": main.lp,
        "leq": main.leq,
        "lmax": main.lmax,
        "lmin": main.lmin,
        "lpeak": main.lpeak,
        "over": main.over,
        "under": main.under,
        "raw_payload": streamed.raw,
    }
    if streamed.device_clock is not None:
        payload["device_clock"] = streamed.device_clock.isoformat(sep=" ")
    for name in ("power", "battery", "sd_free_mb"):
        if (value := getattr(streamed, name)) is not None:
            payload[name] = value
    return payload


def stream_second_payload(streamed: events.StreamedLevels) -> Payload:
    """A live frame between two readings of a meter whose 100 ms stream is followed: the level now, and nothing older.

    The stream's other figures are those of 100 ms, and the display's go on without us: they are null until the next
    reading, and ``from_stream`` says why.
    """
    reading = events.Reading(
        unit_id=streamed.unit_id,
        at=streamed.at,
        main=events.Levels(lp=streamed.main.lp),
        raw=streamed.raw,
        run_state=streamed.run_state,
        measurement_started_at=streamed.measurement_started_at,
        counter=streamed.counter,
    )
    return {**reading_payload(reading), "from_stream": True}


def shared_stream_second_payload(streamed: events.StreamedLevels) -> Payload:
    """The same for somebody with a share link: without the meter's own line."""
    payload = stream_second_payload(streamed)
    del payload["raw_payload"]
    return payload


def operation_payload(change: events.OperationChange) -> Payload:
    """Progress of a long operation, as the REST interface shows it too."""
    return {**asdict(change), "at": timestamp(change.at)}


def log_payload(entry: events.LogEntry) -> Payload:
    """One line of a device's log."""
    return {
        "unit_id": entry.unit_id,
        "timestamp": timestamp(entry.at),
        "level": entry.level,
        "category": entry.category,
        "message": entry.message,
    }


def alert_payload(change: events.AlertChange) -> Payload:
    """What happened to an alert, and the event as it stands now."""
    return {
        "unit_id": change.unit_id,
        "timestamp": timestamp(change.at),
        "change": change.kind,
        "event": dict(change.event),
    }


def limits_payload(event: events.LimitsStanding) -> Payload:
    """Where the limits of a unit stand."""
    return {"unit_id": event.unit_id, "timestamp": timestamp(event.at), "limits": [dict(each) for each in event.limits]}


def unreachable_payload(change: events.ContactChange) -> Payload:
    """The one frame that says a meter is out of reach, and why."""
    return {
        "unit_id": change.unit_id,
        "timestamp": timestamp(change.at),
        "feed_status": events.FeedStatus.UNREACHABLE,
        "reason": change.reason,
    }


def shared_unreachable_payload(change: events.ContactChange) -> Payload:
    """The same for somebody with a share link: the reason may name addresses."""
    payload = unreachable_payload(change)
    del payload["reason"]
    return payload


def notice_payload(event: Any) -> Payload:
    """The ``status`` or ``roster`` event of a change: its fields, named as in the REST interface."""
    payload: Payload = {"unit_id": event.unit_id, "timestamp": timestamp(event.at)}
    match event:
        case events.ContactChange():
            payload |= {"is_reachable": event.is_reachable, "reason": event.reason}
        case events.MeasurementChange():
            payload |= {
                "measurement_state": event.run_state,
                "measurement_start_time": timestamp_or_none(event.started_at),
            }
        case events.ModeChange():
            payload["mode"] = event.mode
        case events.LabelsRead():
            payload["labels"] = labels_payload(event.labels)
        case events.HoldChange():
            payload |= {"held_by": event.held_by}
        case events.RosterChange():
            payload["change"] = event.change
        case _:
            raise TypeError(f"{type(event).__name__} has no form for viewers")
    return payload


def json_bytes(payload: Payload) -> bytes:
    """Compact JSON on one line; refuses NaN and infinity."""
    return _dumps(payload).encode()
