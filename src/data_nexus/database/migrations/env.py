"""Runs the migrations: from `nexus db upgrade` with a connection, from `alembic` with settings."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from data_nexus.database.models import Tables


def run(connection: Connection) -> None:
    """Bring the connection's database to the revision asked for."""
    context.configure(
        connection=connection,
        target_metadata=Tables.metadata,
        compare_type=True,
        compare_server_default=False,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    from data_nexus.database.upgrade import connection_from_settings

    with connection_from_settings() as connection:
        run(connection)
