"""Connect to PostgreSQL, and say what its errors mean."""

from data_nexus.database.connection.connect import (
    EPOCH_DAY,
    SESSION_SETTINGS,
    AsyncConn,
    ClosedConnection,
    PostgresConnection,
    connect_async,
    conninfo,
    repeated,
    set_meanings,
)

__all__ = [
    "EPOCH_DAY",
    "SESSION_SETTINGS",
    "AsyncConn",
    "ClosedConnection",
    "PostgresConnection",
    "connect_async",
    "conninfo",
    "repeated",
    "set_meanings",
]
