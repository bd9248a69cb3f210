"""The address book."""

from __future__ import annotations

from typing import Any

import pytest

from slmm.alerts.people import People
from slmm.errors import Invalid, NotFound
from slmm.storage.database import Database
from tests.storage.conftest import database  # noqa: F401 - a fixture

ANNA = "anna@example.org"
NIGHT: dict[str, Any] = {"quiet_start": "22:00", "quiet_end": "07:00", "quiet_for_red": False}


@pytest.fixture
def people(database: Database) -> People:  # noqa: F811 - the fixture
    return People(database)


def test_an_address_is_described_anew_as_a_whole(people: People) -> None:
    people.put(ANNA, {**NIGHT, "name": "Anna", "timezone": "Europe/Berlin"})
    people.put(ANNA, {"name": "Anna K."})
    (row,) = people.all()
    assert (row.name, row.quiet_start, row.quiet_for_red, row.timezone) == ("Anna K.", None, False, None)


def test_everybody_by_address(people: People) -> None:
    for address in ("zoe@example.org", ANNA):
        people.put(address, NIGHT)
    assert [row.address for row in people.all()] == [ANNA, "zoe@example.org"]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"quiet_start": "22:00"}, "quiet_end"),
        ({"quiet_end": "07:00"}, "quiet_start"),
        ({"quiet_start": "22:00", "quiet_end": "22:00"}, "quiet_end"),
    ],
)
def test_quiet_hours_have_two_different_ends(people: People, values: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        people.put(ANNA, {"quiet_for_red": False, **values})
    assert caught.value.field == field
    assert people.all() == []


def test_who_is_removed_has_no_quiet_hours(people: People) -> None:
    people.put(ANNA, NIGHT)
    people.remove(ANNA)
    assert people.all() == []
    with pytest.raises(NotFound):
        people.remove(ANNA)
