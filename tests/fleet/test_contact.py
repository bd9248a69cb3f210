"""One lost poll is doubt, three in a row are loss, one answer ends both."""

from slmm.fleet.contact import Change, Contact, Standing, answered, failed


def after(*events: str) -> tuple[Contact, list[Change]]:
    contact, changes = Contact(), []
    for event in events:
        contact, change = (answered if event == "+" else failed)(contact)
        changes.append(change)
    return contact, changes


def test_three_failures_in_a_row_are_loss_and_told_once() -> None:
    contact, changes = after(*"+-----")
    assert changes == [Change.NONE, Change.NONE, Change.NONE, Change.LOST, Change.NONE, Change.NONE]
    assert contact.is_reachable is False
    assert contact.failures == 5


def test_an_answer_between_failures_starts_the_count_anew() -> None:
    contact, changes = after(*"+--+--")
    assert set(changes) == {Change.NONE}
    assert contact.standing is Standing.DOUBTFUL
    assert contact.is_reachable is True


def test_recovery_is_told_once() -> None:
    assert after(*"---++")[1] == [Change.NONE, Change.NONE, Change.LOST, Change.FOUND, Change.NONE]


def test_before_the_first_verdict_nothing_is_known() -> None:
    assert after("-", "-")[0].is_reachable is None
    assert after("+")[0].is_reachable is True
