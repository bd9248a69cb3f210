"""What people would have entered in the demo by now: names, limits, rules, a remark, an exclusion, calibrations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from slmm.limits.document import parse
from slmm.storage.calibrations import CalibrationBook, NewCalibration
from slmm.storage.database import Database
from slmm.storage.limits import LimitBook
from slmm.storage.models import CalibrationRow, LimitRow, RemarkRow, RuleRow
from slmm.storage.remarks import NewRemark, RemarkBook

BY, CALIBRATOR = "demo", "Rion NC-75"


@dataclass(frozen=True, slots=True)
class Place:
    """One meter of the demo; degrees in WGS 84."""

    scenario: str
    name: str
    site: str
    latitude: float
    longitude: float


UNITS = {
    "demo-traffic": Place("traffic", "Station Road", "Ring road widening", 53.5526, 9.9354),
    "demo-site": Place("site", "Pile driving, east fence", "Ring road widening", 53.5548, 9.9412),
    "demo-quiet": Place("quiet", "Back yard, no. 14", "Ring road widening", 53.5569, 9.9377),
}
"""In the order in which the emulator deals out its scenarios."""

_RULE: dict[str, Any] = {"comparison": "above", "clear_margin_db": 3.0, "cooldown_s": 60, "channels": "log"}
BROKEN_NOW_AND_THEN = {
    **_RULE,
    "name": "Single events",
    "metric": "lp",
    "threshold_db": 58.0,
    "red_threshold_db": 75.0,
    "duration_s": 3,
}
"""What every meter is watched for: the street and the site break it soon, the quiet yard does not."""
BROKEN_AT_ONCE = {**_RULE, "name": "Site mean too high", "metric": "leq", "threshold_db": 62.0, "duration_s": 0}
"""The mean of the site since the start is above it, so the first reading opens an alert that stays open."""

_LAST_WORD = "An example of the demo; the values that count are those of the authority."
LIMITS: dict[str, dict[str, Any]] = {
    "demo-site": {
        "name": "Construction: day, evening, night",
        "rows": [
            {"name": "day", "from": "07:00", "until": "18:00", "level_db": 75},
            {"name": "evening", "from": "18:00", "until": "22:00", "level_db": 70},
            {"name": "night", "from": "22:00", "until": "07:00", "level_db": 65},
        ],
    },
    "demo-traffic": {
        "name": "Street, hour by hour",
        "rows": [{"name": "all day", "from": "00:00", "until": "24:00", "level_db": 65}],
    },
    "demo-quiet": {
        "name": "Dwellings, hour by hour",
        "rows": [{"name": "all day", "from": "00:00", "until": "24:00", "level_db": 50}],
    },
}
"""The site keeps its limit by day and breaks it by night, the street comes close to it, the yard is far below."""


def clear(database: Database) -> None:
    """Forget what an earlier demo entered for these meters."""

    def erase(session: Session) -> None:
        for unit_id in (RuleRow.unit_id, LimitRow.unit_id, RemarkRow.unit_id, CalibrationRow.unit_id):
            session.execute(delete(unit_id.class_).where(unit_id.in_(UNITS)))

    database.write(erase)


def enter(database: Database, now: datetime) -> None:
    """Everything that people would have entered; the meters are on the roster."""
    limits, remarks, calibrations = LimitBook(database), RemarkBook(database), CalibrationBook(database)
    for unit_id, members in LIMITS.items():
        document = {"quantity": "laeq", "period": {"kind": "fixed", "length": "1h"}, "note": _LAST_WORD, **members}
        limits.add(unit_id, parse(document), BY)
    rules = [RuleRow(unit_id=unit_id, **BROKEN_NOW_AND_THEN) for unit_id in UNITS]
    rules.append(RuleRow(unit_id="demo-site", **BROKEN_AT_ONCE))

    def put_rules(session: Session) -> None:
        for rule in rules:
            rule.created_at, rule.version, rule.enabled = now, 1, True
            session.add(rule)

    database.write(put_rules)

    def ago(**span: float) -> datetime:
        return now - timedelta(**span)

    remarks.add(
        "demo-traffic",
        NewRemark(ago(hours=4), ago(hours=4), "remark", False, "Diversion of the bus lines begins"),
        BY,
    )
    remarks.add(
        "demo-site",
        NewRemark(ago(hours=6), ago(hours=5, minutes=35), "weather", True, "Thunderstorm, wind above 5 m/s"),
        BY,
    )
    for unit_id, drift_db in (("demo-site", -0.1), ("demo-traffic", 0.0)):
        before = NewCalibration(ago(hours=24), "before", 94.2, adjusted_db=94.0, calibrator=CALIBRATOR)
        check = NewCalibration(ago(minutes=50), "check", 94.0 + drift_db, calibrator=CALIBRATOR)
        for each in (before, check):
            calibrations.add(unit_id, each, BY)
