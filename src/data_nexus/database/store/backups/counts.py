"""Count all rows at one point of the log, while others write."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import psycopg
from psycopg import IsolationLevel, sql
from psycopg.rows import args_row

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import query
from data_nexus.errors import StorageUnavailable

_TRIES = 100
_REST_SEC = 0.2


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """The number that `initdb` drew, the timeline of the log, and the server's version."""

    number: str
    timeline: int
    server: str


def cluster_facts(database: PostgresConnection) -> ClusterFacts:
    """Return what a backup of a cluster says of it."""
    with database.connect() as connection:
        facts = connection.cursor(row_factory=args_row(ClusterFacts))
        found = facts.execute(query("cluster_facts")).fetchall()
    return found[0]


def revision_of(database: PostgresConnection) -> str:
    """Return the version of the tables."""
    with database.connect() as connection:
        row = connection.execute(query("schema_revision")).fetchone()
    return str(row[0]) if row else ""


def tables_found(connection: psycopg.Connection, schema: str, tables: Sequence[str]) -> list[str]:
    """Return those of some tables that a schema has."""
    asked = {"schema": schema, "tables": [*tables]}
    return [name for (name,) in connection.execute(query("existing_tables"), asked).fetchall()]


def begin_snapshot(connection: psycopg.Connection) -> str:
    """Let the snapshot of the transaction begin now, without a limit of time; return its name."""
    ((*_, name),) = connection.execute(query("begin_snapshot")).fetchall()
    return str(name)


def counted_at_point(
    database: PostgresConnection,
    tables: Sequence[str],
    point: str,
    wait: Callable[[float], object],
) -> tuple[str, dict[str, int]]:
    """Note a point of the log, and count all rows as they are there; return its place and these.

    Writers wait for an instant, in which no transaction that writes is open; between two tries this
    waits some seconds by `wait`. Raises `StorageUnavailable` if there is no such instant in half a
    minute, and whatever `wait` raises.
    """
    with ExitStack() as stack:
        counting = stack.enter_context(database.reading())
        with database.connect() as locking:
            place = _noted(locking, counting, database.schema, tables, point, wait)
        return place, count_rows(counting, database.schema, tables)


def count_rows(
    connection: psycopg.Connection, schema: str, tables: Sequence[str]
) -> dict[str, int]:
    """Count the rows of those of some tables that there are, in the connection's transaction."""
    counts = {}
    for name in tables_found(connection, schema, tables):
        statement = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, name))
        row = connection.execute(statement).fetchone()
        counts[name] = int(row[0]) if row else 0
    return counts


def rows_now(database: PostgresConnection, tables: Sequence[str]) -> dict[str, int]:
    """Count all rows as they are now."""
    with database.reading() as connection:
        begin_snapshot(connection)
        return count_rows(connection, database.schema, tables)


def _noted(
    locking: psycopg.Connection,
    counting: psycopg.Connection,
    schema: str,
    tables: Sequence[str],
    point: str,
    wait: Callable[[float], object],
) -> str:
    """Note the point while no session writes, and begin the snapshot of the counts there."""
    locking.isolation_level = IsolationLevel.READ_COMMITTED
    for _ in range(_TRIES):
        try:
            with locking.transaction():
                _lock(locking, schema, tables)
                row = locking.execute(query("note_point"), {"point": point}).fetchone()
                begin_snapshot(counting)
                return str(row[0]) if row else ""
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            wait(random.uniform(0.0, _REST_SEC))  # noqa: S311  # nosec B311
    raise StorageUnavailable(
        "backup: there was no instant without a writer in which to count the rows; run it when less"
        " is written"
    )


def _lock(locking: psycopg.Connection, schema: str, tables: Sequence[str]) -> None:
    locking.execute(query("short_lock_wait"))
    names = tables_found(locking, schema, tables)
    if names:
        listed = sql.SQL(", ").join(sql.Identifier(schema, name) for name in names)
        locking.execute(sql.SQL("LOCK TABLE {} IN SHARE MODE").format(listed))
