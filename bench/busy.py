"""How late the hub is while everything heavy happens at once, beside the same service doing nothing but reading.

python -m bench.busy                 # a million rows, 50 meters, 100 viewers; about two minutes
python -m bench.busy --rows 100000 --seconds 5
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import secrets
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import click
import gevent
import requests

from bench import machine
from bench.export import UNIT
from bench.export import seed as seed_frames
from bench.scale import followers, lags_ms, looked_at, phase, swarm
from bench.scale import seed as seed_roster
from slmm import settings as settings_module
from slmm.storage.accounts import Accounts
from slmm.storage.database import Database
from tests.server import RunningServer

TARGET_MS = 20.0
ADMIN = "bench"
LOGINS = 50
ALL = "all at once"
WITHIN_S = 170.0
"""A load that takes longer is cut off, and the run says so."""


@dataclass(frozen=True)
class Found:
    """One phase."""

    name: str
    took_s: float
    lags_ms: Sequence[float]
    delays_ms: Sequence[float]

    def row(self) -> str:
        """One line of the table."""
        lag = " / ".join(f"{machine.percentile(list(self.lags_ms), percent):.1f}" for percent in (50, 99))
        delay = " / ".join(f"{machine.percentile(list(self.delays_ms), percent):.1f}" for percent in (50, 99))
        return (
            f"{self.name:12} {self.took_s:6.1f} {len(self.lags_ms):6}   {lag} / {max(self.lags_ms, default=0.0):.1f}"
            f"   {delay} / {max(self.delays_ms, default=0.0):.1f}"
        )


class Load:
    """What somebody with the right to do so may ask of the service at any time."""

    def __init__(self, server: RunningServer, password: str, begin: datetime, rows: int) -> None:
        self._api = server.api
        self._password = password
        self._day = begin
        until = begin + timedelta(seconds=rows / 10 + 1)
        self._span = f"from={begin - timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}&until={until:%Y-%m-%dT%H:%M:%SZ}"
        self._session = requests.Session()
        answer = self._session.post(f"{self._api}/_login", json={"name": ADMIN, "password": password}, timeout=30)
        answer.raise_for_status()

    def _read(self, path: str) -> None:
        with self._session.get(f"{self._api}{path}", stream=True, timeout=WITHIN_S) as answer:
            answer.raise_for_status()
            for _ in answer.iter_content(1 << 20):
                pass

    def csv(self) -> None:
        """An export of all frames."""
        self._read(f"/{UNIT}/export?what=frames&format=csv&{self._span}")

    def xlsx(self) -> None:
        """The same as a workbook."""
        self._read(f"/{UNIT}/export?what=frames&format=xlsx&{self._span}")

    def report(self) -> None:
        """A day on paper."""
        self._read(f"/{UNIT}/report?day={self._day:%Y-%m-%d}&format=pdf")

    def logins(self) -> None:
        """Many people at the door."""

        def enter() -> None:
            body = {"name": ADMIN, "password": self._password}
            requests.post(f"{self._api}/_login", json=body, timeout=WITHIN_S).raise_for_status()

        entering = [gevent.spawn(enter) for _ in range(LOGINS)]
        gevent.joinall(entering, raise_error=True)

    def backup(self) -> None:
        """A backup with the record, until it is done."""
        self._session.post(
            f"{self._api}/_system/backups", json={"with_record": True}, headers=self._same_origin(), timeout=30
        ).raise_for_status()
        deadline_s = time.monotonic() + WITHIN_S
        while time.monotonic() < deadline_s:
            answer = self._session.get(f"{self._api}/_system/backups", timeout=30).json()
            if answer["operation"] and answer["operation"]["state"] not in ("running", "waiting"):
                assert answer["operation"]["state"] == "done", answer["operation"]
                return
            gevent.sleep(0.5)
        raise TimeoutError("the backup is not done")

    def _same_origin(self) -> dict[str, str]:
        return {"Origin": self._api.removesuffix("/api/nl43")}

    def all(self) -> dict[str, Callable[[], None]]:
        """By name."""
        return {
            "CSV": self.csv,
            "XLSX": self.xlsx,
            "backup": self.backup,
            "50 logins": self.logins,
            "PDF report": self.report,
        }


def add_account(directory: Path) -> str:
    """Somebody who may do all that; the password."""
    password = secrets.token_urlsafe(16)
    database = Database.open(settings_module.load({}, None, data_dir=directory / "data").sqlalchemy_url)
    Accounts(database).create(ADMIN, password, "admin")
    database.close()
    return password


def timed(work: Callable[[], None], least_s: float) -> None:
    """Do it, and let the phase last at least so long."""
    began_s = time.monotonic()
    work()
    gevent.sleep(max(0.0, least_s - (time.monotonic() - began_s)))


def at_once(loads: Sequence[Callable[[], None]]) -> None:
    """All of them, until the last is done."""
    gevent.joinall([gevent.spawn(load) for load in loads], raise_error=True)


@click.command()
@click.option("--rows", default=1_000_000, show_default=True)
@click.option("--meters", default=50, show_default=True)
@click.option("--viewers", default=100, show_default=True)
@click.option("--seconds", default=10.0, show_default=True, help="Least length of a phase.")
@click.option("--only", multiple=True, help="These loads instead of all, such as PDF.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting of the service.")
def main(
    rows: int, meters: int, viewers: int, seconds: float, only: tuple[str, ...], settings: tuple[str, ...]
) -> None:
    """Print each phase beside the idle one."""
    with swarm(meters, 1) as running, tempfile.TemporaryDirectory() as directory:
        top = Path(directory)
        begin = seed_frames(top, rows)
        seed_roster(top, running[0].meters, rules=4)
        password = add_account(top)
        lags = top / "lags"
        environment = {
            "SLMM_LOGIN_RATE": "10000 per minute",
            "SLMM_LOG_LEVEL": "WARNING",
            "SLMM_AUTH": "off",  # whoever follows needs no account; logins cost the same
            **looked_at(lags, 0.01),
            **dict(setting.split("=", 1) for setting in settings),
        }
        server = RunningServer(top, environment)
        server.start()
        try:
            load = Load(server, password, begin, rows)
            works = {name: work for name, work in load.all().items() if not only or name.split()[0] in only}
            spans: list[tuple[str, float, float, list[float]]] = []
            with followers(server.port, "/api/nl43/u{}/monitor/events", meters, viewers) as process:
                gevent.sleep(5.0)
                phases: dict[str, Callable[[], None]] = {"idle": lambda: None, **works}
                if len(works) > 1:
                    phases[ALL] = lambda: at_once(list(works.values()))
                for name, work in phases.items():
                    began_s = time.monotonic()
                    seen = phase(process, lambda work=work: timed(work, seconds))  # type: ignore[misc]
                    spans.append((name, began_s, time.monotonic(), seen["delays_ms"]))
            gevent.sleep(1.0)
        finally:
            server.kill()
        found = [Found(name, end - start, lags_ms(lags, start, end), delays) for name, start, end, delays in spans]
    print(machine.describe())
    print(f"{meters} meters, {viewers} viewers, {rows} rows")
    print("phase          took  looks   lag p50 / p99 / max ms   delay p50 / p99 / max ms")
    for each in found:
        print(each.row())
    p99_ms = machine.percentile(list(found[-1].lags_ms), 99)
    print(
        f"{found[-1].name}: lag p99 {p99_ms:.1f} ms, target {TARGET_MS:g} {'met' if p99_ms <= TARGET_MS else 'MISSED'}"
    )


if __name__ == "__main__":
    main()
