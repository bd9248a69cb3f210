"""Numbers, times and names as they are written."""

from __future__ import annotations

import string
from dataclasses import replace
from datetime import date

import pytest

from slmm.acoustics.intervals import combine
from slmm.acoustics.quality import Flag
from slmm.report import english
from slmm.report.words import LANGUAGES, PLAIN, SUB, Words, marked, plain, quantity
from tests.report.made import at, minute

WORDS = Words("Europe/Berlin")


@pytest.mark.parametrize(
    ("ratio", "told"), [(1.0, "100 %"), (0.9999, "99.9 %"), (0.7496, "74.9 %"), (0.75, "75 %"), (0.0, "0 %")]
)
def test_coverage_is_never_more_than_there_is(ratio: float, told: str) -> None:
    assert WORDS.percent(ratio).replace("\N{NO-BREAK SPACE}", " ") == told


@pytest.mark.parametrize(
    ("value", "told"), [(75.25, "75.3"), (60.0, "60.0"), (-0.04, "0.0"), (-3.15, "−3.1"), (None, "–")]
)
def test_levels_are_rounded_half_up_once(value: float | None, told: str) -> None:
    assert WORDS.db(value) == told


def test_differences_have_their_sign() -> None:
    assert [WORDS.signed(each) for each in (0.64, -0.12, 0.0, 0.04)] == ["+0.6", "−0.1", "0.0", "0.0"]


def test_a_level_says_when_it_is_a_bound_or_an_estimate() -> None:
    begin = at("2026-11-20 12:00")
    span = begin, at("2026-11-20 12:01")
    assert WORDS.level(combine([minute(begin, 64.96)], *span)) == "65.0"
    assert WORDS.level(combine([minute(begin, 64.96, source="poll")], *span)) == "65.0 ± 0.4"
    assert WORDS.level(combine([minute(begin, 130.2, flags=Flag.OVER)], *span)) == "> 130.2"
    assert WORDS.level(combine([minute(begin, 24.9, flags=Flag.UNDER)], *span)) == "< 24.9"
    assert WORDS.level(combine([], *span)) == "–"
    hard = replace(minute(begin, 60.0), uncertainty_db=0.41)
    assert WORDS.level(combine([hard], *span)) == "60.0 ± 0.5"


@pytest.mark.parametrize(
    ("begin", "end", "told"),
    [
        ("2026-11-20 13:05", "2026-11-20 13:20", "14:05–14:20"),
        ("2026-11-20 22:45", "2026-11-20 23:00", "23:45–24:00"),
        ("2026-11-20 22:00", "2026-11-21 06:00", "23:00–Sat 21 Nov 07:00"),
        ("2026-11-19 22:00", "2026-11-20 06:00", "Thu 19 Nov 23:00–Fri 20 Nov 07:00"),
        ("2026-11-18 13:05", "2026-11-18 13:20", "Wed 18 Nov 14:05–14:20"),
        ("2026-11-20 13:05", "2026-11-20 13:05", "14:05"),
        ("2026-11-18 13:05", "2026-11-18 13:05", "Wed 18 Nov 14:05"),
    ],
)
def test_a_stretch_leaves_out_the_date_that_everybody_knows(begin: str, end: str, told: str) -> None:
    assert WORDS.stretch(at(begin), at(end), within=date(2026, 11, 20)) == told


def test_the_clock_before_a_change_is_told() -> None:
    moment = at("2026-10-25 01:00")
    assert (WORDS.clock_until(moment), WORDS.clock(moment), WORDS.offset(moment)) == ("03:00", "02:00", "UTC+01:00")
    assert Words("America/St_Johns").offset(at("2026-11-20 12:00")) == "UTC−03:30"


@pytest.mark.parametrize(
    "name", ["LAeq,15min", "LAeq", "LAFmax", "LCpeak", "LAF10,15min", "LAF", "LAE", "Lden", "LAFN,T", "Lr,8h", "LAFTm5"]
)
def test_indices_are_set_low_in_a_sentence(name: str) -> None:
    found = marked(f"exceeded 72.1 > 70.0 dB {name}, 14:05–14:20; a Log of LAbour")
    assert (("L", PLAIN), (name[1:], SUB)) == (("L", found[0][0][-1:] and PLAIN), found[1])
    assert found[2][0].startswith(", 14:05")
    assert len(found) == 3
    assert plain(found).startswith(f"exceeded 72.1 > 70.0 dB {name}, 14:05")
    assert quantity(name)[1] == (name[1:], SUB)


def test_languages_have_the_same_texts_with_the_same_places() -> None:
    def places(words: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(words) if name}

    for language in LANGUAGES.values():
        assert language.keys() == english.ENGLISH.keys()
        for key, words in language.items():
            assert places(words) == places(english.ENGLISH[key]), key
    assert len(english.ENGLISH["weekdays"].split()) == 7
    assert len(english.ENGLISH["months"].split()) == 12
