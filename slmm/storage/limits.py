"""The limits of each unit: checked documents as rows, each with a version that counts its changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from slmm.errors import Conflict, Invalid, NotFound
from slmm.limits.document import Limit, parse, to_json
from slmm.limits.rows import Fixed, Noisiest, Rolling
from slmm.storage.database import Database
from slmm.storage.models import LimitRow, RuleRow

MINUTE_S = 60
MOST_LIMITS = 50
"""Of one unit."""


@dataclass(frozen=True, slots=True)
class KeptLimit:
    """A limit on record."""

    limit_id: int
    unit_id: str
    limit: Limit
    template: str | None
    """What it was made from; its members may have been changed since."""
    version: int
    is_enabled: bool
    made_by: str
    made_at: datetime
    changed_at: datetime | None


def check(limit: Limit) -> None:
    """Raise Invalid for one that minutes on record cannot be held against."""
    for at, row in enumerate(limit.rows):
        period = limit.period_of(row)
        if isinstance(period, (Fixed, Rolling, Noisiest)) and period.length_s % MINUTE_S:
            field = "period.length" if row.period is None else f"rows.{at}.period.length"
            raise Invalid(
                f"{field} {period.length!r} is not allowed here: limits are judged from minutes on record, so whole"
                " minutes such as 5min",
                field=field,
            )


class LimitBook:
    """Limits of all units; those of units that are gone stay, for what was judged by them does."""

    def __init__(self, database: Database, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.changed: Callable[[str], None] = lambda unit_id: None
        """Called with a unit after its limits have changed."""
        self.known: dict[int, KeptLimit] = {}
        """All that can be read, by number, in memory; see ``load``."""
        self._database = database
        self._now = now

    def load(self) -> None:
        """Read all of them into memory."""
        self.known.clear()
        self.known.update({kept.limit_id: kept for kept in self.all()})

    def all(self, unit_id: str | None = None) -> list[KeptLimit]:
        """The limits of a unit, or of all; one that cannot be read any more is left out."""
        query = select(LimitRow).order_by(LimitRow.id)
        if unit_id is not None:
            query = query.where(LimitRow.unit_id == unit_id)
        rows = self._database.read(lambda session: list(session.scalars(query)))
        found = []
        for row in rows:
            try:
                found.append(_kept(row))
            except Invalid:  # written by another release
                continue
        return found

    def get(self, unit_id: str, limit_id: int) -> KeptLimit:
        """One limit; raises NotFound."""
        return _kept(self._database.read(lambda session: _find(session, unit_id, limit_id)))

    def add(
        self, unit_id: str, limit: Limit, by: str, *, template: str | None = None, is_enabled: bool = True
    ) -> KeptLimit:
        """Keep a new limit; raises Invalid, and Conflict for a name that is taken or one limit too many."""
        check(limit)

        def work(session: Session) -> LimitRow:
            names = set(session.scalars(select(LimitRow.name).where(LimitRow.unit_id == unit_id)))
            if len(names) >= MOST_LIMITS:
                raise Conflict(f"{unit_id} has {len(names)} limits, and {MOST_LIMITS} are allowed")
            _refuse_taken(names, unit_id, limit.name)
            row = LimitRow(
                unit_id=unit_id,
                name=limit.name,
                document=to_json(limit),
                template=template,
                version=1,
                enabled=is_enabled,
                made_by=by[:128],
                made_at=self._now(),
            )
            session.add(row)
            session.flush()
            return row

        return self._changed(_kept(self._written(work, unit_id, limit.name)))

    def change(
        self,
        unit_id: str,
        limit_id: int,
        *,
        limit: Limit | None = None,
        is_enabled: bool | None = None,
        expected_version: int | None = None,
    ) -> KeptLimit:
        """Another document, or switched on or off; what stays the same is no new version.

        Raises NotFound, Invalid, and Conflict when it is not at *expected_version* any more or its name is taken.
        """
        if limit is not None:
            check(limit)

        def work(session: Session) -> LimitRow:
            row = _find(session, unit_id, limit_id)
            if expected_version is not None and row.version != expected_version:
                raise Conflict(f"limit {limit_id} of {unit_id} is at version {row.version}, not {expected_version}")
            document = row.document if limit is None else to_json(limit)
            is_on = row.enabled if is_enabled is None else is_enabled
            if document == row.document and is_on == row.enabled:
                return row
            if limit is not None and limit.name != row.name:
                _refuse_taken(
                    set(session.scalars(select(LimitRow.name).where(LimitRow.unit_id == unit_id))), unit_id, limit.name
                )
                row.name = limit.name
            row.document, row.enabled = document, is_on
            row.version += 1
            row.changed_at = self._now()
            session.flush()
            return row

        return self._changed(_kept(self._written(work, unit_id, limit.name if limit else "")))

    def remove(self, unit_id: str, limit_id: int) -> None:
        """Forget a limit; raises NotFound, and Conflict while an alert rule refers to it."""

        def work(session: Session) -> None:
            row = _find(session, unit_id, limit_id)
            rules = list(session.scalars(select(RuleRow).where(RuleRow.limit_id == limit_id).order_by(RuleRow.id)))
            if rules:
                names = ", ".join(f"{rule.id} ({rule.name})" for rule in rules)
                raise Conflict(
                    f"limit {limit_id} ({row.name}) of {unit_id} is watched by alert rule {names}: remove that first"
                )
            session.delete(row)

        self._database.write(work)
        self.known.pop(limit_id, None)
        self.changed(unit_id)

    def _changed(self, kept: KeptLimit) -> KeptLimit:
        if self.known.get(kept.limit_id) != kept:
            self.known[kept.limit_id] = kept
            self.changed(kept.unit_id)
        return kept

    def _written(self, work: Callable[[Session], LimitRow], unit_id: str, name: str) -> LimitRow:
        try:
            return self._database.write(work)
        except IntegrityError as error:
            raise Conflict(f"{unit_id} has a limit {name!r} already") from error


def _refuse_taken(names: set[str], unit_id: str, name: str) -> None:
    if name in names:
        raise Conflict(f"{unit_id} has a limit {name!r} already; give this one another name")


def _kept(row: LimitRow) -> KeptLimit:
    return KeptLimit(
        row.id,
        row.unit_id,
        parse(row.document),
        row.template,
        row.version,
        row.enabled,
        row.made_by,
        row.made_at,
        row.changed_at,
    )


def _find(session: Session, unit_id: str, limit_id: int) -> LimitRow:
    row = session.get(LimitRow, limit_id)
    if row is None or row.unit_id != unit_id:
        raise NotFound(f"{unit_id} has no limit {limit_id}")
    return row
