"""The simulated figures are truly computed: against brute force, from the same samples."""

import math
from datetime import datetime

import pytest

from slmm.emulator.integration import Measurement, TimeWeighting
from slmm.emulator.meter import Instrument
from slmm.emulator.quirks import Quirks
from slmm.emulator.sound import SCENARIOS, Site


def test_leq_le_and_extremes_are_those_of_the_samples() -> None:
    site, weighting, measurement = Site(SCENARIOS["site"], 7), TimeWeighting("F"), Measurement()
    leqs, lps, peaks = [], [], []
    for _ in range(6000):
        leq, peak = site.next_sample()
        lp = weighting.add(leq)
        measurement.add(leq, lp, peak)
        leqs.append(leq)
        lps.append(lp)
        peaks.append(peak)
    mean = 10 * math.log10(sum(10 ** (leq / 10) for leq in leqs) / len(leqs))
    assert measurement.leq_db == pytest.approx(mean, abs=1e-9)
    assert measurement.le_db == pytest.approx(mean + 10 * math.log10(600), abs=1e-9)
    assert (measurement.lmax_db, measurement.lmin_db, measurement.lpeak_db) == (max(lps), min(lps), max(peaks))
    descending = sorted(lps, reverse=True)
    for percent, found in zip([5, 10, 50, 90, 95], measurement.percentiles_db([5, 10, 50, 90, 95]), strict=True):
        assert found == pytest.approx(descending[math.ceil(len(lps) * percent / 100) - 1], abs=0.051)


def test_a_steady_tone_has_every_figure_at_its_level() -> None:
    weighting, measurement = TimeWeighting("S"), Measurement()
    for _ in range(100):
        measurement.add(60.0, weighting.add(60.0), 63.0)
    figures = [measurement.leq_db, measurement.lmax_db, measurement.lmin_db, *measurement.percentiles_db([5, 50, 95])]
    assert figures == pytest.approx([60.0] * 6)
    assert measurement.le_db == pytest.approx(70.0)


def test_time_weighting_decays_as_the_standard_says() -> None:
    weighting = TimeWeighting("F")
    weighting.add(90.0)
    # IEC 61672-1: after the sound stops, F falls by 34.7 dB in a second, S by 4.3.
    levels = [weighting.add(-40.0) for _ in range(10)]
    assert 90.0 - levels[-1] == pytest.approx(34.7, abs=0.1)


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
@pytest.mark.parametrize("seed", range(5))
def test_every_display_keeps_the_order_of_its_figures(scenario: str, seed: int) -> None:
    instrument = Instrument(SCENARIOS[scenario], seed, Quirks(), now_s=0.0, clock=datetime(2026, 1, 1))  # noqa: DTZ001
    instrument.start()
    before: list[float] | None = None
    for second in range(2, 400):
        instrument.advance(float(second))
        lp, leq, le, lmax, lmin, *ln = [float(field) for field in instrument.display_line().split(",")[:10]]
        assert lmin <= lp <= lmax
        assert leq <= lmax
        assert le >= leq
        assert lmin - 0.1 <= ln[4] <= ln[3] <= ln[2] <= ln[1] <= ln[0] <= lmax + 0.1
        if before is not None:
            assert (lmax >= before[0], lmin <= before[1], le >= before[2]) == (True, True, True)
        before = [lmax, lmin, le]


def test_a_manual_measurement_ends_by_itself_at_its_preset() -> None:
    instrument = Instrument(SCENARIOS["quiet"], 1, Quirks(), now_s=0.0, clock=datetime(2026, 1, 1))  # noqa: DTZ001
    instrument.set_register("Measurement Time Preset Manual", "10s")
    instrument.start()
    instrument.advance(9.9)
    assert instrument.is_measuring
    instrument.advance(30.0)
    assert not instrument.is_measuring
    assert instrument.measurement is not None
    assert instrument.measurement.duration_s == pytest.approx(10.0)


def test_pause_adds_nothing_to_the_measurement() -> None:
    instrument = Instrument(SCENARIOS["quiet"], 1, Quirks(), now_s=0.0, clock=datetime(2026, 1, 1))  # noqa: DTZ001
    instrument.start()
    instrument.advance(5.0)
    assert instrument.measurement is not None
    before = instrument.measurement.samples
    instrument.set_register("Pause", "On")
    instrument.advance(10.0)
    assert instrument.measurement.samples == before


def test_the_same_seed_gives_the_same_sound() -> None:
    one, two = Site(SCENARIOS["site"], 3), Site(SCENARIOS["site"], 3)
    assert [one.next_sample() for _ in range(1000)] == [two.next_sample() for _ in range(1000)]
