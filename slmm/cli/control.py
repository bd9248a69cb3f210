"""``slmm start`` and ``slmm stop``: the measurement of one meter."""

from __future__ import annotations

import click

from slmm.cli.client import Service, service_options, unit_argument
from slmm.cli.output import say, show_json


@click.command()
@unit_argument
@service_options
def start(unit: str, service: Service, as_json: bool) -> None:
    """Start a measurement; answers when the meter has confirmed it."""
    answer = service.call("POST", f"/{unit}/start")
    show_json(answer) if as_json else say(answer["message"])


@click.command()
@unit_argument
@service_options
def stop(unit: str, service: Service, as_json: bool) -> None:
    """Stop the measurement."""
    answer = service.call("POST", f"/{unit}/stop")
    show_json(answer) if as_json else say(answer["message"])
