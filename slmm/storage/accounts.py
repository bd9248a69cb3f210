"""Accounts: names, passwords (scrypt, in the thread pool) and roles."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from gevent.lock import BoundedSemaphore
from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session as SqlSession
from werkzeug.security import check_password_hash, generate_password_hash

from slmm.errors import Conflict, Invalid, NotFound
from slmm.storage.database import Database
from slmm.storage.models import SessionRow, UserRow

ROLES = ("viewer", "operator", "admin")
ADMIN = "admin"
SHORTEST, LONGEST = 10, 1024
AT_ONCE = max(1, min(2, (os.cpu_count() or 2) - 1))
"""Password checks side by side: each takes 95 ms of a core, and logins must fill neither the pool nor all cores."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with an account."""

    user_id: int
    name: str
    role: str
    is_enabled: bool
    created_at: datetime
    last_login_at: datetime | None


def _user(row: UserRow) -> User:
    return User(row.user_id, row.name, row.role, row.is_enabled, row.created_at, row.last_login_at)


def _key(name: str) -> str:
    return name.casefold()[:64]


def _row(session: SqlSession, name: str) -> UserRow:
    row = session.scalar(select(UserRow).where(UserRow.name_key == _key(name)))
    if row is None:
        raise NotFound(f"there is no account {name!r}")
    return row


def _check_name(name: str) -> None:
    if not 1 <= len(name) <= 64 or not name.isprintable() or name != name.strip():
        raise Invalid(f"name {name!r} is not allowed: 1–64 printable characters, no spaces around them", "name")


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise Invalid(f"role {role!r} is not allowed: {', '.join(ROLES)}", "role")


def _check_new_password(password: str, name: str) -> None:
    if not SHORTEST <= len(password) <= LONGEST:
        raise Invalid(f"the password needs {SHORTEST} to {LONGEST} characters", "password")
    if password.casefold() == name.casefold():
        raise Invalid("the password must not be the name", "password")


class Accounts:
    """Everybody who may log in."""

    def __init__(self, database: Database, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._now = now
        self._turn = BoundedSemaphore(AT_ONCE)
        self._has_users = False
        self._nobody_hash = ""

    def has_users(self) -> bool:
        """Whether there is anybody to log in as."""
        if not self._has_users:  # once there is one, the last administrator stays
            self._has_users = (
                self._database.read(lambda session: session.scalar(select(UserRow.user_id).limit(1))) is not None
            )
        return self._has_users

    def all(self) -> list[User]:
        """Every account, by name."""
        rows = self._database.read(lambda session: list(session.scalars(select(UserRow).order_by(UserRow.name_key))))
        return [_user(row) for row in rows]

    def get(self, name: str) -> User:
        """One account; raises NotFound."""
        return self._database.read(lambda session: _user(_row(session, name)))

    def create(self, name: str, password: str, role: str) -> User:
        """Let somebody in; raises Invalid, or Conflict for a name that is taken."""
        return self._create(name, password, role, is_first=False)

    def create_first(self, name: str, password: str) -> User:
        """The first account, an administrator; raises Conflict when there is one already."""
        return self._create(name, password, ADMIN, is_first=True)

    def _create(self, name: str, password: str, role: str, *, is_first: bool) -> User:
        _check_name(name)
        _check_role(role)
        _check_new_password(password, name)
        password_hash = self._hash(password)

        def insert(session: SqlSession) -> User:
            if is_first and session.scalar(select(func.count()).select_from(UserRow)):
                raise Conflict("there is an account already; log in with that")
            row = UserRow(
                name_key=_key(name),
                name=name,
                password_hash=password_hash,
                role=role,
                is_enabled=True,
                created_at=self._now(),
                last_login_at=None,
            )
            session.add(row)
            session.flush()
            return _user(row)

        try:
            return self._database.write(insert)
        except IntegrityError:
            raise Conflict(f"there is an account {name!r} already") from None

    def change(
        self, name: str, *, password: str | None = None, role: str | None = None, is_enabled: bool | None = None
    ) -> User:
        """Change what is given. A new password, or being disabled, ends the account's logins.

        Raises NotFound, Invalid, or Conflict when nobody would be left to administrate.
        """
        if role is not None:
            _check_role(role)
        if password is not None:
            _check_new_password(password, name)
        password_hash = None if password is None else self._hash(password)

        def update(session: SqlSession) -> User:
            row = _row(session, name)
            if password_hash is not None:
                row.password_hash = password_hash
            if role is not None:
                row.role = role
            if is_enabled is not None:
                row.is_enabled = is_enabled
            if password_hash is not None or is_enabled is False:
                session.execute(delete(SessionRow).where(SessionRow.user_id == row.user_id))
            session.flush()
            _keep_an_administrator(session)
            return _user(row)

        return self._database.write(update)

    def remove(self, name: str) -> None:
        """Remove an account with its logins; raises NotFound, or Conflict for the last administrator."""

        def erase(session: SqlSession) -> None:
            row = _row(session, name)
            session.execute(delete(SessionRow).where(SessionRow.user_id == row.user_id))
            session.delete(row)
            session.flush()
            _keep_an_administrator(session)

        self._database.write(erase)

    def check_password(self, name: str, password: str) -> User | None:
        """Who that is; None for a wrong password, an unknown name or a disabled account, all in the same time."""
        found = self._database.read(
            lambda session: session.scalar(select(UserRow).where(UserRow.name_key == _key(name)))
        )
        with self._turn:
            if found is None and not self._nobody_hash:
                self._nobody_hash = self._database.in_pool(generate_password_hash, secrets.token_hex())
            stored = found.password_hash if found is not None else self._nobody_hash
            fits = self._database.in_pool(check_password_hash, stored, password[:LONGEST])
        if found is None or not fits or not found.is_enabled:
            return None

        def note_login(session: SqlSession) -> User:
            row = _row(session, name)
            row.last_login_at = self._now()
            return _user(row)

        return self._database.write(note_login)

    def _hash(self, password: str) -> str:
        with self._turn:
            return self._database.in_pool(generate_password_hash, password)


def _keep_an_administrator(session: SqlSession) -> None:
    remaining = select(UserRow.user_id).where(UserRow.role == ADMIN, UserRow.is_enabled.is_(True)).limit(1)
    if session.scalar(remaining) is None:
        raise Conflict("this is the last enabled administrator; make another one first")
