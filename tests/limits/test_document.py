from __future__ import annotations

import json
from typing import Any

import pytest

from slmm.errors import Invalid
from slmm.limits.document import LAST_WORD, parse, to_json
from tests.limits.pieces import limit, row

GOOD: dict[str, Any] = {
    "name": "site",
    "quantity": "laeq",
    "period": {"kind": "fixed", "length": "15min"},
    "rows": [{"from": "07:00", "until": "19:00", "level_db": 70}],
}


def refused(**members: Any) -> str:
    with pytest.raises(Invalid) as caught:
        parse(GOOD | members)
    assert caught.value.field is not None
    return str(caught.value)


def test_a_document_survives_json_and_back() -> None:
    first = parse(
        GOOD | {"valid_from": "2026-06-01", "more_holidays": ["2026-12-24"], "corrections": [{"name": "K_I", "db": 5}]}
    )
    again = parse(json.loads(json.dumps(to_json(first))))
    assert again == first
    assert again.note == LAST_WORD


def test_what_is_left_out_is_what_the_field_expects() -> None:
    found = parse(GOOD)
    assert (found.comparator, found.round_to_db, found.least_coverage) == (">", 0.1, 0.75)
    assert found.amber_of(found.rows[0]) == 67.0
    assert found.rows[0].days == ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"colour": "red"}, "colour is not a member of a limit"),
        ({"quantity": "leq"}, "quantity 'leq' is not allowed: it should be 'laeq', 'lr', 'ln', 'lmax' or 'lpeak'"),
        ({"quantity": "ln"}, "percent must be given for quantity ln"),
        ({"percent": 10}, "percent must be given for quantity ln, and for no other"),
        ({"period": {"kind": "fixed", "length": "7min"}}, "'7min' does not divide the day"),
        ({"period": {"kind": "fixed", "length": "3601s"}}, "'3601s' is not in whole minutes"),
        ({"quantity": "lmax", "period": {"kind": "noisiest", "length": "1h"}}, "that of laeq or lr, not of lmax"),
        ({"note": "a\x00"}, "note 'a\\x00' is not allowed: printable characters and line ends only"),
        ({"more_holidays": [3]}, "more_holidays.0 '3' is not allowed"),
        (
            {"period": {"kind": "whole"}, "day_budget": [{"above_db": 60, "at_most_days": 3}] * 2},
            "day_budget must ascend by above_db, each once",
        ),
        ({"period": {"kind": "fixed", "length": "15"}}, "period.length '15' is not allowed: a length with its unit"),
        ({"period": {"kind": "rolling", "length": "25h"}}, "a length of 1s to 24h"),
        ({"period": {}}, "period.kind is missing: one of fixed, whole"),
        ({"period": {"kind": "weekly"}}, "period.kind 'weekly' is not one of fixed, whole, rolling, noisiest"),
        ({"period": {"kind": "noisiest", "length": "13h"}}, "do not fit between 07:00 and 19:00"),
        ({"round_to_db": 0.5}, "round_to_db '0.5' is not allowed: 0.1 or 1 (dB)"),
        ({"comparator": "<"}, "comparator '<' is not allowed: it should be '>' or '>='"),
        ({"least_coverage": 1.1}, "least_coverage '1.1' is not allowed: it should be less than or equal to 1"),
        ({"timezone": "Mars/Base"}, "timezone 'Mars/Base' is not allowed: an IANA time zone"),
        ({"holiday_calendar": "XX"}, "holiday_calendar 'XX' is not allowed: an ISO 3166 country"),
        ({"holiday_calendar": "de"}, "holiday_calendar 'de' is not allowed"),
        ({"more_holidays": ["24.12.2026"]}, "more_holidays.0 '24.12.2026' is not allowed: a date such as 2026-12-24"),
        ({"valid_from": "2026-06-02", "valid_until": "2026-06-01"}, "valid_from 2026-06-02 must not be after"),
        ({"name": "a\nb"}, "name 'a\\nb' is not allowed: printable characters only"),
        ({"rows": []}, "rows is not allowed"),
        (
            {"day_budget": [{"above_db": 60, "at_most_days": 3}]},
            "every period must be whole",
        ),
        ({"corrections": [{"name": "K_I"}]}, "corrections.0.db is missing"),
        ({"format": 2}, "format '2' is not allowed"),
    ],
)
def test_a_member_that_cannot_be_used_is_named_with_its_value(members: dict[str, Any], words: str) -> None:
    assert words in refused(**members)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"until": "7"}, "rows.0.until '7' is not allowed: a local time from 00:00 to 24:00"),
        ({"until": "07:00"}, "from '07:00' until '07:00' is no stretch of time"),
        ({"level_db": "70"}, "rows.0.level_db '70' is not allowed: it should be a valid number"),
        ({"level_db": float("nan")}, "rows.0.level_db 'nan' is not allowed: it should be a finite number"),
        ({"level_db": None}, "give either level_db, or background_db and over_background_db"),
        ({"over_background_db": 5.0}, "give either level_db, or background_db and over_background_db"),
        ({"amber_db": 71.0}, "amber_db 71 must not be above the limit of 70 dB"),
        (
            {"time_correction": {"active_above_db": 60.0, "steps": [{"up_to_h": 2.5, "db": -1.0}] * 2}},
            "steps must ascend by up_to_h",
        ),
        ({"days": ["mon", "mon"]}, "days must name each day once"),
        ({"days": ["monday"]}, "rows.0.days.0 'monday' is not allowed"),
        ({"on_holidays": "as_sunday"}, "on_holidays 'as_sunday' needs a holiday_calendar"),
        (
            {"time_correction": {"active_above_db": 60.0, "steps": [{"up_to_h": 2.5, "db": -10.0}]}},
            "is for quantity lr",
        ),
    ],
)
def test_a_row_that_cannot_be_used_says_why(change: dict[str, Any], words: str) -> None:
    assert words in refused(rows=[GOOD["rows"][0] | change])


