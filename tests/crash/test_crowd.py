"""Two hundred people open their pages at the same moment; ``python -m tests.crash.crowd`` has more of them."""

from __future__ import annotations

from pathlib import Path

from tests.crash.crowd import BEFORE, run

VIEWERS = 200
MOST_GROWTH_MB = 60.0


def test_everybody_of_a_crowd_is_served_and_nobody_who_was_there_is_lost(tmp_path: Path) -> None:
    outcome = run(tmp_path, VIEWERS, listens_s=2.5)
    assert (outcome.crowd["refused"], outcome.crowd_after["lost"]) == (0, 0)
    assert outcome.crowd["with_a_frame"] == VIEWERS
    assert outcome.crowd_after["frames"] > VIEWERS, "and it goes on"
    assert (outcome.before["with_a_frame"], outcome.before["lost"]) == (BEFORE, 0)
    before_mb, with_crowd_mb = outcome.rss_mb
    assert with_crowd_mb - before_mb < MOST_GROWTH_MB
