"""Killing the service loses nothing that it acknowledged; the long form is in kills.py."""

from pathlib import Path

import pytest

from tests.crash import kills


@pytest.mark.deadline(240.0)
def test_what_was_acknowledged_outlives_a_kill(tmp_path: Path) -> None:
    outcome = kills.run(tmp_path, kills=3, seed=20261121, most_up_s=4.0)
    assert outcome.complaints == []
    assert all(outcome.acknowledged.values()), "something of each kind was acknowledged"
    assert outcome.gaps_s
