"""What the record stores is sealed by itself, and what is done to it behind the service's back is named."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

import slmm.storage.models  # noqa: F401 - fills the metadata
from slmm import signals
from slmm.errors import DiskTrouble, Invalid
from slmm.events import MinuteMade
from slmm.record.chain import verification
from slmm.record.chain.evidence import FILED_AFTER, SOON_SEALED_S, Evidence
from slmm.record.chain.seals import Kind
from slmm.record.chain.verification import Finding, Verdict, What
from slmm.record.office import RecordOffice
from slmm.record.periods import Made
from slmm.settings import Settings
from slmm.storage.database import Base, Database
from tests.record.chain.sealed import HOUR, MINUTE, TEN, UNITS, minute, put


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{tmp_path / 'slmm.db'}")
    Base.metadata.create_all(opened.engine)
    yield opened
    opened.close()


@pytest.fixture
def evidence(make_settings: Callable[..., Settings], office: RecordOffice, database: Database) -> Iterator[Evidence]:
    """Two units, two hours of minutes; the mark stands an hour later."""
    put(office, [Made(unit, minute(number, 60 + number % 7 + len(unit))) for unit in UNITS for number in range(120)])
    started = Evidence(make_settings(), database, office)
    office.file_written = started.seal_partition
    started.start()
    yield started
    started.stop()


def findings(evidence: Evidence, *heads: str) -> list[Finding]:
    return evidence.verify(heads).findings


def move(office: RecordOffice) -> list[Path]:
    """The minutes of the day go into files."""
    return [made.below(office.partitions.top) for made in office.move_days(TEN + timedelta(days=3))]


def change_table(office: RecordOffice, statement: str) -> None:
    office.store.write(lambda connection: connection.execute(statement) and None)


def test_hours_that_are_over_are_sealed_once(evidence: Evidence) -> None:
    assert evidence.catch_up_hours() == 2
    assert evidence.catch_up_hours() == 0
    report = evidence.verify()
    assert (report.verdict, report.hours, report.links, report.files) == (Verdict.UNCHANGED, 2, 2, 0)


def test_an_hour_is_not_sealed_before_it_is_over(evidence: Evidence, office: RecordOffice) -> None:
    put(office, [], until=TEN + HOUR + 59 * MINUTE)
    assert evidence.catch_up_hours() == 1
    assert list(evidence.chain.standing().hours) == ["2026-11-20T10:00:00Z"]


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (
            "update minutes set energy_s = energy_s * 1.000001 where unit = 2 and starts_at = '2026-11-20 10:17:00'",
            "southern, the minute from 2026-11-20 10:17 UTC changed",
        ),
        (
            "delete from minutes where unit = 1 and starts_at = '2026-11-20 11:59:00'",
            "north, the minute from 2026-11-20 11:59 UTC is missing",
        ),
        (
            "update minutes set flags = 1 where unit = 1 and starts_at < '2026-11-20 10:05:00'",
            "; ".join(f"north, the minute from 2026-11-20 10:0{n} UTC changed" for n in range(3)) + "; and 2 more",
        ),
        (
            (
                "update minutes set counts = list_transform(counts, lambda count : count + 1)"
                " where unit = 1 and starts_at = '2026-11-20 10:30:00'"
            ),
            "north, the minute from 2026-11-20 10:30 UTC changed",
        ),
    ],
    ids=["energy", "removed", "flags", "histogram"],
)
def test_a_minute_changed_in_the_database_is_named(
    evidence: Evidence, office: RecordOffice, statement: str, told: str
) -> None:
    evidence.catch_up()
    change_table(office, statement)
    (found,) = findings(evidence)
    assert (found.what, found.text) == (What.MINUTES, told)


def test_an_hour_without_any_minutes_left_is_noticed(evidence: Evidence, office: RecordOffice) -> None:
    evidence.catch_up()
    change_table(office, "delete from minutes")
    assert [(found.what, found.subject) for found in findings(evidence)] == [
        (What.MINUTES, "2026-11-20T10:00:00Z"),
        (What.MINUTES, "2026-11-20T11:00:00Z"),
    ]


def test_nor_does_it_help_to_remove_the_details_of_the_seal(
    evidence: Evidence, office: RecordOffice, database: Database
) -> None:
    evidence.catch_up()
    change_table(office, "delete from minutes where starts_at < '2026-11-20 11:00:00'")
    database.write(lambda session: session.execute(text("update seals set blocks = null")))
    (found,) = findings(evidence)
    assert found.text == "the minutes of 2026-11-20 10:00 to 11:00 UTC are not those that were sealed"


def test_minutes_made_anew_are_sealed_anew(evidence: Evidence, office: RecordOffice) -> None:
    evidence.catch_up()
    put(office, [Made("north", minute(20, 81.0))])
    signals.publish(signals.minute_made, MinuteMade("north", TEN + 21 * MINUTE, minute(20, 81.0)))
    report = evidence.verify()
    assert (report.verdict, report.links) == (Verdict.UNCHANGED, 3)
    assert evidence.chain.detailed(Kind.MINUTES) == {2, 3}
    signals.publish(signals.minute_made, MinuteMade("north", TEN + 21 * MINUTE, minute(20, 81.0)))
    assert evidence.catch_up_hours() == 0  # the same minutes need no other seal


def test_minutes_a_card_is_about_to_change_are_neither_changed_nor_unchanged(
    evidence: Evidence, office: RecordOffice
) -> None:
    evidence.catch_up()
    change_table(office, "create table card_spans (unit integer, starts_at timestamp, ends_at timestamp)")
    change_table(office, "insert into card_spans values (1, '2026-11-20 09:59:00', '2026-11-20 10:30:00')")
    put(office, [Made("north", minute(20, 81.0)), Made("north", minute(80, 81.0))])
    report = evidence.verify()
    assert [found.subject for found in report.findings] == ["2026-11-20T11:00:00Z"]
    assert report.unchecked == ["the minutes of 1 hours: being made anew with data of an SD card"]


def test_minutes_made_anew_in_a_service_that_was_cut_off_are_sealed_anew_by_the_next(
    evidence: Evidence, office: RecordOffice, database: Database, make_settings: Callable[..., Settings]
) -> None:
    evidence.catch_up()
    change_table(office, "create table card_spans (unit integer, starts_at timestamp, ends_at timestamp)")
    change_table(office, "insert into card_spans values (1, '2026-11-20 10:20:00', '2026-11-20 10:30:00')")
    put(office, [Made("north", minute(20, 81.0))])
    following = Evidence(make_settings(), database, office)
    assert following.catch_up_hours() == 1
    assert following.verify().verdict is Verdict.UNCHANGED


def test_files_are_sealed_as_they_are_written(evidence: Evidence, office: RecordOffice) -> None:
    evidence.catch_up()
    files = move(office)
    assert len(files) == 2
    known = evidence.chain.standing().files
    assert sorted(known) == [f"record/levels/minutes/{unit}/2026-11-20.1.parquet" for unit in UNITS]
    assert known[sorted(known)[0]].sha256 == hashlib.sha256(sorted(files)[0].read_bytes()).hexdigest()
    report = evidence.verify()
    assert (report.verdict, report.files, report.hours) == (Verdict.UNCHANGED, 2, 2)


def test_many_files_are_sealed_though_one_cannot_be_read(evidence: Evidence, office: RecordOffice) -> None:
    office.file_written = lambda partition, path: None
    north, _ = sorted(move(office))
    hidden = north.rename(north.with_name("hidden"))
    evidence.catch_up()
    assert list(evidence.chain.standing().files) == ["record/levels/minutes/southern/2026-11-20.1.parquet"]
    assert "cannot be read to be sealed" in str(evidence.last_error)
    hidden.rename(north)
    assert evidence.catch_up() == 1


def test_what_a_crash_left_unsealed_is_sealed_at_the_next_start(evidence: Evidence, office: RecordOffice) -> None:
    office.file_written = lambda partition, path: None
    move(office)
    assert evidence.chain.standing().files == {}
    assert evidence.catch_up() == 2
    assert evidence.catch_up() == 0
    assert len(evidence.chain.standing().files) == 2


def test_a_broken_disk_does_not_stop_the_record(
    evidence: Evidence, office: RecordOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("slmm.record.chain.evidence._fingerprint", _refuse)
        assert len(move(office)) == 2
        assert evidence.last_error is not None
        assert "cannot be read to be sealed" in evidence.last_error
    assert evidence.catch_up() == 2
    assert evidence.last_error is None


def _refuse(*_: Any, **__: Any) -> Any:
    raise PermissionError(13, "Permission denied")


@pytest.mark.parametrize("where", [0.0, 0.3, 0.9999])
def test_a_byte_flipped_in_a_file_of_the_record_is_named(
    evidence: Evidence, office: RecordOffice, where: float
) -> None:
    evidence.catch_up()
    path = sorted(move(office))[1]
    content = bytearray(path.read_bytes())
    place = int(where * len(content))
    content[place] ^= 0x40
    path.write_bytes(content)
    (found,) = (found for found in evidence.verify(with_files=True).findings if found.what is What.FILE)
    assert found.subject == "record/levels/minutes/southern/2026-11-20.1.parquet"
    assert found.difference is not None
    assert (found.difference.offset, found.difference.was) == (place, content[place] ^ 0x40)


def test_minutes_in_a_file_that_cannot_be_read_are_not_called_unchanged(
    evidence: Evidence, office: RecordOffice
) -> None:
    evidence.catch_up()
    path = sorted(move(office))[1]
    path.write_bytes(b"torn" * 100)
    report = evidence.verify()
    assert [found.what for found in report.findings] == [What.FILE]
    assert report.hours == 0
    assert "the minutes of 2 hours" in report.unchecked[0]


def test_a_file_that_is_missing_or_has_another_name_or_nobody_knows_is_told(
    evidence: Evidence, office: RecordOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence.catch_up()
    north, south = sorted(move(office))
    evidence.let_go(TEN + FILED_AFTER + 3 * HOUR)
    monkeypatch.setattr("slmm.record.chain.evidence.SOON_SEALED_S", -60.0)
    moved = north.rename(north.with_name("2026-11-21.1.parquet"))
    south.unlink()
    told = [found.text for found in findings(evidence)]
    where = "record/levels/minutes"
    assert told[0].startswith(f"{where}/north/2026-11-20.1.parquet: missing, ")
    assert told[1].startswith(f"{where}/southern/2026-11-20.1.parquet: missing, ")
    assert told[2] == (
        f"{where}/north/2026-11-21.1.parquet: a file of the record without a seal; "
        f"it is {where}/north/2026-11-20.1.parquet, under another name"
    )
    assert len(told) == 3
    moved.rename(north)


def test_a_file_on_its_way_to_its_seal_is_no_finding(evidence: Evidence, office: RecordOffice) -> None:
    evidence.catch_up()
    move(office)
    stray = office.partitions.top / "minutes" / "north" / "2026-11-22.1.parquet"
    stray.write_bytes(b"PAR1")
    assert SOON_SEALED_S > 60
    assert findings(evidence) == []


def test_what_retention_removes_is_a_link(evidence: Evidence, office: RecordOffice) -> None:
    evidence.catch_up()
    move(office)
    late = TEN + timedelta(days=735)
    assert len(office.prune(late)) == 2
    assert [found.what for found in findings(evidence)].count(What.MISSING) == 2
    evidence.catch_up(late)
    standing = evidence.chain.standing()
    assert (len(standing.gone), standing.files, standing.broken) == (2, {}, None)
    assert evidence.chain.detailed(Kind.LEVELS) == set()


def test_a_file_removed_before_its_time_stays_missing(evidence: Evidence, office: RecordOffice) -> None:
    evidence.catch_up()
    north, _ = sorted(move(office))
    north.unlink()
    change_table(office, "delete from partitions where unit_id = 'north'")
    evidence.catch_up(TEN + timedelta(days=700))
    assert evidence.chain.standing().gone == set()


def test_the_details_of_hours_go_when_the_files_hold_the_same(evidence: Evidence, office: RecordOffice) -> None:
    evidence.catch_up()
    move(office)
    assert evidence.let_go(TEN + FILED_AFTER + 3 * HOUR) == 0
    assert evidence.chain.detailed(Kind.MINUTES) == set()
    report = evidence.verify()
    assert (report.verdict, report.hours) == (Verdict.UNCHANGED, 0)
    assert evidence.verify(every_hour=True).hours == 2


def test_minutes_changed_before_they_went_into_a_file_stay_told(evidence: Evidence, office: RecordOffice) -> None:
    evidence.catch_up()
    change_table(office, "update minutes set lmax = 99 where unit = 1 and starts_at = '2026-11-20 10:03:00'")
    move(office)
    late = TEN + FILED_AFTER + 3 * HOUR
    assert evidence.let_go(late) == 1
    assert evidence.let_go(late) == 0
    told = [(found.what, found.text) for found in findings(evidence)]
    assert [what for what, _ in told] == [What.MINUTES, What.MINUTES]
    assert "the service found minutes of 2026-11-20T10:00:00Z that were not those it had sealed" in told[0][1]
    assert told[1][1] == "north, the minute from 2026-11-20 10:03 UTC changed"


def test_an_original_of_a_card_is_sealed_where_it_lies(evidence: Evidence, tmp_path: Path) -> None:
    path = tmp_path / "data" / "downloads" / "north" / "a.rnd"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"CSV\r\n" * 1000)
    seal = evidence.seal_card_file(path)
    assert (seal.kind, seal.subject, seal.size_bytes) == ("card", "downloads/north/a.rnd", 5000)
    path.write_bytes(b"CSV\r\n" * 1001)
    (found,) = findings(evidence)
    assert (
        found.text == "downloads/north/a.rnd: 5 bytes longer than the 5000 it had: what begins at byte 5000 was added"
    )
    evidence.seal_card_file(path)  # it had grown on the card, and was fetched again
    assert findings(evidence) == []
    with pytest.raises(Invalid, match="not below"):
        evidence.seal_card_file(tmp_path / "elsewhere.rnd")
    with pytest.raises(DiskTrouble, match="cannot be read"):
        evidence.seal_card_file(path.with_name("b.rnd"))


def test_an_original_is_sealed_once_and_one_that_was_forgotten_later(
    evidence: Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data" / "record" / "card" / "north" / "Auto_0001"
    folder.mkdir(parents=True)
    (folder / "a.rnd").write_bytes(b"first")
    (folder / "b.rnd").write_bytes(b"second")
    (folder / ".c.rnd").write_bytes(b"not who")
    seal = evidence.seal_card_file(folder / "a.rnd")
    assert evidence.seal_card_file(folder / "a.rnd").number == seal.number
    with monkeypatch.context() as late:
        late.setattr(verification, "stored_below", lambda path: [])
        evidence.catch_up()
    assert sorted(evidence.chain.standing().files) == ["record/card/north/Auto_0001/a.rnd"]
    given = evidence.chain.standing()
    (found,) = verification.check_unsealed(tmp_path / "data", given, [], float("inf"))
    assert found.text == "record/card/north/Auto_0001/b.rnd: a file of the record without a seal"
    assert evidence.catch_up() == 1
    assert evidence.catch_up() == 0
    assert sorted(evidence.chain.standing().files) == [f"record/card/north/Auto_0001/{name}.rnd" for name in "ab"]


def test_a_forged_subject_reads_nothing_outside(evidence: Evidence, tmp_path: Path, database: Database) -> None:
    path = tmp_path / "data" / "a.rnd"
    path.write_bytes(b"x")
    evidence.seal_card_file(path)
    database.write(lambda session: session.execute(text("update seals set subject = '../../etc/passwd' where id = 1")))
    told = [found.text for found in findings(evidence)]
    assert "link 1 (card ../../etc/passwd) was changed" in told[0]
    assert any("leads out of the data directory" in each for each in told)
