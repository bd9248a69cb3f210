"""Viewers come and go while meters are read; the meters' own counters judge.

python -m bench.manners --minutes 10
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import random
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import gevent
import requests

from slmm.emulator.process import running_emulator
from tests.server import EventStream, RunningServer


@dataclass
class Manners:
    """What the meters counted, and what the viewers saw."""

    counters: list[dict[str, Any]]
    links: list[dict[str, Any]]
    frames: int
    visits: int
    gaps: list[str] = field(default_factory=list)

    def complaints(self) -> list[str]:
        """Sentences about bad manners; none is good."""
        found = list(self.gaps)
        for index, (seen, told) in enumerate(zip(self.counters, self.links, strict=True)):
            checks = {
                "more than one connection": seen["most_open"] != 1 or seen["connections"] != 1,
                "a command sooner than 1 s after a reply": seen["too_soon"] > 0,
                "overlapping commands": seen["overlapping"] > 0,
                "commands lost": seen["received"] != told["commands"] or seen["answered"] != told["replies"],
            }
            found += [f"meter {index}: {what}" for what, is_so in checks.items() if is_so]
        return found


def watch_with_manners(*, meters: int, viewers: int, seconds: float) -> Manners:
    """Run the service over *meters* for *seconds*, with about *viewers* streams open at any time."""
    with running_emulator(meters) as emulator, tempfile.TemporaryDirectory() as directory:
        server = RunningServer(Path(directory), {})
        server.start()
        try:
            for index, meter in enumerate(emulator.meters):
                server.add(f"u{index}", meter, monitor_enabled=True)
            totals = {"frames": 0, "visits": 0}
            gaps: list[str] = []
            ends_s = time.monotonic() + seconds
            crowd = [gevent.spawn(_come_and_go, server, meters, ends_s, totals, gaps) for _ in range(viewers)]
            gevent.joinall(crowd, raise_error=True)
            links, counters = _at_rest(server, emulator)
            return Manners(counters, links, totals["frames"], totals["visits"], gaps)
        finally:
            server.kill()


def _at_rest(server: RunningServer, emulator: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Both sides' counters while no command is under way."""
    requests.post(f"{server.api}/_system/standby", timeout=30)
    gevent.sleep(0.5)
    rows = {row["unit_id"]: row for row in server.get("/_connections/status")["data"]["connections"]}
    seen = [meter["counters"] for meter in emulator.client.meters()]
    return [rows[f"u{index}"] for index in range(len(seen))], seen


def _come_and_go(server: RunningServer, meters: int, ends_s: float, totals: dict[str, int], gaps: list[str]) -> None:
    while (left_s := ends_s - time.monotonic()) > 0:
        unit_id = f"u{random.randrange(meters)}"
        stream = EventStream(server, f"/api/nl43/{unit_id}/monitor/events")
        leaves_s = time.monotonic() + min(left_s, random.uniform(0.5, 15.0))
        stream.sock.settimeout(10)
        last = ""
        while time.monotonic() < leaves_s:
            frame = stream.frame()
            totals["frames"] += 1
            if frame["timestamp"] <= last or "skipped" in frame:
                gaps.append(f"{unit_id}: {frame['timestamp']} after {last}, skipped {frame.get('skipped', 0)}")
            last = frame["timestamp"]
        stream.close()
        totals["visits"] += 1


@click.command()
@click.option("--meters", default=20, show_default=True)
@click.option("--viewers", default=100, show_default=True)
@click.option("--minutes", default=10.0, show_default=True)
def main(meters: int, viewers: int, minutes: float) -> None:
    """Print what the meters counted."""
    found = watch_with_manners(meters=meters, viewers=viewers, seconds=minutes * 60)
    shortest_s = min(seen["shortest_gap_s"] for seen in found.counters)
    print(f"{meters} meters, {viewers} viewers, {minutes:g} min: {found.visits} visits, {found.frames} frames")
    print(f"commands {sum(seen['received'] for seen in found.counters)}, shortest gap {shortest_s:.4f} s")
    print("\n".join(found.complaints()) or "no complaint: one connection a meter, none too soon, none lost")
    raise SystemExit(bool(found.complaints()))


if __name__ == "__main__":
    main()
