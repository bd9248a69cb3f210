"""What is fetched from cards when: one fetch of a meter at a time, failures after growing pauses, nothing for ever."""

from slmm.fleet.cardsync import stores
from slmm.fleet.cardwishes import RETRY_S, Wishes
from slmm.storage.models import RunRow


def test_what_is_due_begins_the_longest_due_first_and_one_of_each_meter() -> None:
    wishes = Wishes()
    wishes.add("a", 1, "ended", 50.0)
    wishes.add("a", 2, "ended", 40.0)
    wishes.add("b", 3, "ended", 30.0)
    wishes.add("c", 4, "ended", 90.0)
    assert [wish.run_id for wish in wishes.due(60.0, (), 9)] == [3, 2]
    assert [wish.run_id for wish in wishes.due(60.0, ("b",), 9)] == [2]
    assert [wish.run_id for wish in wishes.due(100.0, (), 2)] == [3, 2]
    assert wishes.due(100.0, (), 0) == []


def test_the_same_run_is_wanted_once_and_sooner_is_better() -> None:
    wishes = Wishes()
    first = wishes.add("a", 1, "ended", 50.0)
    assert wishes.add("a", 1, "contact", 80.0) is first
    assert wishes.add("a", 1, "contact", 20.0).not_before_s == 20.0
    assert len(wishes) == 1


def test_failures_wait_longer_and_longer_and_come_to_an_end() -> None:
    wishes = Wishes()
    wish, now_s = wishes.add("a", 1, "ended", 0.0), 0.0
    for expected_s in RETRY_S:
        assert wishes.due(now_s, (), 9) == [wish]
        pause_s = wishes.failed(wish, now_s)
        assert pause_s == expected_s
        assert wishes.due(now_s + expected_s - 1.0, (), 9) == []
        now_s += expected_s
    assert wishes.failed(wish, now_s) is None
    assert len(wishes) == 0


def test_contact_regained_hastens_what_has_failed_and_forgives() -> None:
    wishes = Wishes()
    wish = wishes.add("a", 1, "ended", 0.0)
    for _ in range(3):
        wishes.failed(wish, 1000.0)
    wishes.add("a", 1, "contact was lost for a while", 1030.0)
    assert wishes.due(1031.0, (), 9) == [wish]
    assert wishes.failed(wish, 1031.0) == RETRY_S[0]


def test_what_gives_way_has_not_failed() -> None:
    wishes = Wishes()
    wish = wishes.add("a", 1, "ended", 0.0)
    wishes.put_off(wish, 30.0)
    assert wish.attempts == 0
    assert wishes.due(29.0, (), 9) == []
    assert wishes.due(30.0, (), 9) == [wish]


def test_a_wish_that_was_fulfilled_does_not_end_one_made_meanwhile() -> None:
    wishes = Wishes()
    old = wishes.add("a", 1, "ended", 0.0)
    wishes.done(old)
    new = wishes.add("a", 1, "contact", 5.0)
    wishes.done(old)
    assert wishes.of_unit("a") == [new]
    wishes.forget("a")
    assert len(wishes) == 0


def test_a_run_with_manual_store_stores_nothing_by_itself() -> None:
    assert stores(RunRow(settings={"store_mode": "Auto"}))
    assert stores(RunRow(settings=None))
    assert not stores(RunRow(settings={"store_mode": "Manual"}))
