"""Names what is wrong with a meter from what was found: a plain sentence, what to do, and what can be cured here.

Pure; the signatures are those seen on real meters: a wedged control port refuses at once while FTP answers,
a meter that sleeps or is off does not answer at all, one held by another client connects and stays mute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Severity(StrEnum):
    """How much a verdict matters."""

    OK = "ok"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Cure(StrEnum):
    """What can be done from here, safely, and only when somebody asks for it."""

    RECONNECT = "reconnect"
    END_SLEEP = "end_sleep"
    SET_CLOCK = "set_clock"
    FTP_OFF = "ftp_off"
    ACCEPT_SETTINGS = "accept_settings"


class Control(StrEnum):
    """How the control port behaved when it was asked last."""

    ANSWERS = "answers"
    REFUSED = "refused"
    SILENT = "silent"
    MUTE = "mute"
    """It connects, but no command is answered."""
    CUT = "cut"
    """It begins to answer, and the connection ends in the middle of that."""
    NONSENSE = "nonsense"
    NOT_ASKED = "not_asked"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One thing that is so."""

    code: str
    severity: Severity
    sentence: str
    advice: str = ""
    cure: Cure | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything a verdict may rest on; None means not known."""

    unit_id: str
    address: str
    is_active: bool = True
    tcp_enabled: bool = True
    is_standby: bool = False
    held_by: str | None = None
    control: Control = Control.NOT_ASKED
    ftp_answers: bool | None = None
    host: str | None = None
    """How the host itself behaved: open, refused, silent, no_route, unresolved."""
    sleep_mode: str | None = None
    ftp_setting: str | None = None
    web_setting: str | None = None
    battery: str | None = None
    clock_offset_s: float | None = None
    sd_free_mb: float | None = None
    sd_days_left: float | None = None
    stopped_by_itself_at: datetime | None = None
    changed_settings: Mapping[str, Sequence[str | None]] = field(default_factory=dict)


CLOCK_NOTICE_S, CLOCK_WRONG_S = 2.0, 10.0
SD_NOTICE_DAYS, SD_LOW_DAYS = 14.0, 3.0
SD_LOW_MB = 500.0
LOW_BATTERY = frozenset({"low", "dead", "empty"})


def contact_verdict(findings: Findings) -> Verdict:
    """Whether the meter can be reached and, if not, the likeliest reason."""
    unit, address = findings.unit_id, findings.address
    if not findings.is_active:
        return Verdict(
            "deactivated", Severity.INFO, f"{unit} is left alone on request.", "Activate it to read it again."
        )
    if not findings.tcp_enabled:
        return Verdict("tcp_disabled", Severity.INFO, f"TCP is switched off for {unit}.", "Switch it on to read it.")
    if findings.is_standby:
        return Verdict("standby", Severity.INFO, "The service is in standby and holds no connections.", "Resume it.")
    if findings.control is Control.ANSWERS:
        return Verdict("answers", Severity.OK, f"{unit} answers.")
    if findings.held_by is not None:
        return Verdict(
            "transfer",
            Severity.INFO,
            f"{unit} is busy with {findings.held_by}; its control port may be mute meanwhile.",
            "Wait for the end of the transfer.",
        )
    return _lost_verdict(findings, unit, address)


def _lost_verdict(findings: Findings, unit: str, address: str) -> Verdict:
    return _not_let_in(findings, unit, address) or _not_answered(findings, unit, address)


def _not_let_in(findings: Findings, unit: str, address: str) -> Verdict | None:
    """What is wrong before anything can be said to the meter; None when it takes the connection."""
    if findings.host == "unresolved":
        return Verdict(
            "unresolved",
            Severity.ERROR,
            f"The name in {address} cannot be resolved.",
            "Check the host name of the unit.",
        )
    if findings.host == "no_route":
        return Verdict(
            "no_route", Severity.ERROR, f"There is no way to {address}.", "Check the network, the VPN or the modem."
        )
    if findings.control is Control.REFUSED and findings.ftp_answers:
        return Verdict(
            "wedged",
            Severity.ERROR,
            f"The control port of {unit} is wedged: it refuses connections while FTP answers.",
            "Only switching the meter off and on cures it. It goes on measuring and storing, and its files "
            "can still be fetched.",
        )
    if findings.control is Control.REFUSED:
        return Verdict(
            "refused",
            Severity.ERROR,
            f"{address} refuses connections, and so does FTP.",
            "Is it the right address? Is TCP switched on at the meter, and USB communication off?",
        )
    return None


def _not_answered(findings: Findings, unit: str, address: str) -> Verdict:
    if findings.control is Control.MUTE:
        return Verdict(
            "held_by_other",
            Severity.ERROR,
            f"{unit} takes the connection, but answers nothing: another client probably holds its only slot.",
            "Close the other program, then reconnect.",
            Cure.RECONNECT,
        )
    if findings.control is Control.CUT:
        return Verdict(
            "cut_off",
            Severity.ERROR,
            f"{unit} begins to answer on {address}, but the connection breaks in the middle of the reply.",
            "Check the signal of the modem and whatever stands in between, such as a VPN or a proxy.",
        )
    if findings.control is Control.NONSENSE:
        return Verdict(
            "nonsense",
            Severity.ERROR,
            f"What answers on {address} does not speak the language of an NL-43.",
            "Is it the right address and port?",
            Cure.RECONNECT,
        )
    if (findings.sleep_mode or "").lower() == "on":
        return Verdict(
            "asleep",
            Severity.ERROR,
            f"{unit} does not answer, and its sleep mode was on when it was last asked.",
            "Press a key at the meter, or wait for its next measurement; then switch the sleep mode off.",
        )
    if findings.ftp_answers:
        return Verdict(
            "control_silent",
            Severity.ERROR,
            f"{unit} does not answer on {address}, but FTP answers.",
            "Is the port forwarded by the modem? Else another client may hold the meter.",
            Cure.RECONNECT,
        )
    return Verdict(
        "silent",
        Severity.ERROR,
        f"{unit} does not answer on {address}: it is off, asleep, or its modem is offline.",
        "Check power and modem; a reset of the modem often helps.",
    )


def diagnose(findings: Findings) -> list[Verdict]:
    """All that is to be said, the contact first, then the worst."""
    rest = [verdict for check in _CHECKS for verdict in check(findings)]
    order = (Severity.ERROR, Severity.WARNING, Severity.INFO, Severity.OK)
    return [contact_verdict(findings), *sorted(rest, key=lambda verdict: order.index(verdict.severity))]


def _clock(findings: Findings) -> list[Verdict]:
    offset_s = findings.clock_offset_s
    if offset_s is None or abs(offset_s) <= CLOCK_NOTICE_S:
        return []
    severity = Severity.ERROR if abs(offset_s) > CLOCK_WRONG_S else Severity.WARNING
    way = "ahead" if offset_s > 0 else "behind"
    return [
        Verdict(
            "clock_off",
            severity,
            f"The clock of {findings.unit_id} is {abs(offset_s):.0f} s {way}.",
            "Set it while nothing is measured; whole hours mean that the unit's time zone is wrong.",
            Cure.SET_CLOCK,
        )
    ]


def _sleep(findings: Findings) -> list[Verdict]:
    if findings.control is not Control.ANSWERS or (findings.sleep_mode or "").lower() != "on":
        return []
    return [
        Verdict(
            "sleep_mode_on",
            Severity.WARNING,
            f"The sleep mode of {findings.unit_id} is on: it may drop off the network.",
            "Switch it off on a meter that is read remotely.",
            Cure.END_SLEEP,
        )
    ]


def _services(findings: Findings) -> list[Verdict]:
    found = []
    if (findings.web_setting or "").lower() == "on":
        found.append(
            Verdict(
                "web_active",
                Severity.ERROR,
                f"The web app of {findings.unit_id} is on; it switches TCP and FTP off.",
                "Switch it off at the meter.",
            )
        )
    if (findings.ftp_setting or "").lower() == "on" and findings.held_by is None:
        found.append(
            Verdict(
                "ftp_active",
                Severity.INFO,
                f"FTP is on at {findings.unit_id}; anybody with its password can fetch files.",
                "Switch it off when nothing is to be fetched.",
                Cure.FTP_OFF,
            )
        )
    return found


def _run(findings: Findings) -> list[Verdict]:
    if findings.stopped_by_itself_at is None:
        return []
    return [
        Verdict(
            "stopped_by_itself",
            Severity.WARNING,
            f"The measurement of {findings.unit_id} ended at {findings.stopped_by_itself_at:%Y-%m-%d %H:%M:%S} UTC "
            "and nobody stopped it from here.",
            "The measurement time may be over, the card full, or somebody was at the meter. Start it again if need be.",
        )
    ]


def _card(findings: Findings) -> list[Verdict]:
    days, free_mb = findings.sd_days_left, findings.sd_free_mb
    if days is not None and days <= SD_NOTICE_DAYS:
        severity = Severity.ERROR if days <= SD_LOW_DAYS else Severity.WARNING
        sentence = f"The SD card of {findings.unit_id} is full in {days:.1f} days at the present rate."
    elif free_mb is not None and free_mb <= SD_LOW_MB:
        severity, sentence = Severity.ERROR, f"The SD card of {findings.unit_id} has {free_mb:g} MB left."
    else:
        return []
    return [Verdict("sd_low", severity, sentence, "Fetch what is on it and clear it, or change the card.")]


def _battery(findings: Findings) -> list[Verdict]:
    if (findings.battery or "").lower() not in LOW_BATTERY:
        return []
    return [
        Verdict(
            "battery_low",
            Severity.ERROR,
            f"The battery of {findings.unit_id} is {(findings.battery or '').lower()}.",
            "Change it, or see why the meter is not on external power.",
        )
    ]


def _settings(findings: Findings) -> list[Verdict]:
    if not findings.changed_settings:
        return []
    told = "; ".join(f"{name} was {then}, is {now}" for name, (then, now) in findings.changed_settings.items())
    return [
        Verdict(
            "settings_changed",
            Severity.WARNING,
            f"Settings of {findings.unit_id} differ from its fingerprint: {told}.",
            "Put them back, or accept them as the right ones.",
            Cure.ACCEPT_SETTINGS,
        )
    ]


_CHECKS = (_clock, _sleep, _services, _run, _card, _battery, _settings)
