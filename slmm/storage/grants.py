"""API tokens and share links: random secrets, shown once, kept as hashes, expiring and revocable."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session as SqlSession

from slmm.errors import Invalid, NotFound
from slmm.storage.accounts import ROLES
from slmm.storage.database import Database
from slmm.storage.models import ShareRow, TokenRow
from slmm.storage.remembered import Remembered
from slmm.storage.sessions import NOTED_EVERY, sha256

SHOWN_CHARACTERS = 10


@dataclass(frozen=True, slots=True)
class Token:
    """What lets a program in."""

    token_id: int
    name: str
    prefix: str
    role: str
    units: tuple[str, ...] | None
    """The only units it is good for; None for all."""
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Share:
    """What shows the levels of some units to whoever has the link."""

    share_id: int
    name: str
    prefix: str
    units: tuple[str, ...]
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


G = TypeVar("G", Token, Share)
R = TypeVar("R", TokenRow, ShareRow)


class _Grants(Generic[R, G]):
    """What both have in common."""

    def __init__(
        self,
        database: Database,
        row: type[R],
        grant: type[G],
        key: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._row: type[R] = row
        self._grant: type[G] = grant
        self._key = key
        self._now = now
        self._found: Remembered[str, G] = Remembered()

    def _view(self, row: R) -> G:
        values = {name: getattr(row, name) for name in self._grant.__slots__}
        values["units"] = None if row.units is None else tuple(row.units)
        grant: G = self._grant(**values)
        return grant

    def _add(self, mark: str, name: str, units: tuple[str, ...] | None, **values: Any) -> tuple[G, str]:
        if not 1 <= len(name) <= 64 or not name.isprintable():
            raise Invalid(f"name {name!r} is not allowed: 1–64 printable characters", "name")
        secret = mark + secrets.token_urlsafe(32)
        row = self._row(
            name=name,
            secret_sha256=sha256(secret),
            prefix=secret[:SHOWN_CHARACTERS],
            units=None if units is None else list(units),
            created_at=self._now(),
            **values,
        )

        def insert(session: SqlSession) -> G:
            session.add(row)
            session.flush()
            return self._view(row)

        return self._database.write(insert), secret

    def all(self) -> list[G]:
        """Every one, newest first, revoked ones too."""
        query = select(self._row).order_by(getattr(self._row, self._key).desc())
        return [self._view(row) for row in self._database.read(lambda session: list(session.scalars(query)))]

    def find(self, secret: str) -> G | None:
        """The one of that secret, if it still holds; noted as used."""
        key = sha256(secret)
        known = self._found.get(key)
        if known is not None and self._holds(known):
            return known
        query = select(self._row).where(self._row.secret_sha256 == key)
        row = self._database.read(lambda session: session.scalar(query))
        if row is None or not self._holds(found := self._view(row)):
            return None
        self._note_use(found)
        self._found.put(key, found)
        return found

    def _holds(self, grant: G) -> bool:
        return grant.revoked_at is None and (grant.expires_at is None or grant.expires_at > self._now())

    def _note_use(self, grant: G) -> None:
        now = self._now()
        if grant.last_used_at is not None and now - grant.last_used_at < NOTED_EVERY:
            return

        def note(session: SqlSession) -> None:
            if (row := session.get(self._row, getattr(grant, self._key))) is not None:
                row.last_used_at = now

        self._database.write(note)

    def is_valid(self, number: int) -> bool:
        """Whether one still holds."""
        row = self._database.read(lambda session: session.get(self._row, number))
        return row is not None and self._holds(self._view(row))

    def revoke(self, number: int) -> None:
        """It is good for nothing from now on; raises NotFound. Doing it twice does no harm."""

        def end(session: SqlSession) -> None:
            row = session.get(self._row, number)
            if row is None:
                raise NotFound(f"there is no {self._grant.__name__.lower()} {number}")
            row.revoked_at = row.revoked_at or self._now()

        self._database.write(end)
        self._found.clear()


class Tokens(_Grants[TokenRow, Token]):
    """All API tokens."""

    def __init__(self, database: Database, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(database, TokenRow, Token, "token_id", now)

    def create(
        self, name: str, role: str, units: tuple[str, ...] | None, expires_at: datetime | None, created_by: str
    ) -> tuple[Token, str]:
        """A new token and its secret, which is not kept; raises Invalid."""
        if role not in ROLES:
            raise Invalid(f"role {role!r} is not allowed: {', '.join(ROLES)}", "role")
        return self._add("slmm_", name, units, role=role, expires_at=expires_at, created_by=created_by)


class Shares(_Grants[ShareRow, Share]):
    """All share links."""

    def __init__(self, database: Database, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(database, ShareRow, Share, "share_id", now)

    def create(
        self, name: str, units: tuple[str, ...], expires_at: datetime | None, created_by: str
    ) -> tuple[Share, str]:
        """A new link's secret part, which is not kept; raises Invalid for one that shows no unit."""
        if not units:
            raise Invalid("a share link needs at least one unit to show", "units")
        return self._add("share_", name, units, expires_at=expires_at, created_by=created_by)
