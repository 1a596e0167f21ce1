"""Read a database by connections that stay open, for many short reads at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import IsolationLevel
from psycopg_pool import ConnectionPool, PoolTimeout

from data_nexus.database.connection.connect import PostgresConnection, conninfo, set_meanings
from data_nexus.database.connection.troubles import storage_errors
from data_nexus.errors import StorageUnavailable

_WAIT_SEC = 5.0
_STATEMENT_MS = 15_000


class ReadingPool(PostgresConnection):
    """Access to one database that can only read; close it when done.

    Each `connect` is one of at most `size` connections, in a transaction that sees one moment.
    """

    def __init__(self, url: str, schema: str = "public", size: int = 4) -> None:
        super().__init__(url, schema)
        self._connections = ConnectionPool[psycopg.Connection[tuple[Any, ...]]](
            conninfo(url, schema, role="dashboard"),
            min_size=1,
            max_size=size,
            configure=_configure,
            check=ConnectionPool.check_connection,
            timeout=_WAIT_SEC,
            reconnect_timeout=_WAIT_SEC,
            open=True,
        )

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection]:
        """Give a connection that only reads; raises `StorageUnavailable` if there is none soon."""
        try:
            with storage_errors(), self._connections.connection() as connection:
                yield connection
        except PoolTimeout:
            raise StorageUnavailable(
                f"PostgreSQL: no connection within {_WAIT_SEC:g} seconds; is the server running?"
            ) from None

    reading = connect

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()
        super().close()


def _configure(connection: psycopg.Connection) -> None:
    set_meanings(connection)
    # Planned with the actual values each time: a filter that is NULL then filters nothing.
    connection.prepare_threshold = None
    connection.execute(f"SET statement_timeout = {_STATEMENT_MS:d}")
    # Short reads: to compile one takes longer than to do it, and its workers are missed elsewhere.
    connection.execute("SET jit = off")
    connection.execute("SET max_parallel_workers_per_gather = 0")
    connection.commit()
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    connection.read_only = True
