"""``slmm watch``: the live levels of one meter, a line a reading."""

from __future__ import annotations

import time
from typing import Any

import click

from slmm.cli.client import Service, ServiceError, service_options
from slmm.cli.output import show_json

SILENT_S = 60.0
AGAIN_AFTER_S = 2.0


def line_of(frame: dict[str, Any]) -> str:
    """One frame for a person."""
    if frame.get("feed_status") == "unreachable":
        return f"{frame.get('timestamp', '')}  unreachable"
    levels = (f"{name} {_level(frame.get(key))}" for name, key in (("Lp", "lp"), ("Leq", "leq"), ("Lmax", "lmax")))
    skipped = f"  ({frame['skipped']} skipped)" if "skipped" in frame else ""
    return f"{frame['timestamp']}  {'  '.join(levels)}  {frame.get('measurement_state') or '–'}{skipped}"


def _level(value: float | None) -> str:
    return "    –" if value is None else f"{value:5.1f}"


@click.command()
@click.argument("unit")
@click.option("--count", type=click.IntRange(min=1), help="End after so many readings.")
@click.option("--seconds", type=click.FloatRange(min=0.1), help="End after so long.")
@service_options
def watch(unit: str, count: int | None, seconds: float | None, service: Service, as_json: bool) -> None:
    """Follow a meter until interrupted; comes back by itself when the stream ends."""
    ends_s = None if seconds is None else time.monotonic() + seconds
    seen = 0
    has_connected = False
    while True:
        try:
            for name, data in service.events(f"/{unit}/monitor/events", SILENT_S):
                has_connected = True
                if name == "error":
                    click.echo(data.get("detail", "the service ended the stream"), err=True)
                elif name == "":
                    show_json(data) if as_json else click.echo(line_of(data))
                    seen += 1
                if (count is not None and seen >= count) or (ends_s is not None and time.monotonic() >= ends_s):
                    return
        except ServiceError as error:
            if not has_connected:
                raise
            click.echo(str(error), err=True)
        except KeyboardInterrupt:
            return
        if ends_s is not None and time.monotonic() >= ends_s:
            return
        time.sleep(AGAIN_AFTER_S)
