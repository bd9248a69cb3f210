"""Logins in browsers: kept here, so that they can be listed and ended; of the cookie only a hash."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Row, Select, delete, select, update
from sqlalchemy.orm import Session as SqlSession

from slmm.storage.accounts import User
from slmm.storage.database import Database
from slmm.storage.models import SessionRow, UserRow
from slmm.storage.remembered import Remembered

LIFETIME, IDLE = timedelta(days=30), timedelta(days=7)
NOTED_EVERY = timedelta(minutes=1)
"""How often the last use is written."""


def sha256(secret: str) -> str:
    """What is stored of a random secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Session:
    """A login; name and role are those of the account at present."""

    session_id: int
    user_id: int
    name: str
    role: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    address: str
    user_agent: str


def _session(row: Row[SessionRow, UserRow]) -> Session:
    login, user = row
    return Session(
        login.session_id,
        user.user_id,
        user.name,
        user.role,
        login.created_at,
        login.last_used_at,
        login.expires_at,
        login.address,
        login.user_agent,
    )


class Sessions:
    """All logins."""

    def __init__(self, database: Database, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._now = now
        self._found: Remembered[str, Session] = Remembered()

    def open(self, user: User, address: str, user_agent: str) -> tuple[Session, str]:
        """A new login and the secret for its cookie."""
        secret, now = secrets.token_urlsafe(32), self._now()

        def insert(session: SqlSession) -> int:
            row = SessionRow(
                user_id=user.user_id,
                secret_sha256=sha256(secret),
                created_at=now,
                last_used_at=now,
                expires_at=now + LIFETIME,
                address=address[:64],
                user_agent=user_agent[:200],
            )
            session.add(row)
            session.flush()
            return row.session_id

        number = self._database.write(insert)
        opened = Session(number, user.user_id, user.name, user.role, now, now, now + LIFETIME, address, user_agent)
        return opened, secret

    def _valid(self) -> Select[SessionRow, UserRow]:
        now = self._now()
        return (
            select(SessionRow, UserRow)
            .join(UserRow, UserRow.user_id == SessionRow.user_id)
            .where(UserRow.is_enabled.is_(True), SessionRow.expires_at > now, SessionRow.last_used_at > now - IDLE)
        )

    def find(self, secret: str) -> Session | None:
        """The login of that cookie, if it still holds; noted as used."""
        key = sha256(secret)
        if (known := self._found.get(key)) is not None:
            return known
        query = self._valid().where(SessionRow.secret_sha256 == key)
        row = self._database.read(lambda session: session.execute(query).first())
        if row is None:
            return None
        found = _session(row)
        now = self._now()
        if now - found.last_used_at >= NOTED_EVERY:
            used = update(SessionRow).where(SessionRow.session_id == found.session_id).values(last_used_at=now)
            self._database.write(lambda session: session.execute(used))
        self._found.put(key, found)
        return found

    def is_valid(self, session_id: int) -> bool:
        """Whether a login still holds."""
        query = self._valid().where(SessionRow.session_id == session_id)
        return self._database.read(lambda session: session.execute(query).first()) is not None

    def of(self, user_id: int) -> list[Session]:
        """The logins of an account that still hold, newest first."""
        query = self._valid().where(SessionRow.user_id == user_id).order_by(SessionRow.session_id.desc())
        return [_session(row) for row in self._database.read(lambda session: list(session.execute(query)))]

    def all(self) -> list[Session]:
        """The logins of all accounts that still hold, newest first."""
        query = self._valid().order_by(SessionRow.session_id.desc())
        return [_session(row) for row in self._database.read(lambda session: list(session.execute(query)))]

    def close(self, secret: str) -> None:
        """Log out; doing it twice does no harm."""
        self._delete(delete(SessionRow).where(SessionRow.secret_sha256 == sha256(secret)))

    def close_id(self, session_id: int) -> None:
        """End one login."""
        self._delete(delete(SessionRow).where(SessionRow.session_id == session_id))

    def forget(self) -> None:
        """Something about accounts has changed: look into the database again."""
        self._found.clear()

    def prune(self) -> None:
        """Remove what holds no longer."""
        now = self._now()
        self._delete(delete(SessionRow).where((SessionRow.expires_at <= now) | (SessionRow.last_used_at <= now - IDLE)))

    def _delete(self, statement: object) -> None:
        self._database.write(lambda session: session.execute(statement))  # type: ignore[call-overload]
        self.forget()
