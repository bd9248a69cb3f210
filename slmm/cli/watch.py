"""``slmm watch``: the live levels of one meter, until interrupted."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import click
import gevent
from rich.live import Live
from rich.text import Text

from slmm.cli.client import ServerEvent, Service, ServiceError, service_options, unit_argument
from slmm.cli.labels import level_names, level_text
from slmm.cli.output import WITH_WARNINGS, console, leave, plain, say, show_json

SILENT_S = 60.0
"""Longer than two heartbeats: the stream is dead."""
AGAIN_AFTER_S = 2.0
LABELS_AGAIN_AFTER_S = 5.0

Show = Callable[[dict[str, Any]], None]
Tell = Callable[[str], None]


def line_of(frame: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """One frame for a person."""
    if frame.get("feed_status") == "unreachable":
        reason = f" ({frame['reason']})" if frame.get("reason") else ""
        return plain(f"{frame.get('timestamp', '')}  unreachable{reason}")
    levels = "  ".join(f"{name} {level_text(frame.get(key))}" for key, name in names.items())
    skipped = f"  ({frame['skipped']} skipped)" if "skipped" in frame else ""
    return plain(f"{frame.get('timestamp', '')}  {levels}  {frame.get('measurement_state') or '–'}{skipped}")


class Names:
    """What the unit's levels are called; asked for again while its weightings are not known."""

    def __init__(self, service: Service, unit: str) -> None:
        self._service = service
        self._path = f"/{unit}/status"
        self._names = level_names(None)
        self._is_known = False
        self._asked_s = float("-inf")

    def get(self) -> dict[str, str]:
        """The names as far as they are known."""
        if not self._is_known and time.monotonic() - self._asked_s > LABELS_AGAIN_AFTER_S:
            self._asked_s = time.monotonic()
            try:
                status = self._service.call("GET", self._path, within_s=LABELS_AGAIN_AFTER_S)
                labels = status.part("data").part("labels")
            except ServiceError:
                return self._names
            self._names = level_names(labels)
            self._is_known = bool(labels.get("frequency_weighting") and labels.get("time_weighting"))
        return self._names


class Follower:
    """Follows the feed of one unit, and comes back where it left off when the stream ends."""

    def __init__(self, service: Service, unit: str, show: Show, tell: Tell, count: int | None) -> None:
        self.readings = 0
        """Frames with levels; one that says the meter is out of reach is none."""
        self._service = service
        self._path = f"/{unit}/monitor/events"
        self._show = show
        self._tell = tell
        self._count = count
        self._last_event_id = ""
        self._last_trouble = ""

    def run(self) -> None:
        """Until *count* readings are shown; raises ServiceError when there is no service, or it says no for good."""
        has_connected = False
        while True:
            try:
                for event in self._service.events(self._path, SILENT_S, self._last_event_id):
                    has_connected = True
                    self._take(event)
                    if self._count is not None and self.readings >= self._count:
                        return
            except ServiceError as error:
                if error.is_final or not has_connected:
                    raise
                self._complain(str(error))
            time.sleep(AGAIN_AFTER_S)

    def _take(self, event: ServerEvent) -> None:
        self._last_event_id = event.event_id or self._last_event_id
        if event.name == "error":
            self._complain(str(event.data.get("detail", "the service ended the stream")))
        elif not event.name:
            self._last_trouble = ""
            self._show(event.data)
            self.readings += event.data.get("feed_status") != "unreachable"

    def _complain(self, trouble: str) -> None:
        """Each trouble once, however often it is met."""
        if trouble != self._last_trouble:
            self._tell(trouble)
        self._last_trouble = trouble


@contextmanager
def _one_line(unit: str, names: Names) -> Iterator[tuple[Show, Tell]]:
    """One line that stays and changes, for a terminal; troubles stand above it."""

    def text(line: str) -> Text:
        return Text(line, no_wrap=True, overflow="ellipsis")

    with Live(text(f"{unit}: waiting for the first reading"), console=console(), auto_refresh=False) as live:
        yield (
            lambda frame: live.update(text(line_of(frame, names.get())), refresh=True),
            lambda trouble: live.console.print(Text(plain(trouble))),
        )


@contextmanager
def _line_by_line(names: Names) -> Iterator[tuple[Show, Tell]]:
    """A line a reading, for a pipe or a file."""
    yield lambda frame: click.echo(line_of(frame, names.get())), lambda trouble: say(trouble, err=True)


@contextmanager
def _json_by_line() -> Iterator[tuple[Show, Tell]]:
    """A JSON object a line, for programs."""
    yield show_json, lambda trouble: say(trouble, err=True)


@click.command()
@unit_argument
@click.option("--count", type=click.IntRange(min=1), help="End after so many readings.")
@click.option("--seconds", type=click.FloatRange(min=0.1), help="End after so long; exit code 3 when no reading came.")
@service_options
def watch(unit: str, count: int | None, seconds: float | None, service: Service, as_json: bool) -> None:
    """Follow a meter until interrupted; comes back by itself when the stream ends."""
    names = Names(service, unit)
    is_terminal = sys.stdout.isatty() and not console().is_dumb_terminal
    output = _json_by_line() if as_json else _one_line(unit, names) if is_terminal else _line_by_line(names)
    try:
        with output as (show, tell):
            follower = Follower(service, unit, show, tell, count)
            with gevent.Timeout(seconds, False):
                follower.run()
    except KeyboardInterrupt:
        return
    if seconds is not None and follower.readings == 0:
        say(f"no reading of {unit} came within {seconds:g} s", err=True)
        leave(WITH_WARNINGS)
