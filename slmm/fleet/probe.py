"""Tries a meter that is not on the roster yet, step by step, over the one connection it allows.

Each step is told when it begins and when it ends, by a code and what was found; the words for people are not made here.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

import gevent
from gevent.queue import Empty, Queue

from slmm.errors import DeviceBusy, DeviceError, Garbled, Refused, Standby
from slmm.fleet import inspection
from slmm.fleet.diagnosis import CLOCK_NOTICE_S, Control, Findings, contact_verdict
from slmm.fleet.health import clock_offset_s
from slmm.fleet.supervisor import Fleet
from slmm.fleet.transfers import FACTORY_PASSWORD, FACTORY_USER
from slmm.nl43.ftp import CardAccess, CardTimes, Session
from slmm.nl43.link import LinkTimes, LinkWatch
from slmm.nl43.meter import Meter
from slmm.storage.board import StatusBoard
from slmm.storage.devices import Device, Roster

logger = logging.getLogger(__name__)

T = TypeVar("T")

WITHIN_S = 40.0
RESOLVE_WITHIN_S = 5.0
LONGEST_WAIT_S = 5.0
"""For one answer; whoever stands before the page has no patience for the deadlines of a slow line."""
MOST_AT_ONCE = 4
SHOWN = 80
"""Letters of a meter's answer that are passed on; what answers may not be a meter."""
MODELS = ("NL-43", "NL-53", "NL-42", "NL-52", "NL-62", "NL-63")
HOUR_S, WHOLE_HOUR_S = 3600.0, 30.0


