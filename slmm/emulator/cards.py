"""Puts an SD card with an FTP server into each simulated meter, and some past on it if that is wished."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import click
import gevent

from slmm.emulator.card import Card
from slmm.emulator.ftp_process import FtpPort, FtpServers
from slmm.emulator.meter import Instrument
from slmm.emulator.server import MeterServer
from slmm.emulator.sound import SCENARIOS

PAST = ((3, "0001"), (2, "0002"), (1, "0003"))
"""Days ago and store name of the measurements of a seeded card."""
PAST_S = 600.0
STORE_NAMES = 10_000


@contextmanager
def cards(
    meters: Sequence[MeterServer], host: str, directory: Path | None, *, is_seeded: bool = False
) -> Iterator[None]:
    """Cards for as long as the context lasts; kept only in a directory that was named."""
    with ExitStack() as stack:
        top = directory or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slmm-cards-")))
        roots = [top / str(number) for number in range(len(meters))]
        for root in roots:
            root.mkdir(parents=True, exist_ok=True)
        try:
            servers = FtpServers(host, roots)
        except RuntimeError as error:
            raise click.ClickException(str(error)) from error
        stack.callback(servers.stop)
        for number, (meter, root) in enumerate(zip(meters, roots, strict=True)):
            card = Card(root, meter.instrument.clock(time.monotonic()), meter.instrument.quirks)
            if is_seeded:
                _seed(card, meter.instrument, number)
            meter.give_card(card, FtpPort(servers, number))
        ticking = gevent.spawn(_let_time_pass, meters)
        yield
        ticking.kill()
        for meter in meters:
            meter.instrument.stop()


def choose_free_name(instrument: Instrument) -> None:
    """Like whoever sets up the meter: count the store name up until an automatic measurement can begin."""
    registers, card = instrument.registers, instrument.card
    if card is None or registers["Store Mode"] == "Manual":
        return
    for _ in range(STORE_NAMES):
        if not card.holds(registers):
            return
        registers["Store Name"] = f"{(int(registers['Store Name']) + 1) % STORE_NAMES:04d}"


def _let_time_pass(meters: Sequence[MeterServer]) -> None:
    """A meter measures whether somebody asks it or not; without a card nobody could tell."""
    while True:
        gevent.sleep(1.0)
        for meter in meters:
            meter.instrument.advance(time.monotonic())


def _seed(card: Card, instrument: Instrument, seed: int) -> None:
    """Ten minutes of each of the last days, measured by an instrument of the same kind."""
    today = datetime.now().replace(hour=10, minute=0, second=0, microsecond=0)  # noqa: DTZ005 - the meter has no zone
    for days, store in PAST:
        scenario = random.Random(f"{seed} {days}").choice(list(SCENARIOS.values()))
        past = Instrument(scenario, seed + days, instrument.quirks, now_s=0.0, clock=today - timedelta(days=days))
        past.registers |= instrument.registers | {
            "Store Mode": "Auto",
            "Store Name": store,
            "Lp Store Interval": "1s",
            "Leq Calculation Interval Preset": "1m",
        }
        if card.holds(past.registers):
            continue
        past.card = card
        past.start()
        past.advance(PAST_S + 1.0)
        past.stop()
    past.registers |= {"Store Mode": "Manual", "Store Name": "0001"}
    if not card.holds(past.registers):
        past.store()
