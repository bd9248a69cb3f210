"""Runs migrations on the engine that slmm.storage.upgrade hands over: all steps or none."""

from alembic import context
from sqlalchemy import Connection

import slmm.storage.models  # noqa: F401 - fills the metadata
from slmm.storage.database import Base

ADVISORY_LOCK = 0x534C4D4D  # "SLMM"; PostgreSQL's lock for starters on several machines


def prepare(connection: Connection) -> None:
    """Make SQLite safe for rebuilding tables that others refer to."""
    if connection.dialect.name != "sqlite":
        return
    connection.detach()  # what follows must not reach the next user of a pooled connection
    raw = connection.connection.dbapi_connection
    assert raw is not None, "it was opened by engine.connect()"
    # Rebuilding a table drops the old one, and that would cascade into the rows that refer to it.
    raw.execute("PRAGMA foreign_keys=OFF")


def begin(connection: Connection) -> None:
    """Wait until nobody else migrates or writes.

    Python's sqlite3 begins a transaction by itself before INSERT and its like only, not before CREATE TABLE: a
    step that fails would leave half a schema.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    elif connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")


def check(connection: Connection) -> None:
    """No row may refer to one that a migration took away."""
    if connection.dialect.name == "sqlite":
        orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if orphans:
            raise RuntimeError(f"the migration would leave {len(orphans)} rows of {orphans[0][0]} without a parent")


def run() -> None:
    """All steps in one transaction; SQLite tables are rebuilt in batches."""
    engine = context.config.attributes["engine"]
    with engine.connect() as connection:
        prepare(connection)
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=True,
            transactional_ddl=True,
        )
        with context.begin_transaction():
            begin(connection)
            context.run_migrations()
            check(connection)


run()
