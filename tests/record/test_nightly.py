"""The backup that is made by itself: when it is due, what is in it, what is kept, and what is told when it fails."""

import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from slmm.record import nightly
from slmm.record.nightly import State
from slmm.settings import Settings
from slmm.storage import archive, backups, proof, upgrade
from slmm.storage.backups import Backups
from slmm.storage.secrets import SecretBox
from slmm.storage.upgrade import MIGRATIONS

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    """A data directory with a database of the newest schema and a key."""
    made = make_settings(backup_keep=2)
    made.data_dir.mkdir()
    upgrade.upgrade(made.sqlalchemy_url, MIGRATIONS, made.data_dir / "backups")
    SecretBox.open(made.data_dir / "secret.key")
    return made


@pytest.mark.parametrize(
    ("now", "last", "then"),
    [
        ("2026-07-01T12:00", "2026-07-01T01:10", "2026-07-02T01:10"),
        ("2026-07-01T01:09", "2026-06-30T01:10", "2026-07-01T01:10"),
        ("2026-07-01T01:10", "2026-07-01T01:10", "2026-07-02T01:10"),
        ("2026-10-25T12:00", "2026-10-25T02:10", "2026-10-26T02:10"),  # the night with one hour more
        ("2026-03-29T12:00", "2026-03-29T01:10", "2026-03-30T01:10"),  # the night with one hour less
    ],
)
def test_it_is_due_by_the_clock_on_the_wall(now: str, last: str, then: str) -> None:
    assert nightly.last_due(at(now), "03:10", BERLIN) == at(last)
    assert nightly.next_due(at(now), "03:10", BERLIN) == at(then)


def test_a_time_that_was_slept_through_is_made_up_for_and_a_failure_is_tried_again() -> None:
    state = State(since="2026-07-01T00:00:00+00:00")
    assert not nightly.is_due(state, at("2026-07-01T01:09"), "03:10", BERLIN), "not before its time"
    assert nightly.is_due(state, at("2026-07-01T09:00"), "03:10", BERLIN)
    tried = State(since=state.since, tried_at="2026-07-01T09:00:00+00:00", succeeded_at="2026-07-01T09:00:00+00:00")
    assert not nightly.is_due(tried, at("2026-07-01T20:00"), "03:10", BERLIN), "once a day"
    assert nightly.is_due(tried, at("2026-07-03T20:00"), "03:10", BERLIN)
    failed = State(since=state.since, tried_at="2026-07-01T09:00:00+00:00", error="no room")
    assert not nightly.is_due(failed, at("2026-07-01T09:59"), "03:10", BERLIN)
    assert nightly.is_due(failed, at("2026-07-01T07:00"), "03:10", BERLIN), "the clock was set back"
    assert nightly.is_due(tried, at("2026-06-28T20:00"), "03:10", BERLIN), "it was tried while the clock was wrong"
    assert nightly.is_due(failed, at("2026-07-01T10:00"), "03:10", BERLIN)


def test_each_is_restored_and_only_the_newest_are_kept(settings: Settings) -> None:
    state = State(since="2026-06-30T00:00:00+00:00")
    by_hand = settings.data_dir / "backups" / backups.new_name(NOON)
    archive.write(settings.data_dir, settings.data_dir / "slmm.db", by_hand, "1.0")
    names = []
    for day in range(4):
        state = nightly.make(settings, state, NOON + timedelta(days=day))
        assert state.error is None
        assert state.name is not None
        names.append(state.name)
    book = Backups(settings.data_dir)
    assert {each.name for each in book.all()} == {by_hand.name, *names[2:]}, "what was made by hand is nobody's"
    newest = next(each for each in book.all() if each.name == names[3])
    assert newest.is_proved
    assert newest.proof is not None
    assert newest.proof.rows is not None
    left = [path.name for path in settings.data_dir.iterdir() if path.name.startswith(".")]
    assert left == [], "the place where it was tried is gone"
    assert len(list(book.folder.glob("*.proof.json"))) == 2


def test_the_last_that_was_restored_is_never_removed(settings: Settings) -> None:
    made = nightly.make(settings, State(since="2026-06-30T00:00:00+00:00"), NOON)
    book = Backups(settings.data_dir)
    for day in range(1, 5):
        name = backups.new_name(NOON + timedelta(days=day), is_scheduled=True)
        archive.write(settings.data_dir, settings.data_dir / "slmm.db", book.folder / name, "1.0")
    going = [each.name for each in backups.surplus(book.all(), 1)]
    assert made.name not in going
    assert len(going) == 3


