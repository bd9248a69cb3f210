"""The past played again: the same events as live, and honest about what is not there."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from slmm import signals
from slmm.acoustics.intervals import Interval
from slmm.alerts.backtest import BackTester, Found
from slmm.alerts.replay import Episode, Replay
from slmm.alerts.watchdog import Limits
from slmm.errors import Invalid
from slmm.events import Levels, Reading, RunState, StreamedLevels
from slmm.limits.calendar import Timetable
from slmm.record import frames, periods
from slmm.record.office import RecordOffice
from slmm.record.periods import Made
from slmm.settings import Settings
from tests.alerts.conftest import START, Bench
from tests.alerts.ground import Ground
from tests.limits.pieces import minutes
from tests.record.past import simulate

HOUR = timedelta(hours=1)
LIMITS = Limits()


@pytest.fixture
def record(make_settings: Callable[..., Settings]) -> Iterator[RecordOffice]:
    settings = make_settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    office = RecordOffice(settings, lambda unit_id: ZoneInfo("Europe/Berlin"))
    office.start()
    yield office
    office.stop()


@pytest.fixture
def ground(make_settings: Callable[..., Settings], tmp_path: Path) -> Iterator[Ground]:
    path = tmp_path / "alerts"
    path.mkdir()
    made = Ground(make_settings(), path)
    yield made
    made.close()


def back_test_of(bench: Bench, record: RecordOffice) -> BackTester:
    return BackTester(bench.database, record, lambda unit_id, starts_at, ends_at: [])


def keep(record: RecordOffice, heard: Sequence[Reading | StreamedLevels]) -> None:
    """The same on record."""
    kept = [frames.of_reading(each) if isinstance(each, Reading) else frames.of_stream(each) for each in heard]
    record.historian.write(kept)


def put_on_record(record: RecordOffice, pieces: Sequence[Interval]) -> None:
    made = [Made("a", piece) for piece in pieces]
    record.store.write(lambda connection: periods.put(record.store, connection, "minutes", made))
    record._mark = max(piece.ends_at for piece in pieces)


def told(found: Sequence[Episode]) -> list[tuple[Any, ...]]:
    return [
        (near(each.onset_at), each.onset_db, near(each.ended_at), each.end_reason, each.peak_db, each.is_red)
        for each in found
    ]


def on_record(bench: Bench) -> list[tuple[Any, ...]]:
    """The events of the live session, in the same words."""
    return [
        (near(e.onset_at), e.onset_value, near(e.clear_at), e.end_reason, e.peak_value, e.severity == "red")
        for e in bench.events
    ]


def near(at: datetime | None) -> float | None:
    """Seconds since the start; the bench adds its time up in floats."""
    return None if at is None else round((at - START).total_seconds(), 2)


RULES: list[dict[str, Any]] = [
    {"threshold_db": 70.0, "duration_s": 3, "clear_duration_s": 4, "red_threshold_db": 80.0},
    {"threshold_db": 62.0, "clear_margin_db": 4.0, "cooldown_s": 60},
    {"threshold_db": 50.0, "comparison": "below", "duration_s": 5, "on_no_data": "clear"},
    {"threshold_db": 75.0, "schedule_start": "13:05", "schedule_end": "13:09", "timezone": "Europe/Berlin"},
]


def live_session(bench: Bench, *, seed: int, seconds: int = 700) -> list[Reading | StreamedLevels]:
    """Readings with silences, now and then a stream; all of it is judged live, and given back."""
    chance, heard, level_db = random.Random(seed), [], 60.0
    for _ in range(seconds):
        level_db = min(95.0, max(35.0, level_db + chance.gauss(0.0, 4.0)))
        lp = None if chance.random() < 0.02 else round(level_db, 1)
        if chance.random() < 0.01:
            for _ in range(chance.choice([10, 90])):
                bench.time.go(1.0)
                bench.engine.tick()
        if chance.random() < 0.2:
            for eighth in range(8):  # times that floats hold exactly
                at = datetime.fromtimestamp(bench.time.wall_s, START.tzinfo)
                level = Levels(lp=None if lp is None else round(lp + eighth / 10, 1), leq=lp)
                streamed = StreamedLevels("a", at, level, "", eighth, run_state=RunState.MEASURING)
                signals.publish(signals.levels_streamed, streamed)
                heard.append(streamed)
                bench.time.go(0.125)
        else:
            reading = bench.reading(lp=lp)
            signals.publish(signals.reading_taken, reading)
            heard.append(reading)
            bench.time.go(1.0)
        bench.engine.tick()
    bench.engine.scribe.flush()
    return heard


@pytest.mark.parametrize("seed", [1, 2])
def test_a_live_session_played_again_makes_the_same_events(bench: Bench, record: RecordOffice, seed: int) -> None:
    for members in RULES:
        bench.add(**members)
    bench.engine.units["a"].watch = replace(bench.engine.units["a"].watch, data_until_s=bench.engine.clock.now_s())
    heard = live_session(bench, seed=seed)
    keep(record, heard)
    until = datetime.fromtimestamp(bench.time.wall_s, START.tzinfo)
    live = [(event.rule_id, *row) for event, row in zip(bench.events, on_record(bench), strict=True)]
    assert len(live) > 10
    for rule_id in (1, 2, 3, 4):
        rule = bench.engine.units["a"].runs[rule_id].rule
        played = back_test_of(bench, record).test(rule, None, bench.engine.units["a"].limits, START, until)
        expected = [row[1:] for row in live if row[0] == rule_id]
        assert told(played.episodes) == expected, rule.name


def test_a_rolling_level_played_again_makes_the_same_events(bench: Bench, record: RecordOffice) -> None:
    rule_id = bench.add(metric="laeq_rolling", window_s=60, threshold_db=62.0, clear_margin_db=0.0, source="stream")
    past = simulate("a", 400.0, "site", starts_at=START, seed=4)
    heard = list(past.stream())
    for streamed in heard:
        bench.time.go((streamed.at - datetime.fromtimestamp(bench.time.wall_s, START.tzinfo)).total_seconds())
        signals.publish(signals.levels_streamed, streamed)
    bench.engine.scribe.flush()
    keep(record, heard)
    rule = bench.engine.units["a"].runs[rule_id].rule
    played = back_test_of(bench, record).test(rule, None, LIMITS, START, START + timedelta(seconds=401))
    again, live = told(played.episodes), on_record(bench)
    assert [(*event[:1], *event[2:4], event[5]) for event in again] == [(*e[:1], *e[2:4], e[5]) for e in live]
    # Which of the ten levels of a second is judged depends on how busy the machine was.
    levels = [[(event[1], event[4]) for event in events] for events in (again, live)]
    assert np.array(levels[0]) == pytest.approx(np.array(levels[1]), abs=0.2)
    assert len(played.episodes) >= 1


@pytest.mark.parametrize("warns", [False, True])
@pytest.mark.parametrize("kind", ["fixed", "rolling", "whole"])
def test_a_limit_played_again_makes_the_same_events(
    ground: Ground, record: RecordOffice, kind: str, warns: bool
) -> None:
    period = {"kind": kind} | ({} if kind == "whole" else {"length": "15min"})
    rows = [
        {"from": "12:00", "until": "12:45", "level_db": 70.0},
        {"from": "12:45", "until": "13:30", "level_db": 66.0},
    ]
    kept = ground.limit(period=period, rows=rows)
    rule_id = ground.add(limit_id=kept.limit_id, limit_warns=warns, clear_margin_db=1.0)
    ground.look()
    rule = ground.engine.units["a"].runs[rule_id].rule
    chance = np.random.default_rng(7)
    levels = np.clip(69 + 8 * np.sin(np.arange(100) / 9) + chance.normal(0, 3, 100), 45, 85).round(1).tolist()
    heard = [None if chance.random() < 0.05 else level for level in levels]
    for begin, end in ((0, 37), (37, 38), (38, 61), (61, 100)):  # killed without a word in between
        ground.sounds(*heard[begin:end])
        ground.restart(away_s=1.0)
        ground.look()
    put_on_record(record, ground.past)
    record._mark = ground.made_until
    assert ground.made_until is not None
    timetable = Timetable(kept.limit, "UTC")
    played = back_test_of(ground, record).test(rule, timetable, LIMITS, START, ground.made_until)
    assert told(played.episodes) == on_record(ground)
    assert [each.detail for each in played.episodes] == [event.detail for event in ground.events]
    assert played.episodes or kind == "whole"


# -- what the data cannot tell ----------------------------------------------------------------------------------------


def test_silences_and_times_without_frames_are_told(bench: Bench, record: RecordOffice) -> None:
    rule_id = bench.add(threshold_db=70.0)
    rule = bench.engine.units["a"].runs[rule_id].rule
    keep(
        record,
        [_reading(second, 80.0) for second in range(60)] + [_reading(200 + second, 60.0) for second in range(60)],
    )
    found = back_test_of(bench, record).test(rule, None, LIMITS, START - 12 * HOUR, START + 6 * HOUR)
    assert [(begin, end, name) for begin, end, name in found.coverage.stretches] == [
        (START - 12 * HOUR, START, "none"),
        (START, START + 6 * HOUR, "frames"),
    ]
    assert found.coverage.gaps == [
        (START - 12 * HOUR, START),
        (START + timedelta(seconds=59), START + timedelta(seconds=200)),
        (START + timedelta(seconds=259), START + 6 * HOUR),
    ]
    assert found.coverage.samples == 120
    (event,) = found.episodes
    assert event.ended_at == START + timedelta(seconds=200)


def _reading(second: float, lp: float) -> Reading:
    return Reading("a", START + timedelta(seconds=second), Levels(lp=lp), "", run_state=RunState.MEASURING)


def test_a_rolling_level_without_frames_is_judged_by_minutes(bench: Bench, record: RecordOffice) -> None:
    rule_id = bench.add(metric="laeq_rolling", window_s=300, threshold_db=70.0, clear_margin_db=0.0)
    rule = bench.engine.units["a"].runs[rule_id].rule
    put_on_record(record, minutes(START - timedelta(minutes=5), [60.0] * 10 + [75.0] * 5 + [60.0] * 30))
    found = back_test_of(bench, record).test(rule, None, LIMITS, START, START + HOUR)
    assert [name for _, _, name in found.coverage.stretches] == ["minutes", "none"]
    (event,) = found.episodes
    assert (event.onset_at, event.onset_db) == (START + timedelta(minutes=7), pytest.approx(71.2, abs=0.05))
    assert event.ended_at == START + timedelta(minutes=14)


def test_rows_of_a_card_are_played_where_nothing_was_received(bench: Bench, record: RecordOffice) -> None:
    rule_id = bench.add(threshold_db=70.0)
    rule = bench.engine.units["a"].runs[rule_id].rule
    past = simulate("a", 60.0, starts_at=START)
    past.lp[:] = 50.0
    past.lp[300:350] = 90.0
    record.historian.write(past.stored(0.1))
    found = back_test_of(bench, record).test(rule, None, LIMITS, START, START + timedelta(minutes=2))
    assert [each.peak_db for each in found.episodes] == [90.0]


def test_long_spans_are_refused_and_long_rolling_spans_played_coarser(bench: Bench, record: RecordOffice) -> None:
    rule_id = bench.add(metric="laeq_rolling", threshold_db=70.0)
    rule = bench.engine.units["a"].runs[rule_id].rule
    with pytest.raises(Invalid, match=r"32\.0 days are too much; 31 days are allowed"):
        back_test_of(bench, record).test(rule, None, LIMITS, START - timedelta(days=32), START)
    with pytest.raises(Invalid, match="is not after from"):
        back_test_of(bench, record).test(rule, None, LIMITS, START, START)
    keep(record, [_reading(second, 60.0) for second in range(10)])
    found: Found = back_test_of(bench, record).test(rule, None, LIMITS, START - timedelta(days=3), START + HOUR)
    assert {name for _, _, name in found.coverage.stretches} == {"none"}  # no minutes were made of them


def test_quiet_rows_are_jumped_over_without_changing_the_answer(bench: Bench, record: RecordOffice) -> None:
    """Each row is looked at by the one who does not jump."""
    rule_id = bench.add(threshold_db=62.0, duration_s=2, clear_duration_s=3, clear_margin_db=0)
    rule = bench.engine.units["a"].runs[rule_id].rule
    chance = np.random.default_rng(3)
    levels = (60 + 4 * chance.standard_normal(1500)).round(1)
    keep(record, [_reading(float(second), float(level)) for second, level in enumerate(levels)])
    jumped = back_test_of(bench, record).test(rule, None, LIMITS, START, START + HOUR)

    class Patient(Replay):
        def _is_quiet(self, state: object) -> bool:
            return False

    rows = back_test_of(bench, record)._frames(rule, START, START + HOUR)
    patient = Patient(rule, LIMITS, None, START)
    patient.play_frames(rows)
    assert told(jumped.episodes) == told(patient.finish(START + HOUR))
    assert len(jumped.episodes) > 5
