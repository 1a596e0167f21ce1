"""Bring a database to this version's schema, or check that it has it."""

from __future__ import annotations

import psycopg
from psycopg import sql

from data_nexus.database.connection import PostgresConnection, unavailable
from data_nexus.database.migrations import FOLDER, HEAD
from data_nexus.errors import SchemaMismatch, StorageUnavailable

OLDEST_SERVER = 150_000
# Two upgrades at once would race for the same tables; the number is arbitrary.
_UPGRADE_LOCK = 7_311_968


def upgrade(url: str, schema: str = "public") -> None:
    """Create the tables, or bring them to this version; do nothing if they are there."""
    database = PostgresConnection(url, schema)
    try:
        if _revision(database) != HEAD:
            _run_alembic(database)
    finally:
        database.close()


def check_schema(url: str, schema: str = "public") -> None:
    """Raise `SchemaMismatch` unless the database has this version's tables and is writable."""
    found = _revision(PostgresConnection(url, schema))
    if found is None:
        raise SchemaMismatch("the database has no Data Nexus tables; run: nexus db upgrade")
    if found < HEAD:
        raise SchemaMismatch(
            f"the schema is {found}, this version needs {HEAD}; run: nexus db upgrade"
        )
    if found > HEAD:
        raise SchemaMismatch(
            f"the schema is {found}, newer than {HEAD}: install a newer data-nexus"
        )


def _revision(database: PostgresConnection) -> str | None:
    query = sql.SQL("SELECT version_num FROM {}").format(
        sql.Identifier(database.schema, "alembic_version")
    )
    try:
        with database.connect() as connection:
            _check_server(connection)
            row = connection.execute(query).fetchone()
    except psycopg.errors.UndefinedTable:
        return None
    except psycopg.Error as error:
        raise unavailable(error) from None
    return str(row[0]) if row else None


def _check_server(connection: psycopg.Connection) -> None:
    if connection.info.server_version < OLDEST_SERVER:
        raise SchemaMismatch("PostgreSQL 15 or newer is needed")
    row = connection.execute("SHOW transaction_read_only").fetchone()
    if row and row[0] == "on":
        raise SchemaMismatch("the database is read-only; DATABASE_URL must name the primary server")


def _run_alembic(database: PostgresConnection) -> None:
    # They are large, and needed here alone; all else starts without them.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    try:
        with database.engine.connect() as connection:
            connection.exec_driver_sql("SELECT pg_advisory_lock(%s)", (_UPGRADE_LOCK,))
            connection.exec_driver_sql(f'CREATE SCHEMA IF NOT EXISTS "{database.schema}"')
            connection.commit()
            config = Config()
            config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    except SQLAlchemyError as error:
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise StorageUnavailable(f"PostgreSQL: {reason}") from None
