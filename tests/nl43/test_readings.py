"""Decoding by position, and what a reading's own figures say about it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmm.errors import Garbled
from slmm.events import Levels, RunState
from slmm.nl43.readings import (
    decode_display,
    decode_stream,
    decode_stream_status,
    parse_level,
    parse_run_state,
    quality_flags,
    run_goes_on,
)
from tests.nl43.lines import ABSENT, BEFORE_FIRST, DLC, DOD, DRD, DRD_STATUS

NAMES = ["lp", "leq", "le", "lmax", "lmin", "ln1", "ln2", "ln3", "ln4", "ln5", "lpeak", "lieq", "leq_mov", "ltm5"]


def test_a_finished_measurement_is_decoded_by_position() -> None:
    main, *subs = decode_display(DOD)
    assert main == Levels(46.2, 43.7, 53.7, 44.1, 43.4, 44.2, 44.2, 43.7, 43.4, 43.3, 59.0, over=False, under=False)
    assert subs == [Levels()] * 3


def test_before_any_measurement_only_the_level_now_is_known() -> None:
    assert decode_display(BEFORE_FIRST)[0] == Levels(lp=45.8, over=False, under=False)
    assert decode_display(DLC)[0].lp is None


@given(
    st.lists(st.one_of(st.none(), st.integers(-100, 1999).map(lambda tenths: tenths / 10)), min_size=14, max_size=14),
    st.lists(st.sampled_from(["  -.-", "     ", "", "-", " --.-"]), min_size=14, max_size=14),
)
def test_a_missing_field_stays_in_its_place_however_it_is_written(
    values: list[float | None], blanks: list[str]
) -> None:
    fields = [blank if value is None else f"{value:5.1f}" for value, blank in zip(values, blanks, strict=True)]
    main = decode_display(",".join([*fields, "1", "0", ABSENT, ABSENT, ABSENT]))[0]
    assert [getattr(main, name) for name in NAMES] == values
    assert (main.over, main.under) == (True, False)


@given(st.text(max_size=400))
def test_no_text_raises_anything_but_garbled(text: str) -> None:
    for decode in (decode_display, decode_stream, decode_stream_status):
        try:
            decode(text)
        except Garbled:
            continue


@given(st.integers(0, 350), st.characters(codec="ascii"))
def test_one_wrong_character_is_seen_or_leaves_levels_that_could_be(position: int, character: str) -> None:
    line = DOD[:position] + character + DOD[position + 1 :]
    try:
        channels = decode_display(line)
    except Garbled:
        return
    for channel in channels:
        for name in NAMES:
            level = getattr(channel, name)
            assert level is None or -50 <= level <= 200


@pytest.mark.parametrize(
    "text", ["46", "46.25", "4 6.2", "46.2x", "nan", "inf", "1e1", "+46.2", "999.9", "٤٦.٢", "-60.0"]
)
def test_what_is_no_level_is_garbled(text: str) -> None:
    with pytest.raises(Garbled):
        parse_level(text)


@pytest.mark.parametrize(
    "line",
    [DOD.rsplit(",", 1)[0], DOD.replace("0,0", "2,0", 1), DOD.replace(" 43.7", "43,7", 1), DRD, ""],
)
def test_a_line_of_another_shape_is_garbled(line: str) -> None:
    with pytest.raises(Garbled):
        decode_display(line)


def test_fields_behind_the_fourth_channel_are_left_alone() -> None:
    assert decode_display(DOD + ", 12.3, 45.6") == decode_display(DOD)


def test_a_stream_line_is_a_counter_and_four_channels() -> None:
    frame = decode_stream(DRD)
    assert frame.counter == 386
    assert frame.channels[0] == Levels(lp=46.3, leq=46.7, lmax=46.3, lmin=46.2, lpeak=59.0, over=False, under=False)
    with pytest.raises(Garbled):
        decode_stream(DRD.replace("386", "x86"))
    with pytest.raises(Garbled):
        decode_stream(DRD.rsplit(",", 1)[0])


@pytest.mark.parametrize(
    "extra",
    ["2025/12/24 02:10:55,E,F, 29876,S", "E,F, 29876,2025/12/24 02:10:55,S", "E,F,29876, 2025/12/24 02:10:55 ,S"],
)
def test_what_stream_status_appends_is_known_by_its_form(extra: str) -> None:
    status = decode_stream_status(f"{DRD},{extra}")
    assert status.clock is not None
    assert (status.clock.year, status.power, status.battery, status.sd_free_mb) == (2025, "E", "F", 29876.0)
    assert status.run_state is RunState.STOPPED


def test_an_empty_battery_is_told_from_external_power() -> None:
    status = decode_stream_status(f"{DRD},I,E,100,M")
    assert (status.power, status.battery, status.run_state) == ("I", "E", RunState.MEASURING)
    assert decode_stream_status(DRD_STATUS).frame == decode_stream(DRD)
    assert decode_stream_status(DRD).run_state is None


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("Start", RunState.MEASURING),
        ("measure", RunState.MEASURING),
        (" Stop ", RunState.STOPPED),
        ("Run", None),
        ("", None),
        ("61.2", None),
    ],
)
def test_only_known_words_are_a_run_state(text: str, state: RunState | None) -> None:
    assert parse_run_state(text) is state


GOOD = Levels(50.0, 50.0, 60.0, 55.0, 45.0, 54.0, 53.0, 50.0, 47.0, 46.0, 70.0, over=False, under=False)


def changed(**levels: float | bool) -> Levels:
    return Levels(**{**{name: getattr(GOOD, name) for name in GOOD.__slots__}, **levels})


FLAGS = [
    (GOOD, None, ()),
    (changed(lp=55.1), None, ("lp_above_lmax",)),
    (changed(lp=44.9), None, ("lmin_above_lp",)),
    (changed(leq=55.1, le=66.0), None, ("leq_above_lmax",)),
    (changed(le=49.9), GOOD, ("le_below_leq", "le_fell")),
    (changed(le=45.0), None, ()),
    (changed(lpeak=54.0), None, ("lpeak_below_lmax",)),
    (changed(ln1=55.1), None, ()),
    (changed(ln1=55.3), None, ("ln_above_lmax",)),
    (changed(ln5=44.9), None, ()),
    (changed(ln5=44.7), None, ("ln_below_lmin",)),
    (changed(ln1=50.0, ln2=51.0), None, ("ln_out_of_order",)),
    (changed(lmax=54.9), GOOD, ("lmax_fell",)),
    (changed(lmin=45.1), GOOD, ("lmin_rose",)),
    (changed(over=True), None, ("over",)),
    (changed(under=True), None, ("under",)),
    (Levels(lp=50.0), GOOD, ()),
]


@pytest.mark.parametrize(("now", "before", "flags"), FLAGS)
def test_an_impossible_reading_is_flagged(now: Levels, before: Levels | None, flags: tuple[str, ...]) -> None:
    assert quality_flags(now, before, is_measuring=True) == flags


def test_a_stopped_meter_holds_old_extremes_beside_a_live_level() -> None:
    assert quality_flags(decode_display(DOD)[0], None, is_measuring=False) == ()
    assert quality_flags(changed(lp=80.0, over=True), GOOD, is_measuring=False) == ("over",)


def test_the_percentiles_of_a_real_meter_lie_a_tenth_outside_its_extremes() -> None:
    real = decode_display(DOD)[0]
    assert not {"ln_above_lmax", "ln_below_lmin"} & set(quality_flags(real, None, is_measuring=True))


@pytest.mark.parametrize(
    ("now", "before", "goes_on"),
    [
        ({"leq": 60.1}, {"leq": 60.0}, True),
        ({"ln5": 40.0}, {"ln5": 40.1}, True),
        ({"lp": 70.0}, {"lp": 50.0}, False),
        ({"leq": 60.0, "lp": 70.0}, {"leq": 60.0, "lp": 50.0}, False),
        ({"leq": 60.0}, {}, False),
        ({}, {"leq": 60.0}, False),
    ],
)
def test_a_figure_that_moved_shows_that_a_measurement_runs(
    now: dict[str, float], before: dict[str, float], goes_on: bool
) -> None:
    assert run_goes_on(Levels(**now), Levels(**before)) is goes_on
    assert not run_goes_on(Levels(**now), None)
