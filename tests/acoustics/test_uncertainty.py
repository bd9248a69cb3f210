"""LAeq from readings of the display, against the truth of every 100 ms."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pytest

from slmm.acoustics.energy import energy
from slmm.acoustics.uncertainty import Estimate, Method, Polled, laeq_of_polled
from slmm.emulator.integration import TimeWeighting
from slmm.emulator.sound import SCENARIOS, Scenario, Site
from slmm.errors import Invalid

HAMMERING = Scenario(54.0, 2.5, hammering_per_h=400, hammer_db=84)
MINUTE_S, QUARTER_S = 60, 900
NAN = float("nan")


@dataclass(frozen=True)
class Heard:
    """What was there, every 100 ms, and what the display showed about every 1.3 s."""

    leq: npt.NDArray[np.float64]
    readings: Polled

    def true_level(self, starts_s: int, ends_s: int) -> float:
        return float(10.0 * np.log10(np.mean(10.0 ** (self.leq[starts_s * 10 : ends_s * 10] / 10.0))))


def tenths(levels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.floor(levels * 10.0 + 0.5) / 10.0


@lru_cache(maxsize=8)
def listen(scenario: Scenario, seed: int, hours: float) -> Heard:
    """A measurement from the begin of the run, polled at a spacing that wavers."""
    site, weighting, jitter = Site(scenario, seed), TimeWeighting("F"), random.Random(seed)
    leq = np.array([site.next_sample()[0] for _ in range(int(hours * 36_000))])
    lp = np.array([weighting.add(level) for level in leq.tolist()])
    exposures = np.cumsum(10.0 ** (leq / 10.0)) * 0.1
    spacings = [max(1.0, jitter.gauss(1.3, 0.05)) for _ in range(int(hours * 3600 / 1.25))]
    at_s = np.cumsum(spacings)
    at_s = at_s[at_s < leq.size / 10.0]
    shown = np.floor(at_s * 10.0).astype(int) - 1
    lmax = np.maximum.accumulate(lp)
    return Heard(leq, Polled(at_s, tenths(lp[shown]), tenths(10 * np.log10(exposures[shown])), tenths(lmax[shown])))


@dataclass(frozen=True)
class Trial:
    """All spans of one length of one kind of sound."""

    errors_db: npt.NDArray[np.float64]
    uncertainties_db: npt.NDArray[np.float64]
    methods: list[Method]

    @property
    def inside(self) -> float:
        """Part of the spans whose true level lies within the stated uncertainty."""
        return float(np.mean(np.abs(self.errors_db) <= self.uncertainties_db))


def trial(scenario: Scenario, span_s: int, hours: float, seeds: int) -> Trial:
    errors, found = [], []
    for seed in range(seeds):
        heard = listen(scenario, seed, hours)
        for starts_s in range(span_s, int(hours * 3600) - span_s, span_s):
            estimate = laeq_of_polled(heard.readings, starts_s, starts_s + span_s)
            assert estimate is not None
            found.append(estimate)
            errors.append(estimate.level_db - heard.true_level(starts_s, starts_s + span_s))
    return Trial(
        np.array(errors),
        np.array([estimate.uncertainty_db for estimate in found]),
        [estimate.method for estimate in found],
    )


@pytest.mark.parametrize(
    ("span_s", "seeds", "least_spans", "usual_db", "most_db"),
    [(MINUTE_S, 2, 400, 0.8, 1.6), (QUARTER_S, 3, 40, 0.25, 0.3)],
)
def test_the_true_level_of_traffic_lies_within_a_small_uncertainty(
    span_s: int, seeds: int, least_spans: int, usual_db: float, most_db: float
) -> None:
    found = trial(SCENARIOS["traffic"], span_s, 4.0, seeds)
    assert found.errors_db.size >= least_spans
    assert found.inside >= 0.95
    assert float(np.median(found.uncertainties_db)) <= usual_db
    assert float(np.quantile(found.uncertainties_db, 0.95)) <= most_db
    assert abs(float(found.errors_db.mean())) < 0.05


@pytest.mark.parametrize("span_s", [MINUTE_S, QUARTER_S])
def test_hammering_has_a_large_uncertainty_and_an_honest_one(span_s: int) -> None:
    found = trial(HAMMERING, span_s, 4.0, 2)
    assert found.inside >= 0.95
    assert float(np.sqrt(np.mean(np.square(found.errors_db)))) > 0.2  # the sound is as hard as it is meant to be
    traffic = trial(SCENARIOS["traffic"], span_s, 4.0, 2)
    assert float(np.median(found.uncertainties_db)) > 3.0 * float(np.median(traffic.uncertainties_db))


def test_a_site_with_a_blow_now_and_then_is_honest_too() -> None:
    found = trial(SCENARIOS["site"], MINUTE_S, 4.0, 2)
    assert found.inside >= 0.95
    assert found.uncertainties_db.max() > 5.0


def test_both_methods_are_used_where_they_are_better() -> None:
    assert set(trial(HAMMERING, QUARTER_S, 4.0, 2).methods) == {Method.EXPOSURE, Method.SAMPLES}
    quiet = trial(SCENARIOS["traffic"], MINUTE_S, 4.0, 2).methods
    assert quiet.count(Method.SAMPLES) > 0.9 * len(quiet)


def steady(level_db: float = 60.0, seconds: int = 100, run_s: float = 1000.0) -> Polled:
    """A reading a second of a constant sound that has been measured for *run_s* already."""
    at_s = np.arange(float(seconds))
    le = tenths(level_db + 10 * np.log10(run_s + at_s))
    return Polled(at_s, np.full(seconds, level_db), le, np.full(seconds, level_db))


def at(estimate: Estimate | None) -> Estimate:
    assert estimate is not None
    return estimate


def test_a_steady_sound_is_known_as_well_as_it_is_shown() -> None:
    found = at(laeq_of_polled(steady(), 20.0, 80.0))
    assert (found.level_db, found.uncertainty_db) == (pytest.approx(60.0), 0.1)


def test_without_exposure_levels_the_samples_speak_alone() -> None:
    readings = replace(steady(), le=np.full(100, NAN))
    assert at(laeq_of_polled(readings, 20.0, 80.0)).method is Method.SAMPLES


def test_without_momentary_levels_the_exposure_speaks_alone() -> None:
    readings = replace(steady(run_s=10.0), lp=np.full(100, NAN))
    found = at(laeq_of_polled(readings, 20.0, 80.0))
    assert found.method is Method.EXPOSURE
    assert abs(found.level_db - 60.0) <= found.uncertainty_db < 0.3


def test_an_exposure_that_rounding_has_eaten_says_nothing() -> None:
    readings = replace(steady(run_s=100_000.0), lp=np.full(100, NAN))
    assert laeq_of_polled(readings, 20.0, 80.0) is None


@pytest.mark.parametrize("le", [np.full(100, 90.0), np.append(np.full(50, 95.0), np.full(50, 80.0))])
def test_an_exposure_that_stood_or_fell_says_nothing(le: npt.NDArray[np.float64]) -> None:
    assert laeq_of_polled(replace(steady(), lp=np.full(100, NAN), le=le), 20.0, 80.0) is None


def test_readings_that_do_not_reach_both_ends_leave_the_exposure_out() -> None:
    readings = replace(steady(run_s=10.0), lp=np.full(100, NAN))
    assert laeq_of_polled(readings, -1.0, 60.0) is None
    assert laeq_of_polled(readings, 60.0, 100.0) is None


def test_few_levels_are_hardly_a_mean_and_none_is_nothing() -> None:
    one = Polled.of([5.0], [60.0], [NAN], [NAN])
    found = at(laeq_of_polled(one, 0.0, 60.0))
    assert (found.level_db, found.uncertainty_db) == (pytest.approx(60.0), pytest.approx(12.0))
    assert laeq_of_polled(one, 10.0, 60.0) is None
    two = at(laeq_of_polled(Polled.of([5.0, 6.0], [60.0, 61.0], [NAN, NAN], [NAN, NAN]), 0.0, 60.0))
    assert two.uncertainty_db > 3.0


def test_an_lmax_that_rose_unseen_widens_the_uncertainty() -> None:
    calm = replace(steady(), le=np.full(100, NAN))
    slammed = replace(calm, lmax=np.append(np.full(50, 60.0), np.full(50, 90.0)))
    found = at(laeq_of_polled(slammed, 20.0, 80.0))
    # One blow of 90 dB has 90 dB·125 ms: 63.2 dB over the minute.
    assert energy(60.0 + found.uncertainty_db) >= energy(60.0) + energy(90.0) * 0.125 / 60.0
    assert at(laeq_of_polled(slammed, 60.0, 90.0)).uncertainty_db == 0.1  # it was before


def test_a_level_gone_with_the_next_reading_widens_it_up_to_what_the_run_has_heard() -> None:
    calm = replace(steady(), le=np.full(100, NAN))
    lp = calm.lp.copy()
    lp[50] = 66.0
    quiet = at(laeq_of_polled(replace(calm, lp=lp), 20.0, 80.0))
    loud = at(laeq_of_polled(replace(calm, lp=lp, lmax=np.full(100, 88.0)), 20.0, 80.0))
    unknown = at(laeq_of_polled(replace(calm, lp=lp, lmax=np.full(100, NAN)), 20.0, 80.0))
    assert 0.1 < quiet.uncertainty_db == unknown.uncertainty_db < 2.0 < loud.uncertainty_db


def test_an_exposure_that_is_not_sharp_bounds_the_uncertainty_of_the_samples() -> None:
    lp = np.full(100, 60.0)
    lp[50] = 66.0
    readings = replace(steady(run_s=2000.0), lp=lp, lmax=np.full(100, 92.0))
    alone = at(laeq_of_polled(replace(readings, le=np.full(100, NAN)), 20.0, 80.0))
    found = at(laeq_of_polled(readings, 20.0, 80.0))
    assert found.method is Method.SAMPLES
    assert found.level_db == alone.level_db
    assert alone.uncertainty_db > 8.0
    assert found.uncertainty_db < 5.0


def test_the_exposure_rules_out_what_the_samples_say() -> None:
    """Blows that no sample saw: LE has grown by more than the samples can explain."""
    at_s = np.arange(100.0)
    exposures = energy(60.0) * (400.0 + at_s) + np.where(at_s > 50, energy(60.0) * 240.0, 0.0)
    readings = replace(steady(), le=tenths(10 * np.log10(exposures)))
    true_db = 10 * np.log10((energy(60.0) * 60 + energy(60.0) * 240.0) / 60.0)
    found = at(laeq_of_polled(readings, 20.0, 80.0))
    assert abs(found.level_db - true_db) <= found.uncertainty_db
    dull = replace(readings, le=tenths(10 * np.log10(exposures + energy(60.0) * 3500.0)))
    found = at(laeq_of_polled(dull, 20.0, 80.0))
    assert (found.method, found.uncertainty_db > 1.0) == (Method.EXPOSURE, True)  # far from sharp, but not contradicted
    assert abs(found.level_db - true_db) <= found.uncertainty_db


def test_a_span_between_two_readings_can_be_bounded_from_above_alone() -> None:
    readings = Polled.of([0.0, 60.0], [NAN, NAN], [60.0, 90.0], [NAN, NAN])
    assert laeq_of_polled(readings, 20.0, 40.0) is None
    sampled = Polled.of([0.0, 19.0, 41.0, 60.0], [50.0] * 4, [60.0, NAN, NAN, 60.3], [50.0] * 4)
    found = at(laeq_of_polled(sampled, 19.5, 40.5))
    assert found.method is Method.EXPOSURE
    assert 3.0 < found.uncertainty_db < 30.0


def test_readings_have_one_of_each_in_order() -> None:
    with pytest.raises(Invalid, match="2, 2, 1, 2 values"):
        Polled.of([1.0, 2.0], [60.0, 60.0], [70.0], [60.0, 60.0])
    with pytest.raises(Invalid, match="out of order"):
        Polled.of([2.0, 1.0], [60.0, 60.0], [70.0, 70.0], [60.0, 60.0])
    with pytest.raises(Invalid, match="ends_s"):
        laeq_of_polled(steady(), 60.0, 60.0)
