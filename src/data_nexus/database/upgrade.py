"""Bring a database to this version's schema, or check that a command can work with it."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from data_nexus.database.connection import SESSION_SETTINGS, PostgresConnection
from data_nexus.database.connection.troubles import trouble_of
from data_nexus.database.migrations import FOLDER, HEAD
from data_nexus.errors import SchemaMismatch, StorageUnavailable, StorageUnfit

OLDEST_SERVER = 150_000
# What commands write to; a test compares it with the models.
TABLES = (
    *("action_samples", "alert_messages", "alert_silences", "alerts", "assets"),
    *("coverage_gaps", "coverage_years", "dead_letters"),
    *("discoveries", "dividend_revisions", "dividends"),
    *("exchange_requests", "findings", "follows", "job_runs", "jobs", "learned_sessions"),
    *("listings", "market_data", "market_data_revisions", "quota_ledger", "rebasings"),
    *("rechecked_sessions", "refusals", "rejected_rows", "runs", "split_revisions", "splits"),
    *("suspicions", "sync_log", "vendor_exchanges", "watched_assets", "watchlists", "workers"),
)
VIEWS = ("active_assets", "bars", "queued_assets")
# Two upgrades at once would race for the same tables; the number is arbitrary.
_UPGRADE_LOCK = 7_311_968
# Whether the session has its settings from us, as asked for (and not, by chance or by intent, from
# its role), whether it only reads, its backend.
_SESSION_FACTS = """
    SELECT current_setting('search_path') = %(schema)s
           AND NOT EXISTS (
               SELECT
               FROM pg_settings
               WHERE lower(name) = ANY (%(names)s) AND source NOT IN ('client', 'session')
           ),
           current_setting('transaction_read_only') = 'on',
           pg_backend_pid()
"""
# What the role may not do that writing needs: the right, and on what; NULL: it is not there.
_LACKING = """
    SELECT CASE WHEN c.oid IS NOT NULL THEN needed.privilege END,
           format('%%I.%%I', %(schema)s::text, t)
    FROM unnest(%(tables)s::text[]) AS t
    LEFT JOIN pg_class AS c ON c.relname = t AND c.relnamespace = %(schema)s::text::regnamespace
    CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS needed (privilege)
    WHERE has_table_privilege(c.oid, needed.privilege) IS NOT TRUE
    UNION ALL
    SELECT 'TEMPORARY', format('DATABASE %%I', current_database())
    WHERE NOT has_database_privilege(current_database(), 'TEMPORARY')
"""
# What the tables need besides, and what is not there. Without its key a table takes a row twice.
_GONE = """
    SELECT format('the primary key of %%I.%%I', %(schema)s::text, t)
    FROM unnest(%(tables)s::text[]) AS t
    JOIN pg_class AS c ON c.relname = t AND c.relnamespace = %(schema)s::text::regnamespace
    LEFT JOIN pg_constraint AS k ON k.conrelid = c.oid AND k.contype = 'p'
    WHERE t <> 'rejected_rows' AND k.oid IS NULL
    UNION ALL
    SELECT format('the view %%I.%%I', %(schema)s::text, v)
    FROM unnest(%(views)s::text[]) AS v
    WHERE to_regclass(format('%%I.%%I', %(schema)s::text, v)) IS NULL
