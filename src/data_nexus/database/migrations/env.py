"""Run the migrations: from `nexus db upgrade` with a connection, from `alembic` with settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from alembic import context
from sqlalchemy import Connection

from data_nexus.config import load_settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.embedded import embedded_server
from data_nexus.database.models import Tables


def run(connection: Connection) -> None:
    """Bring the connection's database to the requested revision."""
    context.configure(
        connection=connection,
        target_metadata=Tables.metadata,
        compare_type=True,
        compare_server_default=False,
    )
    with context.begin_transaction():
        context.run_migrations()


@contextmanager
def connection_from_settings() -> Iterator[Connection]:
    """Give a connection to the database that the settings name, or to the embedded one."""
    settings = load_settings()
    named = settings.database_url
    with nullcontext(named) if named else embedded_server(settings.home) as url:
        database = PostgresConnection(url, settings.schema)
        try:
            with database.engine.connect() as connection:
                yield connection
                connection.commit()
        finally:
            database.close()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with connection_from_settings() as connection:
        run(connection)
