"""The settings beside a stored measurement."""

from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from slmm.events import Labels
from slmm.nl43.stored_header import HeaderEntry, parse_header

HEADER = """CSV
[Instrument]
Model,NL-43
Serial Number,00430001
[Store]
Store Mode,Auto
Store Name,0019
Index Number,0001
[Time]
Start Time,2025/12/23 19:41:12
Stop Time,
[Measurement]
Frequency Weighting(Main),A
Frequency Weighting(Sub1),C
Time Weighting (Main),F
Lp Store Interval,100ms
Leq Calculation Interval,15m
Percentile 1,1
Percentile 2,10
LN3,50
Percentile (4),90
""".replace("\n", "\r\n").encode()


def test_a_header_tells_the_meter_the_time_and_the_settings() -> None:
    header = parse_header([HEADER])
    assert header.troubles == ()
    assert (header.model, header.serial_number, header.store_name, header.index_number) == (
        *("NL-43", "00430001", "0019", "0001"),
    )
    assert (header.starts, header.stops) == (datetime(2025, 12, 23, 19, 41, 12), None)  # noqa: DTZ001 - no zone
    assert (header.lp_interval_s, header.leq_interval_s) == (0.1, 900.0)
    assert header.percentiles == ("1", "10", "50", "90", None)
    assert header.labels == Labels("A", "F", ("1", "10", "50", "90", None))
    assert HeaderEntry("Measurement", "Frequency Weighting(Sub1)", "C") in header.entries


def test_an_interval_set_by_hand_is_put_together_and_off_is_none() -> None:
    preset = b"Lp Store Interval,Off\nLeq Calculation Interval Preset,Manual\n"
    by_hand = b"Leq Calculation Interval (Num),90\nLeq Calculation Interval (Unit),s\n"
    header = parse_header([preset, by_hand])
    assert (header.lp_interval_s, header.leq_interval_s) == (None, 90.0)


def test_what_cannot_be_used_is_told() -> None:
    text = b"CSV\r\nStart Time,yesterday\r\nnonsense\r\nStore Name,1\r\nStore Name,2\r\nSerial Num"
    header = parse_header([text])
    assert [trouble.line for trouble in header.troubles] == [3, 5, 6, 2]
    assert (header.starts, header.store_name, header.serial_number) == (None, "1", None)
    assert parse_header([b""]).troubles[0].line == 0


def test_a_header_cut_anywhere_gives_the_entries_before_the_cut() -> None:
    whole = parse_header([HEADER]).entries
    for cut in range(len(HEADER)):
        entries = parse_header([HEADER[:cut]]).entries
        assert entries == whole[: len(entries)]
        assert len(entries) == sum(b"," in line for line in HEADER[:cut].split(b"\n")[:-1])


def test_a_flood_of_entries_is_not_kept() -> None:
    header = parse_header([b"key,value\n" * 3000])
    assert len(header.entries) == 2000
    assert "was not read" in header.troubles[-1].reason


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail(data: bytes) -> None:
    parse_header([data])
    parse_header([HEADER[:200], data])
