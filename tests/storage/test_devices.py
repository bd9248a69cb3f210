"""The roster: committed before it is shown, told after, one change at a time."""

import sqlite3
from contextlib import closing
from pathlib import Path

import gevent
import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from slmm import signals
from slmm.errors import Conflict, NotFound
from slmm.events import RosterChange
from slmm.storage.database import Database
from slmm.storage.devices import Device, Roster
from slmm.storage.models import DeviceRow


def stored(database: Database) -> dict[str, str]:
    return database.read(lambda session: {row.unit_id: row.host for row in session.scalars(select(DeviceRow))})


def test_a_change_is_in_the_database_when_it_is_told(database: Database, roster: Roster) -> None:
    found: list[tuple[str, str, dict[str, str]]] = []

    def receive(sender: str, event: RosterChange) -> None:
        found.append((event.unit_id, event.change, stored(database)))

    with signals.roster_changed.connected_to(receive):
        roster.add(Device("a", "10.0.0.1"))
        roster.change("a", host="10.0.0.2")
        roster.remove("a")
    assert found == [
        ("a", "added", {"a": "10.0.0.1"}),
        ("a", "changed", {"a": "10.0.0.2"}),
        ("a", "removed", {}),
    ]


def test_what_was_stored_is_there_after_a_restart(database: Database, roster: Roster) -> None:
    device = Device("a", "10.0.0.1", ftp_username="u", ftp_password="secret", monitor_enabled=True, is_active=False)
    roster.add(device)
    again = Roster(database)
    again.load()
    assert again.get("a") == device


def test_two_at_once_with_one_name_are_one_unit_and_one_conflict(roster: Roster) -> None:
    jobs = [gevent.spawn(roster.add, Device("a", f"10.0.0.{n}")) for n in range(2)]
    gevent.joinall(jobs)
    assert [type(job.exception) for job in jobs if job.exception] == [Conflict]
    assert len(roster) == 1


def test_a_unit_nobody_knows_is_an_error_that_names_it(roster: Roster) -> None:
    for act in (roster.get, roster.remove, lambda unit_id: roster.change(unit_id, host="h")):
        with pytest.raises(NotFound, match="ghost"):
            act("ghost")


def test_a_password_is_not_shown_in_a_representation() -> None:
    assert "hush" not in repr(Device("a", "h", ftp_password="hush"))


def test_a_change_that_cannot_be_committed_is_not_shown_and_not_told(
    tmp_path: Path, database: Database, roster: Roster
) -> None:
    roster.add(Device("a", "10.0.0.1"))
    database.write(lambda session: session.connection().exec_driver_sql("PRAGMA busy_timeout=50"))
    told: list[RosterChange] = []

    def receive(sender: str, event: RosterChange) -> None:
        told.append(event)

    acts = (
        lambda: roster.add(Device("b", "h")),
        lambda: roster.change("a", host="h"),
        lambda: roster.remove("a"),
    )
    with (
        closing(sqlite3.connect(tmp_path / "slmm.db")) as other,
        signals.roster_changed.connected_to(receive),
    ):
        other.execute("BEGIN IMMEDIATE")
        for act in acts:
            with pytest.raises(OperationalError, match="locked"):
                act()
        other.rollback()
    assert told == []
    assert [(device.unit_id, device.host) for device in roster.all()] == [("a", "10.0.0.1")]


def test_putting_tells_whether_the_unit_is_new(database: Database, roster: Roster) -> None:
    assert roster.put(Device("b", "10.0.0.1"))
    assert not roster.put(Device("b", "10.0.0.2"))
    assert roster.put(Device("a", "10.0.0.3"))
    assert stored(database) == {"a": "10.0.0.3", "b": "10.0.0.2"}
    assert ["a" in roster, "c" in roster] == [True, False]
    assert [device.unit_id for device in roster.all()] == ["a", "b"]
