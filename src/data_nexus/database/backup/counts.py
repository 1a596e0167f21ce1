"""Count all rows at one point of the log, while others write."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import psycopg
from psycopg import IsolationLevel, sql
from psycopg.rows import args_row

from data_nexus.database.backup.programs import require_going
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


def counted_at_point(
    database: PostgresConnection,
    tables: Sequence[str],
    point: str,
    ended: threading.Event | None = None,
) -> tuple[str, dict[str, int]]:
    """Note a point of the log, and count all rows as they are there; return its place and these.

    Writers wait for an instant, in which no transaction that writes is open. Raises
    `StorageUnavailable` if there is no such instant in half a minute, `BackupEnded` once `ended`.
    """
    with ExitStack() as stack:
        counting = stack.enter_context(database.reading())
        with database.connect() as locking:
            place = _noted(locking, counting, database.schema, tables, point, ended)
        return place, count_rows(counting, database.schema, tables)


def count_rows(
    connection: psycopg.Connection, schema: str, tables: Sequence[str]
) -> dict[str, int]:
    """Count the rows of those of some tables that there are, in the connection's transaction."""
    asked = {"schema": schema, "tables": [*tables]}
    names = [name for (name,) in connection.execute(query("existing_tables"), asked).fetchall()]
    counts = {}
    for name in names:
        statement = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, name))
        row = connection.execute(statement).fetchone()
        counts[name] = int(row[0]) if row else 0
    return counts


def rows_now(database: PostgresConnection, tables: Sequence[str]) -> dict[str, int]:
    """Count all rows as they are now."""
    with database.reading() as connection:
        connection.execute(query("begin_snapshot"))
        return count_rows(connection, database.schema, tables)


def _noted(
    locking: psycopg.Connection,
    counting: psycopg.Connection,
    schema: str,
    tables: Sequence[str],
    point: str,
    ended: threading.Event | None,
) -> str:
    """Note the point while no session writes, and begin the snapshot of the counts there."""
    locking.isolation_level = IsolationLevel.READ_COMMITTED
    for _ in range(_TRIES):
        try:
            with locking.transaction():
                _lock(locking, schema, tables)
                row = locking.execute(query("note_point"), {"point": point}).fetchone()
                counting.execute(query("begin_snapshot"))
                return str(row[0]) if row else ""
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            (ended or threading.Event()).wait(random.uniform(0.0, _REST_SEC))  # noqa: S311  # nosec B311
            require_going(ended)
    raise StorageUnavailable(
        "backup: there was no instant without a writer in which to count the rows; run it when less"
        " is written"
    )


def _lock(locking: psycopg.Connection, schema: str, tables: Sequence[str]) -> None:
    locking.execute(query("short_lock_wait"))
    asked = {"schema": schema, "tables": [*tables]}
    names = [name for (name,) in locking.execute(query("existing_tables"), asked).fetchall()]
    if names:
        listed = sql.SQL(", ").join(sql.Identifier(schema, name) for name in names)
        locking.execute(sql.SQL("LOCK TABLE {} IN SHARE MODE").format(listed))
