"""The card's other faces: what no source fixes, what goes wrong, and that the reader finds its way in all of them."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from slmm.emulator.card import Card
from slmm.emulator.meter import Instrument
from slmm.emulator.quirks import Quirks
from slmm.emulator.sound import SCENARIOS
from slmm.nl43.stored import StoredFile, StoredKind, file_kind, read_stored
from slmm.nl43.stored_header import parse_header
from slmm.record.card.alignment import ClockReading, JumpKind, align

BEGAN = datetime(2025, 12, 23, 19, 40)  # noqa: DTZ001 - the meter has no zone
BEGAN_AT = BEGAN.replace(tzinfo=UTC)
Make = Callable[..., Instrument]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Instruments with a card, about to measure automatically; time is what the test says."""

    def made(**registers: str) -> Instrument:
        quirks = Quirks()
        for name in {field.name for field in dataclasses.fields(Quirks)} & registers.keys():
            quirks = quirks.changed(name, registers.pop(name))
        instrument = Instrument(SCENARIOS["traffic"], 1, quirks, now_s=0.0, clock=BEGAN)
        instrument.card = Card(tmp_path, BEGAN, quirks)
        instrument.registers |= {
            "Store Mode": "Auto",
            "Lp Store Interval": "1s",
            "Leq Calculation Interval Preset": "1m",
        }
        instrument.registers |= {name.replace("_", " "): value for name, value in registers.items()}
        return instrument

    return made


def stored(root: Path, kind: StoredKind) -> StoredFile:
    (header,) = (parse_header([path.read_bytes()]) for path in root.rglob("*.rnh"))
    assert header.troubles == ()
    (path,) = (path for path in root.rglob("*.rnd") if file_kind(path.name) is kind)
    return read_stored([path.read_bytes()], kind, header.lp_interval_s)


@pytest.mark.parametrize("style", ["nl43", "nl42"])
def test_both_styles_read_the_same(make: Make, tmp_path: Path, style: str) -> None:
    instrument = make(card_style=style)
    instrument.start()
    instrument.advance(130.5)
    instrument.stop()
    leq, lp = stored(tmp_path, StoredKind.LEQ), stored(tmp_path, StoredKind.LP)
    assert (len(leq.rows), leq.troubles, len(lp.rows), lp.troubles) == (2, (), 130, ())
    assert (leq.rows[0].duration_s, lp.rows[0].duration_s) == (60.0, 1.0)
    assert leq.rows[0].levels.ln5 is not None
    names = {path.name for path in tmp_path.rglob("*.rnd")}
    assert ("NL_001_SLM_Leq_0001_0001.rnd" in names) == (style == "nl42")


@pytest.mark.parametrize(("is_stored", "rows"), [("on", 3), ("off", 2)])
def test_a_last_interval_that_is_not_full_has_its_own_length(
    make: Make, tmp_path: Path, is_stored: str, rows: int
) -> None:
    instrument = make(stores_last_part=is_stored)
    instrument.start()
    instrument.advance(150.5)
    instrument.stop()
    found = stored(tmp_path, StoredKind.LEQ).rows
    assert len(found) == rows
    assert found[-1].duration_s == (pytest.approx(30.0, abs=0.5) if rows == 3 else 60.0)


def test_an_overload_is_latched_into_its_intervals(make: Make, tmp_path: Path) -> None:
    instrument = make()
    instrument.start()
    instrument.advance(70.0)
    instrument.over = True
    instrument.advance(70.5)
    instrument.over, instrument.under = False, True
    instrument.advance(71.0)
    instrument.under = False
    instrument.advance(200.0)
    instrument.stop()
    leq, lp = stored(tmp_path, StoredKind.LEQ), stored(tmp_path, StoredKind.LP)
    assert [(row.over, row.under) for row in leq.rows] == [(False, False), (True, True), (False, False)]
    assert 1 <= sum(row.over is True for row in lp.rows) <= 2


@pytest.mark.parametrize(("interval", "seconds"), [("10ms", 0.01), ("25ms", 0.025), ("100ms", 0.1), ("200ms", 0.2)])
def test_short_intervals_are_as_many_as_they_should(make: Make, tmp_path: Path, interval: str, seconds: float) -> None:
    instrument = make(Lp_Store_Interval=interval)
    instrument.start()
    instrument.advance(10.1)
    instrument.stop()
    lp = stored(tmp_path, StoredKind.LP)
    assert lp.troubles == ()
    assert len(lp.rows) == pytest.approx(10.0 / seconds, abs=0.1 / seconds)
    assert {row.duration_s for row in lp.rows} == {seconds}
    aligned = align(lp.rows, UTC)
    assert aligned.jumps == ()


def test_a_clock_that_is_wrong_is_seen_through(make: Make, tmp_path: Path) -> None:
    instrument = make(clock_ahead_s="-83.4", Lp_Store_Interval="Off")
    instrument.start()
    readings = []
    for number in range(1, 7):
        instrument.advance(number * 100.0)
        shown = instrument.clock(number * 100.0).replace(microsecond=0)
        at = BEGAN_AT + timedelta(seconds=number * 100.0)
        readings.append(ClockReading(at, (shown.replace(tzinfo=UTC) - at).total_seconds() + 0.5))
    instrument.stop()
    found = stored(tmp_path, StoredKind.LEQ).rows
    assert found[0].starts == BEGAN - timedelta(seconds=84)
    aligned = align(found, UTC, readings)
    assert aligned.jumps == ()
    for number, interval in enumerate(aligned.intervals, 1):
        assert (interval.ends_at - BEGAN_AT).total_seconds() == pytest.approx(60.0 * number, abs=1.1)


def test_a_clock_that_drifts_does_so_until_it_is_set_and_after(make: Make) -> None:
    instrument = make(clock_drift_ppm="100")
    assert instrument.clock(10_000.0) == BEGAN + timedelta(seconds=10_001.0)
    instrument.set_clock(BEGAN, 10_000.0)
    assert instrument.clock(20_000.0) == BEGAN + timedelta(seconds=10_001.0)


def test_a_pause_and_a_set_clock_leave_their_marks(make: Make, tmp_path: Path) -> None:
    instrument = make(Lp_Store_Interval="Off")
    instrument.start()
    instrument.advance(300.2)
    instrument.set_register("Pause", "On")
    instrument.advance(900.2)
    instrument.set_register("Pause", "Off")
    instrument.advance(1800.2)
    instrument.set_clock(instrument.clock(1800.2) - timedelta(seconds=100), 1800.2)
    instrument.advance(2400.0)
    instrument.stop()
    aligned = align(stored(tmp_path, StoredKind.LEQ).rows, UTC)
    assert [(jump.kind, jump.is_measured) for jump in aligned.jumps] == [
        *((JumpKind.GAP, False), (JumpKind.STEP, False)),
    ]
    last = aligned.intervals[-1]
    assert (last.ends_at - BEGAN_AT).total_seconds() == pytest.approx(2400.0, abs=60.5)
