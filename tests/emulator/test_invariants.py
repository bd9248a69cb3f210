"""What must hold of every frame while a meter measures (R30 of the field): held against every simulated frame."""

from datetime import datetime

import pytest

from slmm.emulator.meter import Instrument
from slmm.emulator.quirks import Quirks
from slmm.emulator.sound import SCENARIOS
from slmm.events import Levels
from slmm.nl43.readings import decode_display, decode_stream, quality_flags

CLOCK = datetime(2026, 11, 20, 12, 0)  # noqa: DTZ001 - the meter has no zone


def measuring(scenario: str, weighting: str, seed: int) -> Instrument:
    instrument = Instrument(SCENARIOS[scenario], seed, Quirks(), now_s=0.0, clock=CLOCK)
    instrument.set_register("Time Weighting (Main)", weighting)
    instrument.start()
    return instrument


@pytest.mark.parametrize("weighting", ["F", "S"])
@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_no_frame_of_the_display_breaks_the_order_of_its_figures(scenario: str, weighting: str) -> None:
    """Lmin ≤ Lp ≤ Lmax, L95 ≤ … ≤ L5, Leq ≤ Lmax, LE ≥ Leq; Lmax never falls, Lmin never rises, LE never falls."""
    instrument = measuring(scenario, weighting, seed=3)
    previous: Levels | None = None
    for number in range(1, 1200):
        instrument.advance(1.3 * number)
        main = decode_display(instrument.display_line())[0]
        assert quality_flags(main, previous, is_measuring=True) == (), f"frame {number}: {main}"
        previous = main


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_no_frame_of_the_stream_has_its_level_outside_its_extremes(scenario: str) -> None:
    instrument = measuring(scenario, "F", seed=3)
    for number in range(1, 3000):
        instrument.advance(0.1 * number + 0.01)
        main = decode_stream(instrument.stream_line(number)).channels[0]
        assert main.lp is not None
        assert main.lmin is not None
        assert main.lmax is not None
        assert main.lpeak is not None
        assert main.leq is not None
        assert main.lmin <= main.lp <= main.lmax, f"frame {number}: {main}"
        assert main.lpeak > main.leq