def test_a_backup_that_cannot_be_restored_is_an_error_and_stays_marked(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = archive.rows_of

    def others(database: Path) -> dict[str, int]:
        """One row more than was backed up, where it is restored."""
        return {**real(database), "nl43_config": 7} if "tree" in database.parts else real(database)

    with monkeypatch.context() as patched:
        patched.setattr(archive, "rows_of", others)
        state = nightly.make(settings, State(since="2026-06-30T00:00:00+00:00"), NOON)
    assert "nl43_config" in (state.error or "")
    assert (state.failures, state.succeeded_at) == (1, None)
    (kept,) = Backups(settings.data_dir).all()
    assert "nl43_config" in (kept.trouble or "")
    assert Backups(settings.data_dir).newest_usable() is None
    again = nightly.make(settings, state, NOON + timedelta(hours=1))
    assert (again.error, again.failures) == (None, 1)


def test_a_disk_without_room_is_told_and_nothing_is_half_made(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "KEEP_FREE_BYTES", 10**15)
    state = nightly.make(settings, State(since="2026-06-30T00:00:00+00:00"), NOON)
    assert "free" in (state.error or "")
    assert Backups(settings.data_dir).all() == []
    assert [path.name for path in (settings.data_dir / "backups").iterdir() if path.suffix != ".lock"] == []


def test_it_is_copied_elsewhere_and_made_up_for_when_elsewhere_was_away(settings: Settings, tmp_path: Path) -> None:
    elsewhere = tmp_path / "share"
    to_share = settings.model_copy(update={"backup_to": elsewhere})
    state = nightly.make(to_share, State(since="2026-06-30T00:00:00+00:00"), NOON)
    assert state.error is None
    assert "is it mounted?" in (state.copy_error or "")
    assert nightly.is_due(state, NOON + timedelta(hours=1), "03:10", BERLIN)
    elsewhere.mkdir()
    again = nightly.make(to_share, state, NOON + timedelta(hours=1))
    assert (again.copy_error, again.name) == (None, state.name), "no second one is made"
    assert state.name is not None
    copied = elsewhere / state.name
    assert archive.sha256_of(copied) == archive.sha256_of(settings.data_dir / "backups" / state.name)
    assert copied.stat().st_mode & 0o077 == 0
    for day in range(1, 4):
        again = nightly.make(to_share, again, NOON + timedelta(days=day))
    assert len(list(elsewhere.iterdir())) == 2
    assert nightly.is_on_same_disk(to_share)


def test_the_record_is_left_out_where_it_takes_too_much(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    (settings.data_dir / "record").mkdir()
    monkeypatch.setattr(nightly, "free_bytes", lambda folder: 10_000)
    monkeypatch.setattr(nightly, "folder_bytes", lambda folder: 4_000)
    state = nightly.make(settings, State(since="2026-06-30T00:00:00+00:00"), NOON)
    assert (state.error, state.record_at) == (None, None)
    assert "more than half" in (state.record_note or "")


def test_a_proof_is_of_one_file_only(settings: Settings) -> None:
    state = nightly.make(settings, State(since="2026-06-30T00:00:00+00:00"), NOON)
    assert state.name is not None
    path = settings.data_dir / "backups" / state.name
    assert proof.proof_of(path) is not None
    path.write_bytes(path.read_bytes() + b"\0")
    assert proof.proof_of(path) is None


def test_a_key_that_opens_nothing_is_found(settings: Settings) -> None:
    box = SecretBox.open(settings.data_dir / "secret.key")
    with sqlite3.connect(settings.data_dir / "slmm.db") as connection:
        connection.execute(
            "insert into alert_channels (name, kind, config_sealed, is_enabled, is_paused, failures, created_at)"
            " values ('mail', 'mail', ?, 1, 0, 0, '2026-01-01 00:00:00')",
            [box.seal("{}")],
        )
    connection.close()
    good = nightly.make(settings, State(since="2026-06-30T00:00:00+00:00"), NOON)
    assert good.error is None
    (settings.data_dir / "secret.key").unlink()
    SecretBox.open(settings.data_dir / "secret.key")
    wrong = nightly.make(settings, good, NOON + timedelta(days=1))
    assert "does not open" in (wrong.error or "")


def test_the_state_outlives_the_service(settings: Settings) -> None:
    state = nightly.load(settings.data_dir, NOON)
    assert nightly.load(settings.data_dir, NOON + timedelta(days=9)) == state
    nightly.keep(settings.data_dir, State(since=state.since, error="no room", failures=3))
    assert nightly.load(settings.data_dir, NOON).failures == 3
    (settings.data_dir / "backups" / nightly.STATE).write_text("{")
    assert nightly.load(settings.data_dir, NOON).error is None
    assert json.loads((settings.data_dir / "backups" / nightly.STATE).read_text())["failures"] == 0
