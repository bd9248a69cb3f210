"""Half an hour of faults, loud phases, viewers and kills in some three minutes; a night by ``slmm soak``."""

import pytest

from slmm.soak import report
from slmm.soak.run import Outcome, Soak, Wish

SPEED = 12.0
SIMULATED_MIN = 30.0
SEED = 20261121


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    wish = Wish(SIMULATED_MIN * 60.0 / SPEED, meters=6, viewers=8, speed=SPEED, seed=SEED)
    found = Soak(wish, tmp_path_factory.mktemp("soak")).run()
    print(report.as_text(found))  # noqa: T201 - pytest shows it with whatever fails
    return found


pytestmark = pytest.mark.deadline(600.0)


def test_nothing_is_lost_invented_or_counted_wrongly(outcome: Outcome) -> None:
    assert outcome.all_complaints == []
    assert outcome.is_whole


def test_there_was_something_to_lose(outcome: Outcome) -> None:
    troubles = outcome.chronicle.troubles
    assert len({trouble.kind for trouble in troubles}) > 15
    assert outcome.chronicle.killed_s
    assert len(outcome.chronicle.louds) > 5
    assert outcome.totals.recorded > 1000
    assert outcome.totals.visits_checked > 10
    assert len(outcome.counts) == 6


def test_every_fault_is_over_when_it_ends(outcome: Outcome) -> None:
    assert all(trouble.recovered_s is not None for trouble in outcome.chronicle.troubles)