def test_all_that_is_wrong_is_said_at_once() -> None:
    words = refused(colour=1, quantity=3, rows=[{"from": "07:00"}])
    assert all(part in words for part in ("colour is not", "quantity", "rows.0.until is missing"))


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(Invalid, match="a limit is a JSON object"):
        parse([1, 2])


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([row("07:00", "19:00", 70), row("18:59", "20:00", 60)], "rows 0 and 1 both hold on mon 18:59"),
        ([row("22:00", "07:00", 50, days=["sat"]), row("06:00", "12:00", 60, days=["sun"])], "both hold on sun 06:00"),
        ([row("22:00", "07:00", 50, days=["sun"]), row("00:00", "06:00", 60, days=["mon"])], "both hold on mon 00:00"),
    ],
)
def test_two_rows_at_the_same_time_are_refused(rows: list[dict[str, Any]], words: str) -> None:
    assert words in refused(rows=rows)


def test_two_rows_that_meet_on_a_holiday_only_are_refused_too() -> None:
    rows = [row("07:00", "19:00", 70, days=["mon"]), row("07:00", "19:00", 60, days=["sun"], on_holidays="as_sunday")]
    words = refused(rows=rows, holiday_calendar="DE")
    assert "both hold on mon 07:00 (a public holiday)" in words
    apart = [rows[0] | {"on_holidays": "as_sunday"}, rows[1]]
    assert len(parse(GOOD | {"rows": apart, "holiday_calendar": "DE"}).rows) == 2


def test_hours_that_touch_do_not_overlap() -> None:
    assert len(parse(GOOD | {"rows": [row("07:00", "19:00", 70), row("19:00", "07:00", 60)]}).rows) == 2


@pytest.mark.parametrize(
    ("members", "label"),
    [
        ({}, "LAeq,15min"),
        ({"period": {"kind": "rolling", "length": "15min"}}, "LAeq,15min rolling"),
        ({"period": {"kind": "noisiest", "length": "8h"}}, "LAeq,8h noisiest"),
        ({"period": {"kind": "whole"}}, "LAeq,24h"),
        ({"period": {"kind": "whole", "named": "11h"}}, "LAeq,11h"),
        ({"quantity": "ln", "percent": 10}, "LAF10,15min"),
        ({"quantity": "ln", "percent": 0.1, "time_weighting": "S"}, "LAS0.1,15min"),
        ({"quantity": "lmax"}, "LAFmax,15min"),
        ({"quantity": "lpeak"}, "LCpeak,15min"),
        ({"quantity": "laeq", "frequency": "C"}, "LCeq,15min"),
        ({"quantity": "lr"}, "Lr,15min"),
    ],
)
def test_the_label_carries_weighting_and_period(members: dict[str, Any], label: str) -> None:
    found = limit(**members)
    assert found.label(found.rows[0]) == label
