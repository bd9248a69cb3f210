"""Remarks are withdrawn and never deleted; what excludes a span is found by the span."""

from datetime import UTC, datetime, timedelta

import pytest

from slmm.errors import Invalid, NotFound
from slmm.storage.database import Database
from slmm.storage.remarks import NewRemark, RemarkBook

NOON = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)


def minutes(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


def span(start: float, end: float, *, excludes: bool = True, reason: str = "weather") -> NewRemark:
    return NewRemark(minutes(start), minutes(end), reason, excludes, f"{start} to {end}")


@pytest.fixture
def book(database: Database) -> RemarkBook:
    return RemarkBook(database, now=lambda: minutes(1000))


def texts(book: RemarkBook, start: float, end: float) -> list[str]:
    return [found.text for found in book.exclusions("a", minutes(start), minutes(end))]


def test_a_span_is_excluded_half_open(book: RemarkBook) -> None:
    book.add("a", span(10, 20), "ada")
    assert texts(book, 0, 10) == []
    assert texts(book, 20, 30) == []
    assert texts(book, 19.9, 30) == ["10 to 20"]
    assert texts(book, 0, 10.1) == ["10 to 20"]
    assert texts(book, 12, 13) == ["10 to 20"]


def test_an_exclusion_says_why_and_who(book: RemarkBook) -> None:
    row = book.add("a", span(10, 20, reason="foreign"), "ada")
    (found,) = book.exclusions("a", minutes(0), minutes(60))
    assert (found.starts_at, found.ends_at, found.reason, found.who) == (minutes(10), minutes(20), "foreign", "ada")
    assert found.remark_id == row.id


def test_what_excludes_nothing_is_no_exclusion(book: RemarkBook) -> None:
    book.add("a", span(10, 20, excludes=False), "ada")
    book.add("b", span(10, 20), "ada")
    assert texts(book, 0, 60) == []


def test_exclusions_stand_in_the_order_of_time_and_may_overlap(book: RemarkBook) -> None:
    for start, end in ((30, 40), (0, 35), (10, 20)):
        book.add("a", span(start, end), "ada")
    assert texts(book, 5, 60) == ["0 to 35", "10 to 20", "30 to 40"]


def test_a_withdrawn_remark_counts_no_more_and_stays(book: RemarkBook) -> None:
    row = book.add("a", span(10, 20), "ada")
    withdrawn = book.withdraw("a", row.id, "bob")
    assert texts(book, 0, 60) == []
    assert book.find("a") == []
    assert [found.id for found in book.find("a", with_withdrawn=True)] == [row.id]
    assert (withdrawn.withdrawn_by, withdrawn.withdrawn_at) == ("bob", minutes(1000))
    assert book.withdraw("a", row.id, "cem").withdrawn_by == "bob"


def test_a_remark_of_another_unit_is_not_found(book: RemarkBook) -> None:
    row = book.add("a", span(10, 20), "ada")
    for call in (lambda: book.get("b", row.id), lambda: book.withdraw("b", row.id, "bob")):
        with pytest.raises(NotFound, match="b has no remark"):
            call()
    assert book.get("a", row.id).withdrawn_at is None


def test_a_moment_is_found_at_its_moment(book: RemarkBook) -> None:
    book.add("a", span(10, 10, excludes=False), "ada")

    def found(start: float, end: float) -> int:
        return len(book.find("a", starts_at=minutes(start), ends_at=minutes(end)))

    assert [found(0, 10), found(10, 11), found(9, 10.1), found(10.1, 20)] == [0, 1, 1, 0]


def test_remarks_are_paged_newest_first(book: RemarkBook) -> None:
    ids = [book.add("a", span(number, number + 1), "ada").id for number in range(5)]
    first = book.find("a", limit=2)
    assert [row.id for row in first] == ids[:2:-1]
    assert [row.id for row in book.find("a", limit=2, before_id=first[-1].id)] == ids[2:0:-1]


def test_times_of_any_zone_are_the_same_instant(book: RemarkBook) -> None:
    elsewhere = datetime.fromisoformat("2026-03-29T14:10:00+02:00")
    row = book.add("a", NewRemark(elsewhere, elsewhere + timedelta(minutes=1), "fault", True, "x"), "ada")
    assert row.starts_at == minutes(10)
    assert texts(book, 10, 11) == ["x"]


@pytest.mark.parametrize(
    ("remark", "field", "words"),
    [
        (span(20, 10), "ends_at", "before starts_at"),
        (span(10, 10), "ends_at", "needs a span"),
        (span(10, 20, reason="noise"), "reason", "'noise' is not allowed; it is one of remark, weather"),
    ],
)
def test_what_makes_no_sense_is_refused(book: RemarkBook, remark: NewRemark, field: str, words: str) -> None:
    with pytest.raises(Invalid, match=words) as refusal:
        book.add("a", remark, "ada")
    assert refusal.value.field == field
    assert book.find("a", with_withdrawn=True) == []
