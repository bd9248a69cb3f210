"""What a step of trying a meter says to a person, in the reader's language, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable

from slmm.fleet.probe import Step
from slmm.web.words import gettext, translated


def title(name: str) -> str:
    """What a step finds out."""
    match name:
        case "resolve":
            return gettext("The address leads somewhere")
        case "roster":
            return gettext("No other meter of this service is there")
        case "connect":
            return gettext("The control port opens")
        case "answer":
            return gettext("The meter answers, so nobody else holds its only connection")
        case "model":
            return gettext("Model, firmware, serial number")
        case "clock":
            return gettext("Its clock")
        case "run_state":
            return gettext("Whether it measures")
        case "sleep":
            return gettext("Whether it may fall asleep")
        case _:
            return gettext("FTP, for the files on its SD card")


def sentence(step: Step) -> str:
    """What was found; empty while it is being found out."""
    found = {name: "" if value is None else value for name, value in step.found.items()}
    make = _FOUND.get(step.code)
    return make(found) if make else ""


def advice(step: Step) -> str:
    """What to do, in the order of likelihood; empty where nothing is to be done."""
    make = _FIXES.get(step.code)
    return make() if make else ""


Found = dict[str, str | float]


def _clock(found: Found) -> str:
    offset_s = float(found["offset_s"])
    if offset_s > 0:
        return translated("The clock is {seconds} s ahead of the time in {zone}.", seconds=offset_s, zone=found["zone"])
    return translated("The clock is {seconds} s behind the time in {zone}.", seconds=-offset_s, zone=found["zone"])


def _model(found: Found) -> str:
    return translated(
        "{model}, firmware {firmware}, serial number {serial}.",
        model=found["model"],
        firmware=found["firmware"] or "–",
        serial=found["serial_number"] or "–",
    )


_FOUND: dict[str, Callable[[Found], str]] = {
    "unresolved": lambda found: translated("The name {host} cannot be resolved.", **found),
    "resolved": lambda found: translated("It is {address}.", **found),
    "not_known": lambda found: gettext("This address is not on the roster yet."),
    "known_answers": lambda found: translated("This is {unit_id}, which is on the roster and answers.", **found),
    "known_lost": lambda found: translated(
        "This is {unit_id}, which is on the roster already and does not answer.", **found
    ),
    "known_unheard": lambda found: translated(
        "This is {unit_id}, which is on the roster already and has not been heard of yet.", **found
    ),
    "connected": lambda found: translated("Port {port} takes the connection.", **found),
    "answers": lambda found: gettext("It answers."),
    "no_route": lambda found: translated("There is no way to {host} from here.", **found),
    "wedged": lambda found: translated(
        "Port {port} refuses connections while FTP answers: the meter's control port is wedged, or TCP is off.", **found
    ),
    "refused": lambda found: translated("{host} is there, but refuses connections on port {port}.", **found),
    "held_by_other": lambda found: gettext("It takes the connection, but answers nothing: something else holds it."),
    "cut_off": lambda found: gettext("It begins to answer, but the connection breaks in the middle of the reply."),
    "nonsense": lambda found: (
        translated("What answers on port {port} is no sound level meter of Rion.", **found)
        if "port" in found
        else gettext("What answers there is no sound level meter of Rion.")
    ),
    "control_silent": lambda found: translated("Nothing answers on port {port}, but FTP answers.", **found),
    "silent": lambda found: (
        translated("Nothing answers at {host}, neither on port {port} nor by FTP.", **found)
        if found.get("host_is") not in ("open", "refused")
        else translated("{host} is there, but nothing answers on port {port} or by FTP.", **found)
    ),
    "model": _model,
    "model_unknown": lambda found: translated(
        "It calls itself {model}, which SLMM has never been tried with.", **found
    ),
    "model_not_told": lambda found: gettext("It answers, but does not say what model it is."),
    "broke_off": lambda found: translated("The meter stopped answering: {error}", **found),
    "not_told": lambda found: gettext("The meter did not say."),
    "clock_right": lambda found: translated("Right within two seconds, in {zone}.", **found),
    "clock_zone": _clock,
    "clock_off": _clock,
    "measuring": lambda found: gettext("It measures. Nothing of that is changed."),
    "stopped": lambda found: gettext("It is stopped: its levels are live, but no Leq is formed until it is started."),
    "sleep_on": lambda found: gettext("Sleep mode is on: it may drop off the network between measurements."),
    "sleep_off": lambda found: gettext("Sleep mode is off."),
    "ftp_is_off": lambda found: gettext("FTP is off at the meter; a fetch switches it on while nothing is measured."),
    "ftp_open": lambda found: translated("FTP on port {port} lets us in.", **found),
    "ftp_login": lambda found: gettext("FTP answers, but refuses this user name and password."),
    "ftp_refused": lambda found: gettext("FTP answers, but refuses the login."),
    "ftp_shut": lambda found: translated("Port {port} refuses FTP, though FTP is on at the meter.", **found),
    "ftp_silent": lambda found: translated("Nothing answers by FTP on port {port}.", **found),
    "took_too_long": lambda found: translated("Not finished after {seconds} s, so it was given up.", **found),
}

_FIXES: dict[str, Callable[[], str]] = {
    "unresolved": lambda: gettext(
        "Check the spelling, or enter the IP address: the meter shows its own under Ethernet, a modem its outer one."
    ),
    "known_answers": lambda: gettext("Open that meter instead; a meter has one connection and cannot be read twice."),
    "known_lost": lambda: gettext("The diagnosis of that meter tells why; the meter is not tried a second time here."),
    "known_unheard": lambda: gettext("Wait a moment, then look at that meter's diagnosis."),
    "no_route": lambda: gettext("Check the network cable, the VPN or the modem; is the address of another network?"),
    "wedged": lambda: gettext(
        "At the meter: is TCP on, is the Web app off, is USB communication off? If all are right, switch the meter "
        "off and on: only that frees a wedged port. It goes on measuring and storing until then."
    ),
    "refused": lambda: gettext(
        "Is it the right port (2255 unless changed)? At the meter: Ethernet on, TCP on, Web app off, USB "
        "communication off. At a modem: forward the port to the meter."
    ),
    "held_by_other": lambda: gettext(
        "A meter has one connection. Close whatever else reads it: another SLMM, a terminal, a program of the "
        "maker. A connection that broke is freed after some minutes, or by switching the meter off and on."
    ),
    "cut_off": lambda: gettext(
        "Test again. If it happens again, check the signal of the modem and whatever stands in between, such as a VPN."
    ),
    "nonsense": lambda: gettext("Check address and port: 80 is the Web app, 21 is FTP, 2255 is the control port."),
    "control_silent": lambda: gettext(
        "Does the modem forward the port (2255 unless changed) and does its firewall let this computer in? Else "
        "another program may hold the meter's only connection."
    ),
    "silent": lambda: gettext(
        "Is the meter on and awake? Press a key at it, and switch its sleep mode off. Is the modem online, and does "
        "its firewall let this computer in? Resetting the modem often helps."
    ),
    "model_unknown": lambda: gettext("Add it if its levels look right; tell us what works."),
    "broke_off": lambda: gettext("Test again; if it happens again, look at the line: modem, cable, power."),
    "clock_zone": lambda: gettext("Whole hours: choose the zone its clock shows below, or set its clock."),
    "clock_off": lambda: gettext("Set it on the meter's settings page while nothing is measured."),
    "stopped": lambda: gettext("Start it on its own page when it is on the roster."),
    "sleep_on": lambda: gettext("Switch the sleep mode off at the meter, or on its diagnosis page afterwards."),
    "ftp_login": lambda: gettext("Enter the user and password set at the meter; the factory's are USER and 0000."),
    "ftp_refused": lambda: gettext("Somebody else may be fetching files: a meter takes one FTP login at a time."),
    "ftp_shut": lambda: gettext(
        "Is it the right FTP port (21 unless changed)? Live levels need no FTP; the card cannot be read without."
    ),
    "ftp_silent": lambda: gettext(
        "Forward the FTP port at the modem. Live levels need no FTP; the card cannot be read without."
    ),
    "took_too_long": lambda: gettext("The line is very slow, or a firewall swallows what is sent. Test again."),
}
