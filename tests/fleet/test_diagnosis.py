"""Each thing that can be wrong with a meter has its word, its weight and its cure."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from slmm.fleet.diagnosis import Control, Cure, Findings, Severity, contact_verdict, diagnose

WELL = Findings("north", "10.0.0.1:2255", control=Control.ANSWERS)


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ({}, "answers"),
        ({"is_active": False}, "deactivated"),
        ({"tcp_enabled": False}, "tcp_disabled"),
        ({"is_standby": True}, "standby"),
        ({"control": Control.REFUSED, "ftp_answers": True}, "wedged"),
        ({"control": Control.REFUSED, "ftp_answers": False}, "refused"),
        ({"control": Control.MUTE}, "held_by_other"),
        ({"control": Control.MUTE, "held_by": "a download of /x"}, "transfer"),
        ({"control": Control.CUT}, "cut_off"),
        ({"control": Control.NONSENSE}, "nonsense"),
        ({"control": Control.SILENT}, "silent"),
        ({"control": Control.SILENT, "sleep_mode": "On"}, "asleep"),
        ({"control": Control.SILENT, "ftp_answers": True}, "control_silent"),
        ({"control": Control.SILENT, "host": "no_route"}, "no_route"),
        ({"control": Control.SILENT, "host": "unresolved"}, "unresolved"),
    ],
)
def test_the_way_to_a_meter_has_one_verdict(found: dict[str, Any], code: str) -> None:
    verdict = contact_verdict(replace(WELL, **found))
    assert verdict.code == code
    assert verdict.sentence.endswith(".")
    assert verdict.severity in (Severity.OK, Severity.INFO) or verdict.advice, "what is wrong comes with what to do"


@pytest.mark.parametrize(
    ("found", "code", "severity", "cure"),
    [
        ({"clock_offset_s": 2.5}, "clock_off", Severity.WARNING, Cure.SET_CLOCK),
        ({"clock_offset_s": -11.0}, "clock_off", Severity.ERROR, Cure.SET_CLOCK),
        ({"sleep_mode": "On"}, "sleep_mode_on", Severity.WARNING, Cure.END_SLEEP),
        ({"web_setting": "On"}, "web_active", Severity.ERROR, None),
        ({"ftp_setting": "On"}, "ftp_active", Severity.INFO, Cure.FTP_OFF),
        ({"stopped_by_itself_at": datetime(2026, 5, 1, tzinfo=UTC)}, "stopped_by_itself", Severity.WARNING, None),
        ({"sd_days_left": 10.0}, "sd_low", Severity.WARNING, None),
        ({"sd_days_left": 1.5}, "sd_low", Severity.ERROR, None),
        ({"sd_free_mb": 100.0}, "sd_low", Severity.ERROR, None),
        ({"battery": "Low"}, "battery_low", Severity.ERROR, None),
        (
            {"changed_settings": {"time_weighting": ("F", "S")}},
            "settings_changed",
            Severity.WARNING,
            Cure.ACCEPT_SETTINGS,
        ),
    ],
)
def test_what_else_is_wrong_comes_after_the_contact(
    found: dict[str, Any], code: str, severity: Severity, cure: Cure | None
) -> None:
    contact, other = diagnose(replace(WELL, **found))
    assert contact.code == "answers"
    assert (other.code, other.severity, other.cure) == (code, severity, cure)
    assert other.advice


@pytest.mark.parametrize(
    "found",
    [
        {"clock_offset_s": 2.0},
        {"clock_offset_s": -1.9},
        {"sd_days_left": 15.0},
        {"sd_free_mb": 501.0},
        {"battery": "Full"},
        {"ftp_setting": "On", "held_by": "a download of /x"},
        {"sleep_mode": "Off", "web_setting": "Off"},
    ],
)
def test_what_is_well_is_not_mentioned(found: dict[str, Any]) -> None:
    assert [verdict.code for verdict in diagnose(replace(WELL, **found))] == ["answers"]


def test_the_worst_comes_first() -> None:
    verdicts = diagnose(replace(WELL, clock_offset_s=3.0, battery="Dead", ftp_setting="On"))
    assert [verdict.code for verdict in verdicts] == ["answers", "battery_low", "clock_off", "ftp_active"]
