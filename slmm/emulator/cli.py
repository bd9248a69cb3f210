"""``slmm emulator``: simulated meters, each on a TCP port of its own."""

from __future__ import annotations

import json
import random
import resource
import signal
import time
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
import gevent
from gevent import pywsgi
from gevent.event import Event

from slmm.emulator.cards import cards, choose_free_name
from slmm.emulator.control import ControlApp
from slmm.emulator.meter import Instrument
from slmm.emulator.quirks import Quirks
from slmm.emulator.server import MeterServer
from slmm.emulator.sound import SCENARIOS


def _quirks(settings: tuple[str, ...]) -> Quirks:
    quirks = Quirks()
    for setting in settings:
        name, _, value = setting.partition("=")
        try:
            quirks = quirks.changed(name, value)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--quirk") from error
    return quirks


def _address(meter: MeterServer) -> dict[str, Any]:
    card = meter.instrument.card
    return {
        "host": meter.host,
        "port": meter.port,
        "ftp_port": meter.ftp.port if meter.ftp else None,
        "card": str(card.root) if card else None,
    }


@click.command("emulator")
@click.option("--count", default=3, show_default=True, help="How many meters.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--base-port", default=22551, show_default=True, help="Port of the first meter; 0: free ports.")
@click.option("--control-port", default=22550, show_default=True, help="Port of the control interface; 0: a free one.")
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same sound.")
@click.option("--scenario", type=click.Choice([*SCENARIOS, "mixed"]), default="mixed", show_default=True)
@click.option("--measuring/--stopped", default=True, show_default=True, help="Run state at the start.")
@click.option("--measuring-for", "measured_s", default=0.0, metavar="SECONDS", help="How long it has measured already.")
@click.option("--card", "has_card", is_flag=True, help="Give each meter an SD card and an FTP server (pyftpdlib).")
@click.option("--card-dir", type=click.Path(path_type=Path), help="Keep the cards here: a folder for each meter.")
@click.option("--seed-card", is_flag=True, help="Some measurements of the last days are on the cards already.")
@click.option(
    "--register", "register_settings", multiple=True, metavar="NAME=VALUE", help="A setting; may be repeated."
)
@click.option("--quirk", "quirk_settings", multiple=True, metavar="NAME=VALUE", help="A switch; may be repeated.")
def command(
    count: int,
    host: str,
    base_port: int,
    control_port: int,
    seed: int,
    scenario: str,
    measuring: bool,
    measured_s: float,
    has_card: bool,
    card_dir: Path | None,
    seed_card: bool,
    register_settings: tuple[str, ...],
    quirk_settings: tuple[str, ...],
) -> None:
    """Run COUNT simulated NL-43 sound level meters until interrupted.

    Prints one line of JSON with all addresses when ready.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    quirks = _quirks(quirk_settings)
    names = list(SCENARIOS) if scenario == "mixed" else [scenario]
    meters: list[MeterServer] = []
    # Only the seconds before the first sample differ between meters, so that they do not tick in step.
    spread = random.Random(seed)
    for index in range(count):
        began_s_ago = measured_s + spread.random()
        instrument = Instrument(
            SCENARIOS[names[(index + 1) % len(names)]],
            seed + index,
            quirks,
            now_s=time.monotonic() - began_s_ago,
            clock=datetime.now() - timedelta(seconds=began_s_ago),  # noqa: DTZ005 - the meter has no zone
        )
        for setting in register_settings:
            name, _, value = setting.partition("=")
            instrument.set_register(name, value)
        meter = MeterServer(instrument, host, base_port + index if base_port else 0)
        meter.open()
        meters.append(meter)
    with ExitStack() as stack:
        if has_card or card_dir or seed_card:
            stack.enter_context(cards(meters, host, card_dir, is_seeded=seed_card))
        for meter in meters:
            if measuring:
                choose_free_name(meter.instrument)
                meter.instrument.start()
        _serve(meters, host, control_port)


def _serve(meters: list[MeterServer], host: str, control_port: int) -> None:
    control: Any = pywsgi.WSGIServer((host, control_port), ControlApp(meters), log=None)
    control.start()
    ready = {
        "control": f"http://{host}:{control.server_port}",
        "meters": [_address(meter) for meter in meters],
    }
    click.echo(json.dumps(ready))
    done = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, done.set)
    done.wait()
    for meter in meters:
        meter.close()
    control.stop(timeout=1)
