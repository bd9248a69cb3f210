"""The invariants hold on every frame of a simulated site, as the service sees it."""

from datetime import datetime

import pytest

from slmm.emulator.meter import Instrument
from slmm.emulator.quirks import Quirks
from slmm.emulator.sound import SCENARIOS
from slmm.events import Levels
from slmm.nl43.readings import decode_display, quality_flags


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_no_frame_of_a_simulated_hour_is_flagged(scenario: str) -> None:
    instrument = Instrument(SCENARIOS[scenario], 11, Quirks(), now_s=0.0, clock=datetime(2026, 1, 1))  # noqa: DTZ001
    instrument.start()
    before = Levels()
    for second in range(2, 3600):
        instrument.advance(float(second))
        now = decode_display(instrument.display_line())[0]
        assert quality_flags(now, before, is_measuring=True) == ()
        before = now
