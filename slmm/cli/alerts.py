"""``slmm alerts``: what was too loud, or out of reach, and who has taken notice."""

from __future__ import annotations

from typing import Any

import click

from slmm.cli.client import Answer, Service, ServiceError, UnitName, service_options
from slmm.cli.output import say, show_json, show_table

COLUMNS = ("id", "unit", "onset", "rule", "metric", "threshold dB", "peak dB", "end", "status", "severity", "seen by")


class _ListFirst(click.Group):
    """``slmm alerts …`` means ``slmm alerts list …`` unless a command or ``--help`` follows."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the command in that was left out."""
        if not args or args[0] not in (*self.commands, *self.get_help_option_names(ctx)):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group("alerts", cls=_ListFirst, no_args_is_help=False, subcommand_metavar="[list] [UNIT] | ack EVENT_ID")
def alerts_group() -> None:
    """The alert events of one meter, or of all: list is meant where no command is given."""


@alerts_group.command("list")
@click.argument("unit", type=UnitName(), required=False)
@click.option("--open", "is_open", is_flag=True, help="Only those that go on.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many.")
@service_options
def list_events(unit: str | None, is_open: bool, limit: int, service: Service, as_json: bool) -> None:
    """The events of UNIT, or of all units, newest first."""
    wanted = {"limit": limit, **({"state": "open"} if is_open else {})}
    answer = _ask(service, "GET", f"/{unit or '_alerts'}{'/alerts' if unit else ''}/events", params=wanted)
    events = answer.rows("events")
    if as_json:
        show_json(events)
        return
    which = "open alerts" if is_open else "alerts"
    show_table(COLUMNS, [_row(event) for event in events], f"no {which} of {unit}" if unit else f"no {which}")


def _row(event: Answer) -> tuple[object, ...]:
    shown = ("id", "unit_id", "onset_at", "rule_name", "metric", "threshold_db", "peak_value", "clear_at", "status")
    return *(event.get(name) for name in shown), event.get("severity"), event.get("acknowledged_by")


@alerts_group.command("ack")
@click.argument("event_id", type=click.IntRange(min=1))
@click.option("--note", help="What it was, for those who look later.")
@service_options
def acknowledge(event_id: int, note: str | None, service: Service, as_json: bool) -> None:
    """Take notice of an event."""
    answer = _ask(service, "POST", f"/_alerts/events/{event_id}/ack", json={} if note is None else {"note": note})
    show_json(answer) if as_json else say(answer.get("message") or f"event {event_id} is acknowledged")


def _ask(service: Service, method: str, path: str, **more: Any) -> Answer:
    try:
        return service.call(method, path, **more)
    except ServiceError as error:
        if "there is nothing at" not in str(error):
            raise
        raise ServiceError(f"the service at {service.url} has no alerts yet", error.status) from error
