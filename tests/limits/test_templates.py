from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from slmm.errors import NotFound
from slmm.limits import templates
from slmm.limits.calendar import Timetable
from slmm.limits.document import parse, to_json
from slmm.limits.judge import judge
from slmm.limits.standing import current
from slmm.limits.words import Verdict
from tests.limits.pieces import at, minutes

MONDAY = at("2026-06-01 00:00")
DAYS = timedelta(days=2)


@pytest.fixture(scope="module")
def loud() -> list:
    return minutes(MONDAY - timedelta(hours=13), [130.0] * 300, step=timedelta(minutes=15))


@pytest.fixture(scope="module")
def quiet() -> list:
    return minutes(MONDAY - timedelta(hours=13), [20.0] * 300, step=timedelta(minutes=15))


@pytest.mark.parametrize("name", templates.names())
def test_every_template_is_a_limit_that_names_its_source(name: str) -> None:
    found = templates.get(name)
    assert found.source
    assert found.authority
    assert found.scheme
    assert "authority has the last word" in found.note
    assert "Confirm" in found.note
    assert parse(to_json(found)) == found


@pytest.mark.parametrize("name", templates.names())
def test_every_template_tells_the_loud_from_the_quiet(name: str, loud: list, quiet: list) -> None:
    found = templates.get(name)
    if any(period.kind in ("fixed", "rolling") and period.length_s < 900 for period in _periods(name)):
        loud, quiet = _finer(130.0), _finer(20.0)
    beyond = judge(found, loud, MONDAY, MONDAY + DAYS, "Europe/Berlin")
    within = judge(found, quiet, MONDAY, MONDAY + DAYS, "Europe/Berlin")
    assert len(beyond) == len(within) > 0
    assert {judgement.verdict for judgement in beyond} == {Verdict.RED}
    assert {judgement.verdict for judgement in within} == {Verdict.OK}
    assert all(judgement.why.startswith("exceeded 130") for judgement in beyond if judgement.label[:2] != "Lr")
    afternoon = MONDAY + timedelta(hours=14, minutes=30)
    standing = current(found, [piece for piece in loud if piece.ends_at <= afternoon], afternoon, "Europe/Berlin")
    assert standing.verdict is Verdict.RED


def _periods(name: str) -> list:
    found = templates.get(name)
    return [found.period_of(row) for row in found.rows]


def _finer(level_db: float) -> list:
    return minutes(MONDAY - timedelta(hours=2), [level_db] * 600, step=timedelta(minutes=5))


def test_a_template_nobody_knows_is_not_found() -> None:
    with pytest.raises(NotFound, match="there is no template 'x'; there are denmark-mixed, events-15min"):
        templates.document("x")


def test_a_document_may_be_changed_without_changing_the_template() -> None:
    templates.document("events-15min")["rows"][0]["level_db"] = 1
    assert templates.get("events-15min").rows[0].level_db == 100
    assert templates.document("events-15min")["rows"][0]["level_db"] == 100


@pytest.mark.parametrize(
    ("name", "moment", "level_db"),
    [
        ("uk-bs5228-a", "2026-06-03 09:00 Europe/London", 65),
        ("uk-bs5228-a", "2026-06-06 09:00 Europe/London", 65),
        ("uk-bs5228-b", "2026-06-06 13:00 Europe/London", 60),
        ("uk-bs5228-c", "2026-06-07 23:30 Europe/London", 55),
        ("uk-order-11h", "2026-06-03 18:29 Europe/London", 65),
        ("uk-order-11h", "2026-06-03 18:30 Europe/London", None),
        ("uk-liverpool", "2026-06-03 23:00 Europe/London", 45),
        ("singapore-homes-5min", "2026-06-06 18:59 Asia/Singapore", 90),
        ("singapore-homes-5min", "2026-06-07 10:00 Asia/Singapore", 75),
        ("singapore-homes-5min", "2026-08-10 10:00 Asia/Singapore", 75),  # the Monday after National Day, a Sunday
        ("singapore-homes-long", "2026-06-03 20:00 Asia/Singapore", 65),
        ("singapore-hospitals-12h", "2026-06-03 03:00 Asia/Singapore", 50),
        ("germany-avv-d", "2026-06-03 19:59 Europe/Berlin", 55),
        ("germany-avv-d", "2026-06-03 20:00 Europe/Berlin", 40),
        ("netherlands-days", "2026-06-07 12:00 Europe/Amsterdam", None),
        ("nsw-background", "2026-06-03 12:00 Australia/Sydney", 45),
        ("nsw-background", "2026-06-06 12:59 Australia/Sydney", 45),
        ("nsw-background", "2026-06-06 13:00 Australia/Sydney", 40),
        ("nsw-background", "2026-06-07 07:30 Australia/Sydney", 35),
        ("nsw-background", "2026-12-25 12:00 Australia/Sydney", 40),
        ("hong-kong-b", "2026-07-01 10:00 Asia/Hong_Kong", 65),  # Establishment Day
        ("hong-kong-b", "2026-07-02 10:00 Asia/Hong_Kong", 75),
        ("japan-la5", "2026-06-03 10:00 Asia/Tokyo", 85),
        ("minnesota-l10", "2026-06-03 22:00 America/Chicago", 55),
        ("minnesota-l50", "2026-06-03 21:59 America/Chicago", 60),
        ("denmark-mixed", "2026-06-06 14:30 Europe/Copenhagen", 45),
        ("denmark-mixed", "2026-06-06 23:30 Europe/Copenhagen", 40),
    ],
)
def test_the_level_in_force_is_that_of_the_scheme(name: str, moment: str, level_db: float | None) -> None:
    text, zone = moment.rsplit(" ", 1)
    instant = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    hours = Timetable(templates.get(name), zone).hours_at(instant)
    assert (None if hours is None else hours.row.red_db) == level_db
