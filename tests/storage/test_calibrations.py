"""Drift is told and never applied; where it is too much, the span between two checks is excluded with the check."""

from datetime import UTC, datetime, timedelta

import pytest

from slmm.errors import Invalid
from slmm.storage import remarks
from slmm.storage.calibrations import CalibrationBook, NewCalibration, Recorded
from slmm.storage.database import Database
from slmm.storage.models import RemarkRow
from slmm.storage.remarks import RemarkBook

MORNING = datetime(2026, 3, 29, 6, 0, tzinfo=UTC)


def hours(number: float) -> datetime:
    return MORNING + timedelta(hours=number)


class Log:
    """The log of unit ``a``, and what is excluded by it."""

    def __init__(self, database: Database) -> None:
        self.book = CalibrationBook(database, now=lambda: hours(100))
        self.remarks = RemarkBook(database)

    def check(
        self, at: float, kind: str, measured_db: float, tolerance_db: float = 0.5, **members: float | None
    ) -> Recorded:
        return self.book.add("a", NewCalibration(hours(at), kind, measured_db, **members), "ada", tolerance_db)

    def excluded(self) -> list[tuple[datetime, datetime]]:
        return [(span.starts_at, span.ends_at) for span in self.remarks.exclusions("a", hours(-100), hours(100))]


@pytest.fixture
def log(database: Database) -> Log:
    return Log(database)


def test_drift_within_the_tolerance_excludes_nothing(log: Log) -> None:
    log.check(0, "before", 94.0)
    recorded = log.check(10, "after", 94.5)
    assert (recorded.calibration.drift_db, recorded.voided, log.excluded()) == (0.5, (), [])


def test_drift_beyond_the_tolerance_excludes_the_span_between(log: Log) -> None:
    before = log.check(0, "before", 94.0).calibration.row
    recorded = log.check(10, "after", 93.4)
    assert recorded.calibration.drift_db == -0.6
    assert recorded.calibration.reference is not None
    assert recorded.calibration.reference.id == before.id
    (remark,) = recorded.voided
    assert (remark.starts_at, remark.ends_at, remark.reason) == (hours(0), hours(10), "calibration")
    assert (remark.calibration_id, remark.made_by) == (recorded.calibration.row.id, "ada")
    assert "differ by -0.6 dB; 0.5 dB is tolerated" in remark.text
    assert log.excluded() == [(hours(0), hours(10))]


def test_the_tolerance_is_that_of_the_scheme(log: Log) -> None:
    log.check(0, "before", 94.0)
    assert log.check(10, "after", 95.0, tolerance_db=1.0).voided == ()
    assert log.check(11, "after", 94.1, tolerance_db=0.0).voided != ()


@pytest.mark.parametrize("tenths", range(12))
def test_a_drift_of_exactly_the_tolerance_is_within_it_whatever_floats_make_of_it(log: Log, tenths: int) -> None:
    """94.4 − 93.9 is 0.5 dB, and not the 0.49999999999999 or 0.5000000000001 of the floats."""
    start_db = 93.0 + tenths / 10
    log.check(0, "before", round(start_db, 1))
    recorded = log.check(1, "after", round(start_db + 0.5, 1))
    assert (recorded.calibration.drift_db, recorded.voided) == (0.5, ())


def test_the_reference_is_what_the_meter_showed_after_it_was_adjusted(log: Log) -> None:
    log.check(0, "before", 93.1, adjusted_db=94.0)
    assert log.check(10, "after", 94.2).calibration.drift_db == 0.2


def test_calibrators_of_different_levels_compare_by_their_deviations(log: Log) -> None:
    log.check(0, "before", 94.1)
    recorded = log.check(10, "after", 114.8, nominal_db=114.0)
    assert (recorded.calibration.drift_db, len(recorded.voided)) == (0.7, 1)


def test_without_a_check_before_drift_is_not_known(log: Log) -> None:
    recorded = log.check(10, "after", 99.0)
    assert (recorded.calibration.drift_db, recorded.calibration.reference, recorded.voided) == (None, None, ())


def test_another_unit_is_no_reference(log: Log) -> None:
    log.book.add("b", NewCalibration(hours(0), "before", 90.0), "ada")
    assert log.check(10, "after", 94.0).calibration.reference is None


def test_a_check_that_only_looks_tells_drift_and_decides_nothing(log: Log) -> None:
    log.check(0, "before", 94.0)
    recorded = log.check(5, "check", 95.0)
    assert (recorded.calibration.drift_db, recorded.voided) == (1.0, ())
    assert log.check(10, "after", 94.1).calibration.drift_db == 0.1
    assert log.excluded() == []


def test_an_adjustment_ends_one_span_and_begins_the_next(log: Log) -> None:
    log.check(0, "before", 94.0)
    assert len(log.check(5, "check", 95.0, adjusted_db=94.0).voided) == 1
    assert log.check(10, "after", 94.1).calibration.drift_db == 0.1
    assert log.excluded() == [(hours(0), hours(5))]


def test_each_measurement_has_its_own_before(log: Log) -> None:
    log.check(0, "before", 94.0)
    log.check(10, "after", 94.1)
    log.check(20, "before", 93.0)
    assert log.check(30, "after", 93.1).calibration.drift_db == 0.1


def test_a_log_typed_in_backwards_excludes_the_same(log: Log) -> None:
    log.check(10, "after", 95.0)
    recorded = log.check(0, "before", 94.0)
    assert recorded.calibration.drift_db is None
    assert log.excluded() == [(hours(0), hours(10))]
    assert log.remarks.get("a", recorded.voided[0].id).calibration_id is not None


def test_a_span_that_is_excluded_already_is_not_excluded_twice(log: Log) -> None:
    log.check(0, "before", 94.0)
    log.check(10, "after", 95.0)
    assert log.check(5, "before", 94.0).voided == ()
    assert log.excluded() == [(hours(0), hours(10))]


def test_an_exclusion_can_be_withdrawn(log: Log) -> None:
    log.check(0, "before", 94.0)
    (remark,) = log.check(10, "after", 95.0).voided
    log.remarks.withdraw("a", remark.id, "bob")
    assert log.excluded() == []
    assert len(log.book.find("a")) == 2


def test_check_and_exclusion_are_written_together_or_not_at_all(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> RemarkRow:
        raise OSError("the disk is gone")

    log.check(0, "before", 94.0)
    monkeypatch.setattr(remarks, "put", fail)
    with pytest.raises(OSError, match="disk"):
        log.check(10, "after", 99.0)
    assert [found.row.kind for found in log.book.find("a")] == ["before"]


def test_the_log_is_found_by_span_and_page(log: Log) -> None:
    for at in range(5):
        log.check(at, "before", 94.0)
    found = log.book.find("a", starts_at=hours(1), ends_at=hours(4))
    assert [calibration.row.at for calibration in found] == [hours(3), hours(2), hours(1)]
    older = log.book.find("a", limit=1, before_id=found[0].row.id)
    assert [calibration.row.at for calibration in older] == [hours(2)]


def test_the_last_check_is_the_last_in_time(log: Log) -> None:
    assert log.book.last("a") is None
    log.check(10, "after", 94.0)
    log.check(0, "before", 93.9)
    last = log.book.last("a")
    assert last is not None
    assert (last.row.kind, last.drift_db) == ("after", 0.1)


@pytest.mark.parametrize(("at", "kind", "field"), [(101, "before", "at"), (0, "during", "kind")])
def test_what_cannot_be_is_refused(log: Log, at: float, kind: str, field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        log.check(at, kind, 94.0)
    assert refusal.value.field == field
    assert log.book.find("a") == []
