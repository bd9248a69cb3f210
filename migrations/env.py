"""Runs migrations on the engine that slmm.storage.upgrade hands over."""

from alembic import context

import slmm.storage.models  # noqa: F401 - fills the metadata
from slmm.storage.database import Base


def run() -> None:
    """All steps in one transaction; SQLite tables are rebuilt in batches."""
    engine = context.config.attributes["engine"]
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
        with context.begin_transaction():
            context.run_migrations()


run()
