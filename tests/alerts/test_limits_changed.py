"""Rules that watch a limit while limits, minutes and the service change, and where their limits stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import delete
from sqlalchemy.orm import Session

from slmm import events, signals
from slmm.acoustics.intervals import Span
from slmm.errors import Conflict, Invalid
from slmm.events import FeedMode, Levels, Reading, RunState, StreamedLevels
from slmm.limits.document import parse, to_json
from slmm.settings import Settings
from slmm.storage.models import LimitRow
from tests.alerts.conftest import START
from tests.alerts.ground import Ground, watch
from tests.limits.pieces import minutes


@pytest.fixture
def ground(make_settings: Callable[..., Settings], tmp_path: Path) -> Iterator[Ground]:
    path = tmp_path / "alerts"
    path.mkdir()
    made = Ground(make_settings(), path)
    yield made
    made.close()


# -- changes and restarts --------------------------------------------------------------------------------------------


def test_a_limit_changed_within_a_period_judges_all_of_it_anew(ground: Ground) -> None:
    kept = ground.limit()
    watch(ground)
    ground.sounds(*[75.0] * 20)
    stricter = parse({**to_json(kept.limit), "rows": [{"from": "00:00", "until": "24:00", "level_db": 74.0}]})
    ground.office.change_limit("a", kept.limit_id, limit=stricter, by="kim")
    assert ground.told_spans[0][3] == "rule_changed"
    ground.look()
    ground.sounds(*[75.0] * 10)
    assert [span[0] for span in ground.told_spans] == [15, 30]
    assert ground.events[1].threshold_db == 74.0


def test_another_name_of_a_limit_ends_nothing(ground: Ground) -> None:
    kept = ground.limit()
    watch(ground)
    ground.sounds(*[75.0] * 16)
    ground.office.change_limit("a", kept.limit_id, limit=parse({**to_json(kept.limit), "name": "new"}))
    ground.look()
    assert ground.told_spans == [(15, None, "red", None)]
    ground.sounds(*[60.0] * 14)
    assert ground.told_spans == [(15, 30, "red", "cleared")]


def test_a_limit_that_is_switched_off_judges_nothing_and_the_rule_says_so(ground: Ground) -> None:
    kept = ground.limit()
    rule_id = watch(ground)
    ground.office.change_limit("a", kept.limit_id, is_enabled=False)
    ground.look()
    ground.sounds(*[75.0] * 20)
    assert ground.events == []
    state = ground.office.rules.state(ground.office.rules.get("a", rule_id))
    assert (state["shown"], "switched off" in str(state["error"])) == ("error", True)
    ground.office.change_limit("a", kept.limit_id, is_enabled=True)
    ground.look()
    ground.sounds(*[75.0] * 10)
    assert ground.told_spans == [(30, None, "red", None)]


def test_only_a_limit_of_the_unit_can_be_watched_and_it_says_the_hours(ground: Ground) -> None:
    kept = ground.limit()
    with pytest.raises(Invalid, match="limit_id 99 is no limit of a"):
        ground.add(limit_id=99)
    with pytest.raises(Invalid, match=r"limit_id .* is no limit of b"):
        ground.add("b", limit_id=kept.limit_id)
    with pytest.raises(Invalid, match="schedule_start '22:00' is not allowed with a limit_id"):
        ground.add(limit_id=kept.limit_id, schedule_start="22:00", schedule_end="06:00")
    with pytest.raises(Invalid, match="'limit' needs a limit_id"):
        ground.add(metric="limit")
    ground.add(limit_id=kept.limit_id, name="Mine")
    with pytest.raises(Conflict, match=r"watched by alert rule 1 \(Mine\)"):
        ground.office.limit_book.remove("a", kept.limit_id)


def test_a_limit_that_is_gone_keeps_no_other_rule_from_working(ground: Ground) -> None:
    kept = ground.limit()
    watch(ground)
    ground.add(threshold_db=80.0)

    def lose(session: Session) -> None:
        session.execute(delete(LimitRow).where(LimitRow.id == kept.limit_id))

    ground.database.write(lose)  # by hand
    ground.restart()
    ground.look()
    ground.sound(90.0)
    assert [event.rule_id for event in ground.events] == [2]
    assert ground.office.rules.state(ground.office.rules.get("a", 1))["shown"] == "error"


def test_the_rule_in_words_has_the_limits_terms(ground: Ground) -> None:
    ground.limit(name="Day")
    rule_id = watch(ground, limit_warns=True)
    words = ground.office.rules.words(ground.office.rules.get("a", rule_id), events.Labels("A", "F"))
    assert words == (
        "alarm when LAeq,15min of limit Day is judged above 70.0 dB; amber beyond 67.0 dB, both as soon as nothing can"
        " take it back; clears with a period that keeps it"
    )


def test_a_rule_on_a_limit_has_the_meter_read_each_second(ground: Ground) -> None:
    ground.limit()
    watch(ground)
    assert (ground.demands["a"].interval_s, ground.demands["a"].needs_stream) == (1.0, False)
    watch(ground, source="stream", name="2")
    assert ground.demands["a"].needs_stream


@pytest.mark.parametrize("minute", [14, 15, 30])
def test_a_restart_at_any_time_changes_nothing(ground: Ground, minute: int) -> None:
    """Killed without a word: what was told is not told again, and what was not told is told from the record."""
    ground.limit()
    watch(ground, limit_warns=True)
    ground.engine.scribe.flush(checkpoint_all=True)
    levels = [72.0] * 15 + [60.0] * 15 + [75.0] * 15
    ground.sounds(*levels[:minute])
    ground.restart(away_s=1.0)
    ground.look()
    ground.sounds(*levels[minute:])
    assert ground.told_spans == [(5, 30, "red", "cleared"), (33, None, "red", None)]
    assert ground.transitions == ["onset", "escalated", "ended", "onset", "escalated"]


def test_what_was_judged_but_not_written_is_judged_again_after_a_crash(ground: Ground) -> None:
    ground.limit()
    watch(ground)
    ground.engine.scribe.flush(checkpoint_all=True)
    ground.sounds(*[75.0] * 14)
    scribe = ground.engine.scribe
    scribe.flush = lambda **_: True  # type: ignore[method-assign,assignment] - the disk is away
    ground.sounds(75.0)
    assert ground.events == []
    ground.restart(away_s=20.0)
    ground.look()
    assert ground.told_spans == [(15, None, "red", None)]


def test_minutes_made_anew_double_nothing_and_the_standing_knows_them(ground: Ground) -> None:
    ground.limit()
    watch(ground)
    ground.sounds(*[75.0] * 17)
    ground.hear(minutes(START, [60.0] * 17))
    assert len(ground.events) == 1
    assert ground.watch is not None
    (now,) = ground.watch.standings("a")
    assert (now["previous"]["level_db"], now["now"]["level_db"]) == (60.0, 60.0)


def test_excluded_minutes_leave_the_standing_and_the_running_period(ground: Ground) -> None:
    ground.limit()
    watch(ground)
    ground.sounds(*[60.0] * 10, *[90.0] * 3)
    ground.excluded.append(Span(ground.at(10), ground.at(13)))
    assert ground.watch is not None
    ground.watch._marks_read_s = -100.0
    ground.look()
    (now,) = ground.watch.standings("a")
    assert (now["now"]["level_db"], now["now"]["flags"]) == (60.0, ["excluded"])
    ground.sounds(60.0, 60.0)
    assert ground.events == []


# -- standings -------------------------------------------------------------------------------------------------------


def test_viewers_are_told_at_once_when_a_verdict_changes_and_now_and_then_else(ground: Ground) -> None:
    ground.limit()
    ground.look()
    ground.sounds(60.0)
    first = len(ground.stood)
    ground.look()
    ground.look()
    assert len(ground.stood) == first
    ground.sounds(90.0)
    assert (len(ground.stood), ground.stood[-1].limits[0]["verdict"]) == (first + 1, "red")


def test_the_present_minute_is_added_from_the_stream_while_it_is_clean(ground: Ground) -> None:
    ground.limit()
    ground.look()
    ground.sounds(60.0)
    assert ground.watch is not None
    begin = ground.made_until
    assert begin is not None
    for tenth in range(300):
        at = begin + timedelta(seconds=(tenth + 1) / 10)
        streamed = StreamedLevels("a", at, Levels(lp=80.0, leq=80.0), "", tenth, run_state=RunState.MEASURING)
        signals.publish(signals.levels_streamed, streamed)
    ground.time.go(30.0)
    (now,) = ground.watch.standings("a")
    assert (now["resolution"], now["now"]["level_db"]) == ("live", 75.3)
    assert now["at"] == "2026-03-02T12:01:30.000Z"
    cut = replace(streamed, at=begin + timedelta(seconds=30.1), main=Levels(leq=130.0, over=True))
    signals.publish(signals.levels_streamed, cut)
    (after,) = ground.watch.standings("a")
    assert (after["resolution"], after["now"]["level_db"]) == ("minute", 60.0)


def test_the_present_minute_is_added_from_le_while_its_tenths_are_fine_enough(ground: Ground) -> None:
    ground.limit()
    ground.look()
    ground.sounds(60.0)
    assert ground.watch is not None
    begin = ground.made_until
    assert begin is not None

    def read(run_s: float) -> tuple[str, float]:
        """Half a minute at 70 dB of a measurement that has run so long."""
        for second in range(31):
            le_db = round(70.0 + 10 * float(np.log10(run_s + second)), 1)
            at = begin + timedelta(seconds=second)
            signals.publish(signals.reading_taken, Reading("a", at, Levels(le=le_db), "", run_state=RunState.MEASURING))
        (now,) = ground.watch.standings("a")  # type: ignore[union-attr]
        return now["resolution"], now["now"]["level_db"]

    ground.time.go(25.0)
    resolution, level_db = read(60.0)
    assert resolution == "live"
    assert level_db == pytest.approx(66.0, abs=0.5)  # a minute at 60, half a one at 70, told in tenths of LE
    ground.hear(minutes(begin, [60.0]))
    begin += timedelta(minutes=1)
    ground.time.go(25.0)
    assert read(36_000.0) == ("minute", 60.0)


def test_a_unit_without_readings_shows_no_data(ground: Ground) -> None:
    ground.limit()
    ground.look()
    ground.silence(ground.at(5))
    assert ground.watch is not None
    (now,) = ground.watch.standings("a")
    assert (now["verdict"], now["now"]["level_db"]) == ("no_data", None)


def test_a_unit_that_goes_takes_its_standings_along(ground: Ground) -> None:
    ground.limit()
    ground.look()
    signals.publish(signals.roster_changed, events.RosterChange("a", START, "removed"))
    assert ground.watch is not None
    assert ground.watch.standings("a") == []
    signals.publish(signals.mode_changed, events.ModeChange("a", START, FeedMode.OFF))
