"""What a worker's book says about the run state, and when it has to be asked for."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from slmm.events import Levels, RunState
from slmm.fleet import ledger as ledger_module
from slmm.fleet.journal import Journal
from slmm.fleet.ledger import ASKED_AT_LEAST, Ledger
from slmm.storage.board import StatusBoard

REFRESH_S = 30.0
LEVELS = Levels(lp=60.1, leq=58.0, le=75.0, lmax=71.2, lmin=44.0, lpeak=88.0, ln1=70.0, ln5=50.0)


class Book:
    """A ledger whose clock is turned by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 1000.0
        monkeypatch.setattr(ledger_module.time, "monotonic", lambda: self.now_s)
        self.ledger = Ledger("m1", StatusBoard(), Journal("m1"), lambda error: pytest.fail(str(error)))

    def read(self, seconds: int, levels: Callable[[int], Levels]) -> list[bool]:
        """A reading a second; whether the state was stale after each."""
        stale = []
        for second in range(seconds):
            self.now_s += 1.0
            self.ledger.take((levels(second),), "")
            stale.append(self.ledger.is_state_stale(REFRESH_S))
        return stale


@pytest.fixture
def book(monkeypatch: pytest.MonkeyPatch) -> Book:
    return Book(monkeypatch)


def moving(second: int) -> Levels:
    return replace(LEVELS, le=75.0 + round(second * 0.1, 1))


def test_unknown_state_is_asked_for_at_once(book: Book) -> None:
    assert book.ledger.is_state_stale(REFRESH_S)


def test_figures_that_move_show_that_it_measures(book: Book) -> None:
    book.ledger.take_run_state(RunState.MEASURING)
    assert not any(book.read(300, moving))


def test_it_is_asked_for_now_and_then_whatever_moves(book: Book) -> None:
    book.ledger.take_run_state(RunState.MEASURING)
    stale = book.read(int(ASKED_AT_LEAST * REFRESH_S) + 1, moving)
    assert stale.index(True) == ASKED_AT_LEAST * REFRESH_S - 1


def test_a_stop_is_asked_about_within_the_usual_time_of_the_last_figure_that_moved(book: Book) -> None:
    book.ledger.take_run_state(RunState.MEASURING)
    book.read(100, moving)
    held = moving(99)
    stale = book.read(40, lambda second: replace(held, lp=50.0 + second))
    # The last move shows what was at the reading before it, a second earlier.
    assert stale.index(True) == REFRESH_S - 2


def test_what_moves_while_stopped_proves_nothing(book: Book) -> None:
    book.ledger.take_run_state(RunState.STOPPED)
    assert book.read(40, moving).index(True) == REFRESH_S - 1


def test_figures_that_begin_anew_prove_nothing(book: Book) -> None:
    book.ledger.take_run_state(RunState.MEASURING)
    assert book.read(40, lambda second: replace(LEVELS, le=75.0 - second)).index(True) == REFRESH_S - 1


def test_when_it_was_last_known_to_measure_is_told(book: Book) -> None:
    book.ledger.take_run_state(RunState.MEASURING)
    asked_at = book.ledger.status.state_read_at
    book.read(2, moving)
    before_last = book.ledger.status.reading
    book.read(1, lambda second: moving(5))
    assert asked_at is not None
    assert before_last is not None
    assert book.ledger.status.state_read_at == before_last.at > asked_at