@dataclass(frozen=True, slots=True)
class Target:
    """What is tried, and with what."""

    host: str
    tcp_port: int = 2255
    ftp_port: int = 21
    ftp_username: str | None = None
    ftp_password: str | None = field(default=None, repr=False)
    timezone: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One step as it stands: ``running``, then ``ok``, ``warning``, ``failed`` or ``skipped`` for the reason *code*."""

    name: str
    state: str
    code: str
    found: dict[str, str | float | None] = field(default_factory=dict)


class _Stop(Exception):
    """Nothing further can be tried."""


class Prober:
    """All trials: one for each host at a time, and none of what a worker of ours holds."""

    def __init__(self, fleet: Fleet, roster: Roster, board: StatusBoard, times: LinkTimes, zone: str) -> None:
        self._fleet = fleet
        self._roster = roster
        self._board = board
        self._times = replace(
            times,
            connect_timeout_s=min(times.connect_timeout_s, LONGEST_WAIT_S),
            reply_timeout_s=min(times.reply_timeout_s, LONGEST_WAIT_S),
            is_persistent=True,
        )
        self._zone = zone
        self._hosts: set[str] = set()

    def begin(self, target: Target) -> Iterator[Step]:
        """The steps as they happen; raises Standby, or DeviceBusy while this host is being tried."""
        if self._fleet.is_standby:
            raise Standby("the service is in standby and holds no device connections; resume it first")
        host = target.host.lower()
        if host in self._hosts or len(self._hosts) >= MOST_AT_ONCE:
            what = target.host if host in self._hosts else "another meter"
            raise DeviceBusy(f"{what} is being tried already; wait for the end of that", retry_after_s=10.0)
        self._hosts.add(host)
        return self._steps(target, host)

    def _steps(self, target: Target, host: str) -> Iterator[Step]:
        told: Queue[Step | None] = Queue()
        trial = _Trial(target, self._times, ZoneInfo(target.timezone or self._zone), self._unit_at, told.put)
        greenlet = gevent.spawn(trial.run)
        greenlet.name = f"probe of {target.host}"
        greenlet.link(lambda _: told.put(None))
        ends_s = time.monotonic() + WITHIN_S
        try:
            while (step := told.get(timeout=max(0.01, ends_s - time.monotonic()))) is not None:
                yield step
        except Empty:
            yield Step(trial.step, "failed", "took_too_long", {"seconds": WITHIN_S})
        finally:  # also when whoever asked has gone
            greenlet.kill()
            trial.close()
            self._hosts.discard(host)

    def _unit_at(self, target: Target, addresses: frozenset[str]) -> tuple[str, bool | None] | None:
        """The unit of the roster that is at this very address, and whether it answers."""
        for device in self._roster.all():
            is_same_host = device.host.lower() == target.host.lower() or device.host in addresses
            if is_same_host and device.tcp_port == target.tcp_port:
                return device.unit_id, self._board.status(device.unit_id).is_reachable
        return None


class _Connected(LinkWatch):
    """Tells that the connection stands, before anything is asked over it."""

    def __init__(self, stands: Callable[[], None]) -> None:
        self._stands = stands

    def opened(self, peer: str) -> None:
        """The meter took the connection."""
        self._stands()


class _Trial:
    """One walk through the steps; *tell* hears of each."""

    def __init__(
        self,
        target: Target,
        times: LinkTimes,
        zone: ZoneInfo,
        unit_at: Callable[[Target, frozenset[str]], tuple[str, bool | None] | None],
        tell: Callable[[Step], None],
    ) -> None:
        self.step = "resolve"
        self._target = target
        self._times = times
        self._zone = zone
        self._unit_at = unit_at
        self._tell = tell
        self._has_connected = False
        self._model = ""
        self._addresses: frozenset[str] = frozenset()
        self._meter = Meter(
            target.host, target.host, target.tcp_port, times, lambda state, is_ours: None, _Connected(self._stands)
        )

    def run(self) -> None:
        """Everything in its order, until a step makes the rest pointless."""
        try:
            self._resolve()
            self._look_at_roster()
            self._connect()
            self._identify()
            self._read_clock()
            self._read_run_state()
            self._read_sleep_mode()
            self._try_ftp()
        except _Stop:
            return
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the meter's only connection."""
        self._meter.close()

    def _begin(self, name: str) -> None:
        self.step = name
        self._tell(Step(name, "running", "running"))

    def _end(self, state: str, code: str, **found: str | float | None) -> None:
        self._tell(Step(self.step, state, code, found))

    # -- the way to the meter ---------------------------------------------------------------------------

    def _resolve(self) -> None:
        self._begin("resolve")
        try:
            with gevent.Timeout(RESOLVE_WITHIN_S, TimeoutError()):
                found = socket.getaddrinfo(self._target.host, self._target.tcp_port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            logger.debug("%s cannot be resolved: %s", self._target.host, error)
            self._end("failed", "unresolved", host=self._target.host)
            raise _Stop from None
        self._addresses = frozenset(str(address[0]) for *_, address in found)
        self._end("ok", "resolved", address=min(self._addresses))

    def _look_at_roster(self) -> None:
        self._begin("roster")
        known = self._unit_at(self._target, self._addresses)
        if known is None:
            self._end("ok", "not_known")
            return
        unit_id, answers = known
        code = {True: "known_answers", False: "known_lost", None: "known_unheard"}[answers]
        self._end("failed", code, unit_id=unit_id)
        raise _Stop

    def _stands(self) -> None:
        if self._has_connected:
            return
        self._has_connected = True
        self._end("ok", "connected", port=self._target.tcp_port)
        self._begin("answer")

    def _connect(self) -> None:
        self._begin("connect")
        try:
            model = self._meter.read_value("Type")
        except Refused:
            model = ""  # an answer all the same
        except DeviceError as error:
            self._lost(error)
            raise _Stop from None
        if self._is_telltale(model):
            self._end("failed", "nonsense", port=self._target.tcp_port, answer=_shown(model))
            raise _Stop
        self._end("ok", "answers")
        self._model = model

    @staticmethod
    def _is_telltale(model: str) -> bool:
        """Whether the answer is that of another protocol: a meter's name is short and plain."""
        return not model.isprintable() or len(model) > SHOWN

    def _lost(self, error: DeviceError) -> None:
        """Why there is no answer, by the same signs as with a unit of the roster."""
        target = self._target
        device = Device(target.host, target.host, target.tcp_port, target.ftp_port)
        address = f"{target.host}:{target.tcp_port}"
        findings = inspection.after_failure(Findings(target.host, address), device, error)
        if self._has_connected and findings.control in (Control.SILENT, Control.REFUSED):
            findings = replace(findings, control=Control.MUTE)  # its slot was not free again for the second try
        verdict = contact_verdict(findings)
        self._end("failed", verdict.code, host=target.host, port=target.tcp_port, host_is=findings.host)

    # -- what the meter tells -----------------------------------------------------------------------------

    def _identify(self) -> None:
        self._begin("model")
        firmware, serial = self._value("System Version"), self._value("Serial Number")
        model = _shown(self._model) or None
        found = {"model": model, "firmware": firmware, "serial_number": serial}
        if model is None:
            self._end("warning", "model_not_told", **found)
        else:
            is_known = model.upper().startswith(MODELS)
            self._end("ok" if is_known else "warning", "model" if is_known else "model_unknown", **found)

    def _value(self, name: str) -> str | None:
        try:
            return _shown(self._meter.read_value(name)) or None
        except Refused:
            return None
        except DeviceError as error:
            self._broke_off(error)
            raise _Stop from None

    def _broke_off(self, error: DeviceError) -> None:
        self._end("failed", "broke_off", error=_shown(str(error)))

    @contextmanager
    def _asking(self, name: str) -> Iterator[None]:
        """A step that the meter may refuse or garble without harm to those that follow."""
        self._begin(name)
        try:
            yield
        except (Refused, Garbled):
            self._end("warning", "not_told")
        except DeviceError as error:
            self._broke_off(error)
            raise _Stop from None

    def _read_clock(self) -> None:
        with self._asking("clock"):
            offset_s = clock_offset_s(self._meter.read_clock(), datetime.now(UTC), self._zone)
            hours = round(offset_s / HOUR_S)
            found: dict[str, str | float | None] = {"offset_s": round(offset_s, 1), "zone": self._zone.key}
            if abs(offset_s) <= CLOCK_NOTICE_S:
                self._end("ok", "clock_right", **found)
            elif hours and abs(offset_s - hours * HOUR_S) <= WHOLE_HOUR_S:
                self._end("warning", "clock_zone", hours=hours, **found)
            else:
                self._end("warning", "clock_off", **found)

    def _read_run_state(self) -> None:
        with self._asking("run_state"):
            state = self._meter.read_run_state()
            self._end(*(("ok", "measuring") if state == "Start" else ("ok", "stopped") if state else _NOT_TOLD))

    def _read_sleep_mode(self) -> None:
        with self._asking("sleep"):
            try:
                is_on = self._meter.read_value("Sleep Mode").lower() == "on"
            except Refused:  # the option program is missing: it cannot sleep
                is_on = False
            self._end(*(("warning", "sleep_on") if is_on else ("ok", "sleep_off")))

    # -- its card -------------------------------------------------------------------------------------------

    def _try_ftp(self) -> None:
        with self._asking("ftp"):
            setting = (self._meter.read_setting("FTP") or "").lower()
            self._meter.close()  # one thing at a time: the control port may be mute while FTP is busy
            port = self._target.ftp_port
            if setting == "off":
                self._end("ok", "ftp_is_off", port=port)
            else:
                self._end(*self._log_in(), port=port)

    def _log_in(self) -> tuple[str, str]:
        target = self._target
        access = CardAccess(
            target.host, target.ftp_port, target.ftp_username or FACTORY_USER, target.ftp_password or FACTORY_PASSWORD
        )
        session = Session(access, CardTimes(LONGEST_WAIT_S, LONGEST_WAIT_S, keepalive=self._times.keepalive))
        try:
            session.open()
        except Refused as refusal:
            return "warning", "ftp_login" if refusal.code == "530" else "ftp_refused"
        except DeviceError as error:
            return "warning", "ftp_shut" if getattr(error, "refused", False) else "ftp_silent"
        else:
            return "ok", "ftp_open"
        finally:
            session.close()


_NOT_TOLD = ("warning", "not_told")


def _shown(text: str) -> str:
    """What a stranger answered, fit for a page: one line of plain letters."""
    return "".join(letter for letter in text if letter.isprintable())[:SHOWN]
