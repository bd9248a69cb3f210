"""What may be sent, and what never reaches the meter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmm.errors import Invalid
from slmm.nl43 import commands
from slmm.nl43.commands import COMMANDS, request, setting


def test_commands_are_encoded_as_the_guide_writes_them() -> None:
    assert commands.START.encode() == b"Measure,Start\r\n"
    assert commands.READ_DISPLAY.encode() == b"DOD?\r\n"
    assert commands.STREAM_STATUS.encode() == b"DRD?status\r\n"
    assert setting("Store Name", "0100").encode() == b"Store Name,0100\r\n"
    assert setting("Clock", "2025/12/24 01:11:41").encode() == b"Clock,2025/12/24 01:11:41\r\n"
    assert setting("Reset", "").encode() == b"Reset\r\n"


def test_only_settings_change_the_meter() -> None:
    assert commands.STOP.changes_device
    assert not commands.READ_DISPLAY.changes_device
    assert not commands.STREAM.changes_device


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Measure", "Run"),
        ("Store Name", "100"),
        ("Clock", "2025/12/24,01:11:41"),
        ("Frequency Weighting (Main)", "B"),
        ("Percentile 1", "5\r\nMeasure,Stop"),
        ("Type", "NL-43"),
        ("No Such Thing", "1"),
        ("Store Name", "٠٠٠١"),
    ],
)
def test_a_bad_setting_names_field_value_and_what_is_allowed(name: str, value: str) -> None:
    with pytest.raises(Invalid) as caught:
        setting(name, value)
    assert name in str(caught.value)


def test_what_cannot_be_read_is_not_asked() -> None:
    for name in ("Manual Store", "No Such Thing"):
        with pytest.raises(Invalid):
            request(name)


@given(st.sampled_from(sorted(COMMANDS)), st.text(max_size=30))
def test_no_parameter_ever_ends_the_line(name: str, value: str) -> None:
    try:
        encoded = setting(name, value).encode()
    except Invalid:
        return
    assert encoded.endswith(b"\r\n")
    assert all(32 <= byte < 127 for byte in encoded[:-2])