"""


def upgrade(url: str, schema: str = "public") -> None:
    """Create the tables, or bring them to this version; do nothing if they are there.

    Raises `SchemaMismatch` for tables of a version that this one does not know.
    """
    database = PostgresConnection(url, schema)
    try:
        with database.connect() as connection:
            _check_server(connection, schema, writes=True)
            found = _revision(connection, schema)
        if found is not None and found not in _revisions():
            raise _mismatch(found)
        if found != HEAD:
            _run_alembic(database)
    finally:
        database.close()


def check_schema(url: str, schema: str = "public", *, writes: bool = True) -> None:
    """Check that a database has this version's tables, and if it `writes` that the role may.

    Raises `SchemaMismatch` for other tables or a server that only reads, `StorageUnfit` for an
    encoding, a pooler or rights with which a command cannot do its work.
    """
    with PostgresConnection(url, schema).connect() as connection:
        _check_server(connection, schema, writes=writes)
        found = _revision(connection, schema)
        if found != HEAD:
            raise _mismatch(found)
        if writes:
            _check_rights(connection, schema)


def _mismatch(found: str | None) -> SchemaMismatch:
    """Return the error for tables of another version."""
    if found is None:
        return SchemaMismatch("the database has no Data Nexus tables; run: nexus db upgrade")
    if not found:
        return SchemaMismatch(
            "the table alembic_version does not name one version, so that of the tables is not"
            " known; restore a backup, or name another schema by NEXUS_SCHEMA"
        )
    if found > HEAD:
        return SchemaMismatch(
            f"the schema is {found}, newer than {HEAD}: install a newer data-nexus"
        )
    if found in _revisions():
        return SchemaMismatch(
            f"the schema is {found}, this version needs {HEAD}; run: nexus db upgrade"
        )
    return SchemaMismatch(
        f"the schema is {found}, which this version does not know; restore a backup, or name"
        " another schema by NEXUS_SCHEMA"
    )


def _revisions() -> set[str]:
    """Return the versions of the schema that this version knows."""
    return {path.name.partition("_")[0] for path in (FOLDER / "versions").glob("[0-9]*_*.py")}


def _revision(connection: psycopg.Connection, schema: str) -> str | None:
    """Return the version of the tables; None if there are none, "" if they do not say."""
    query = sql.SQL("SELECT version_num FROM {}").format(sql.Identifier(schema, "alembic_version"))
    try:
        rows = connection.execute(query).fetchall()
    except psycopg.errors.UndefinedTable:
        connection.rollback()
        return None
    return str(rows[0][0]) if len(rows) == 1 else ""


def _check_server(connection: psycopg.Connection, schema: str, *, writes: bool) -> None:
    if connection.info.server_version < OLDEST_SERVER:
        raise SchemaMismatch("PostgreSQL 15 or newer is needed")
    # The server reports it unasked. With SQL_ASCII not even answers to queries are text.
    encoding = connection.info.parameter_status("server_encoding")
    if encoding not in ("UTF8", None):
        raise StorageUnfit(
            f"the database's encoding is {encoding}, UTF8 is needed; create another one with:"
            " CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        )
    asked = {"schema": schema, "names": ["search_path", *SESSION_SETTINGS]}
    has_settings, is_read_only, backend = _row(connection, _SESSION_FACTS, asked)
    connection.commit()
    (later_backend,) = _row(connection, "SELECT pg_backend_pid()", {})
    if not has_settings or backend != later_backend:
        raise StorageUnfit(
            "PostgreSQL: the settings of a session do not last: a pooler hands each transaction"
            " another one, or ignores the startup parameter options; let it pool sessions, or name"
            " the server itself by DATABASE_URL"
        )
    if is_read_only and writes:
        raise SchemaMismatch("the database is read-only; DATABASE_URL must name the primary server")


def _row(connection: psycopg.Connection, query: str, parameters: dict[str, Any]) -> tuple[Any, ...]:
    return connection.execute(query.encode(), parameters).fetchone() or ()


def _check_rights(connection: psycopg.Connection, schema: str) -> None:
    """Raise `StorageUnfit` for a table or a right that writing needs, with what to run."""
    asked: dict[str, Any] = {"schema": schema, "tables": [*TABLES], "views": [*VIEWS]}
    if gone := [name for (name,) in connection.execute(_GONE.encode(), asked).fetchall()]:
        raise StorageUnfit(
            f"{' and '.join(gone)} is gone; restore a backup, or make it again by SQL"
        )
    found = connection.execute(_LACKING.encode(), asked).fetchall()
    if not found:
        return
    (role,) = _row(connection, "SELECT quote_ident(current_user)", {})
    if gone := sorted({place for right, place in found if right is None}):
        raise StorageUnfit(
            f"the tables {', '.join(gone)} are gone; restore a backup, or name another schema by"
            " NEXUS_SCHEMA"
        )
    rights: dict[str, list[str]] = {}
    for right, place in found:
        rights.setdefault(place, []).append(right)
    grants = [f"GRANT {', '.join(each)} ON {place} TO {role}" for place, each in rights.items()]
    raise StorageUnfit(
        f"the role {role} may not write to the database; run as its owner: {'; '.join(grants)}"
    )


def _run_alembic(database: PostgresConnection) -> None:
    # They are large, and needed here alone; all else starts without them.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util.exc import CommandError  # noqa: PLC0415
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError  # noqa: PLC0415

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
    except CommandError as error:
        raise SchemaMismatch(f"the tables cannot be migrated: {error}; restore a backup") from None
    except DBAPIError as error:
        cause = error.orig
        if not isinstance(cause, psycopg.Error) or (trouble := trouble_of(cause)) is None:
            raise
        raise trouble from None
    except SQLAlchemyError as error:
        reason = str(error).splitlines()[0]
        raise StorageUnavailable(f"PostgreSQL: {reason}; run it again") from None
