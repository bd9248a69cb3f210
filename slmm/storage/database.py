"""The one door to SQL: engine, pragmas, sessions, and the pool that keeps it all off the hub."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, ParamSpec, TypeVar

import gevent
from gevent.threadpool import ThreadPool
from sqlalchemy import DateTime, Engine, MetaData, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from slmm.errors import Invalid
from slmm.storage.threads import run_in

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

READERS = 4
BUSY_TIMEOUT_MS = 5000
CLOSE_WITHIN_S = 2.0


class Base(DeclarativeBase):
    """All tables; names of constraints are fixed so that migrations can find them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant, stored as UTC without a zone; refuses naive times."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """To the database."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """From the database."""
        return None if value is None else value.replace(tzinfo=UTC)


def engine_options(url: str) -> dict[str, Any]:
    """Keyword arguments for ``create_engine``: room for every pool thread, no more.

    Raises Invalid for SQLite in memory: each thread would see a database of its own.
    """
    options: dict[str, Any] = {"pool_size": READERS + 1, "max_overflow": 2}
    options["hide_parameters"] = True  # the message of a failed statement must not carry an FTP password
    try:
        found = make_url(url)
    except ArgumentError:  # its message is the URL, which may hold a password
        raise Invalid("this is not the URL of a database", field="database_url") from None
    if found.get_backend_name() == "sqlite":
        if found.database in (None, "", ":memory:"):
            raise Invalid(f"{url} is SQLite in memory, which keeps nothing; name a file", field="database_url")
        options["connect_args"] = {"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False}
    return options


def prepare_engine(engine: Engine) -> None:
    """Set SQLite up for one writer and many readers; other databases need nothing."""
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")  # what was acknowledged outlives a power cut
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        cursor.close()


class Database:
    """Runs everything that touches SQL in threads of its own: readers side by side, writers one by one."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._readers = ThreadPool(READERS)
        self._writer = ThreadPool(1)

    @classmethod
    def open(cls, url: str) -> Database:
        """A database by its SQLAlchemy URL; nothing is opened before the first use."""
        engine = create_engine(url, **engine_options(url))
        prepare_engine(engine)
        return cls(engine)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A transaction for code that already runs in the pool."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    def in_pool(self, slow: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run anything slow in a thread; the calling greenlet waits, the others go on."""
        return run_in(self._readers, slow, *args, **kwargs)

    def read(self, query: Callable[[Session], T]) -> T:
        """Run *query* in a transaction of its own, off the hub."""
        return run_in(self._readers, self._in_transaction, query)

    def write(self, change: Callable[[Session], T]) -> T:
        """Like ``read``, but after all writes before it; committed when it returns."""
        return run_in(self._writer, self._in_transaction, change)

    def _in_transaction(self, work: Callable[[Session], T]) -> T:
        with self.session() as session:
            return work(session)

    def close(self) -> None:
        """Wait for what is under way, then close every connection; takes CLOSE_WITHIN_S at most."""
        if not self._close_within(CLOSE_WITHIN_S):
            logger.warning("the database is still busy after %g s and is left open", CLOSE_WITHIN_S)

    def _close_within(self, seconds: float) -> bool:
        is_closed = False
        with gevent.Timeout(seconds, False):
            for pool in (self._writer, self._readers):
                pool.join()
            run_in(self._readers, self.engine.dispose)
            for pool in (self._writer, self._readers):
                pool.kill()
            is_closed = True
        return is_closed
