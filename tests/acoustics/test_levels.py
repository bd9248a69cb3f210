"""What levels are called."""

from __future__ import annotations

import pytest

from slmm.acoustics.levels import duration_name, level_name, period_name
from slmm.alerts.rules import METRICS

PERCENTILES = ("5", "10", "50", "90", "95")


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        ("lp", "LAF"),
        ("leq", "LAeq since the start"),
        ("le", "LAE"),
        ("lmax", "LAFmax"),
        ("lmin", "LAFmin"),
        ("lpeak", "LApeak"),
        ("ln1", "LA5"),
        ("ln3", "LA50"),
        ("ln5", "LA95"),
        ("lieq", "LAIeq"),
        ("leq_mov", "LAeq,mov"),
        ("ltm5", "LAFTm5"),
        ("laeq_rolling", "LAeq,15min rolling"),
    ],
)
def test_names_are_built_from_the_weightings(metric: str, name: str) -> None:
    assert level_name(metric, "A", "F", PERCENTILES, 900.0) == name


@pytest.mark.parametrize(
    ("metric", "frequency", "time", "name"),
    [("lp", "C", "S", "LCS"), ("lmax", "Z", "S", "LZSmax"), ("lpeak", "C", "F", "LCpeak"), ("leq", "Z", None, None)],
)
def test_other_weightings_have_other_names(metric: str, frequency: str, time: str | None, name: str | None) -> None:
    assert level_name(metric, frequency, time) == (name or "LZeq since the start")


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        ("lp", "Lp"),
        ("leq", "Leq since the start"),
        ("le", "LE"),
        ("lmax", "Lmax"),
        ("lpeak", "Lpeak"),
        ("ln1", "LN1"),
        ("laeq_rolling", "LAeq rolling"),
    ],
)
def test_what_is_not_known_yet_is_left_out(metric: str, name: str) -> None:
    assert level_name(metric, None, None) == name


def test_a_percentile_without_its_setting_keeps_its_number() -> None:
    assert level_name("ln2", "A", "F", ("5",)) == "LAN2"
    assert level_name("ln2", "A", "F", ("5", None)) == "LAN2"


def test_every_metric_of_a_rule_has_a_name_of_its_own() -> None:
    names = [level_name(metric, "A", "F", PERCENTILES, 900.0) for metric in METRICS]
    assert len(set(names)) == len(METRICS)
    assert not {"leq", "ln1", "lp"} & set(names)


def test_what_is_no_metric_is_called_what_it_is() -> None:
    assert level_name("battery", "A", "F") == "battery"


@pytest.mark.parametrize(
    ("seconds", "name"),
    [
        (900, "15min"),
        (3600, "1h"),
        (7200, "2h"),
        (5400, "90min"),
        (60, "1min"),
        (30, "30s"),
        (90, "90s"),
        (0.5, "0.5s"),
    ],
)
def test_intervals_are_named_in_their_largest_whole_unit(seconds: float, name: str) -> None:
    assert duration_name(seconds) == name


@pytest.mark.parametrize(
    ("metric", "period", "name"),
    [
        ("laeq", "15min", "LAeq,15min"),
        ("lae", "15min", "LAE"),
        ("l10", "night", "LAF10,night"),
        ("l95", "30s", "LAF95,30s"),
        ("lmax", "15min", "LAFmax"),
        ("lpeak", "15min", "LApeak"),
    ],
)
def test_the_levels_of_a_period_carry_its_name(metric: str, period: str, name: str) -> None:
    assert period_name(metric, "A", "F", period) == name


def test_an_equivalent_level_of_unknown_weighting_is_a_weighted() -> None:
    assert period_name("laeq", None, None, "1min") == "LAeq,1min"
    assert period_name("laeq", "C", None, "1min") == "LCeq,1min"
