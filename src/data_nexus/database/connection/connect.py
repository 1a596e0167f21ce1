"""Connect to PostgreSQL: for readers synchronously, and for all with the same options.

The engine's async connections are opened by `pool`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg import AsyncConnection, IsolationLevel
from psycopg import conninfo as libpq
from psycopg.rows import BaseRowFactory

from data_nexus.config import check_schema_name
from data_nexus.database.connection.troubles import storage_errors, trouble_of
from data_nexus.database.queries import query
from data_nexus.errors import StorageUnavailable, UsageError

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

AsyncConn = AsyncConnection[tuple[Any, ...]]
Result = TypeVar("Result")
Row = TypeVar("Row")
# PostgreSQL counts days from 2000-01-01: that day, counted from 1970-01-01.
EPOCH_DAY = 10_957
_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2")
_UNREADABLE = "DATABASE_URL cannot be read; is a character not percent-encoded?"
_PORTS = re.compile(r"[\d,]*")
# A client that was stopped inside a transaction must not block its successor for long, and a
# peer that is gone must be noticed.
SESSION_SETTINGS = {
    "idle_in_transaction_session_timeout": "15s",
    "lock_timeout": "10s",
    "statement_timeout": "120s",
    "timezone": "UTC",
    "datestyle": "ISO",
    "intervalstyle": "postgres",
}
# What the server reports of a session, and how it begins where texts mean what they mean here.
_MEANINGS = {"TimeZone": "UTC", "DateStyle": "ISO"}
# A socket is a place of this machine: what the environment says of remote servers is not for it.
_SOCKET = {
    "hostaddr": "",
    "require_auth": "",
    "sslmode": "disable",
    "gssencmode": "disable",
    "channel_binding": "disable",
    "target_session_attrs": "any",
}
_REPEAT_AFTER_SEC = (0.05, 0.5, 2.0)
# In a statement of a user's own these are the user's mistakes.
_OF_STATEMENTS = frozenset({"3F000", "42703", "42883", "42P01", "42P05", "42P07"})
_TCP = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "connect_timeout": 10,
}


def conninfo(url: str, schema: str = "public", *, role: str = "engine") -> str:
    """Return the libpq connection string for a database URL, with the options of a session.

    `role` is what `pg_stat_activity` shows. Raises `UsageError` if it is not a PostgreSQL URL.
    """
    plain = _plain_url(url)
    check_schema_name(schema)
    options = " ".join(
        f"-c {k}={v}" for k, v in (SESSION_SETTINGS | {"search_path": schema}).items()
    )
    try:
        parts = libpq.conninfo_to_dict(plain)
    except psycopg.ProgrammingError:
        raise UsageError(_UNREADABLE) from None
    if not _PORTS.fullmatch(str(parts.get("port") or "")):
        raise UsageError(_UNREADABLE)
    return libpq.make_conninfo(
        plain,
        options=options,
        application_name=f"data-nexus {role}",
        client_encoding="UTF8",
        **_TCP,
        **_place(parts),
    )


def _plain_url(url: str) -> str:
    """Return a URL as libpq reads it.

    One in which a password may have been split (a `/` or `@` of its own) is refused: libpq would
    take a piece of it for a host, a port or a name, and show that in its error.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in _SCHEMES:
        raise UsageError("DATABASE_URL must look like postgresql://user@host:5432/name")
    authority, _, path = rest.partition("?")[0].partition("/")
    if authority.count("@") > 1 or "@" in path:
        raise UsageError(_UNREADABLE)
    return f"postgresql://{rest}"


def _place(parts: Mapping[str, object]) -> dict[str, str]:
    """Return what keeps the environment (`PGHOSTADDR`) from leading elsewhere than the URL."""
    host = str(parts.get("host") or "")
    if host.startswith(("/", "@")):
        return _SOCKET
    return {"hostaddr": ""} if host and "hostaddr" not in parts else {}


def set_meanings(connection: psycopg.Connection | AsyncConn) -> None:
    """Make texts of a new session mean what they mean here, whatever the environment says.

    libpq sends `PGTZ` and `PGDATESTYLE` after all options of ours. What the session begins with
    was reported by the server, so that nothing is asked where all is well.
    """
    for name, value in _MEANINGS.items():
        if not (connection.info.parameter_status(name) or "").startswith(value):
            connection.pgconn.exec_(f"SET {name} = '{value}'".encode())


async def connect_async(url: str, schema: str) -> AsyncConn:
    """Open a connection of the engine outside of a pool; each statement is a transaction."""
    connection = await AsyncConnection.connect(conninfo(url, schema), autocommit=True)
    set_meanings(connection)
    return connection


@contextmanager
def _session_errors() -> Iterator[None]:
    """Do the same for SQLAlchemy's errors, but for those of a user's own statements."""
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

    try:
        with storage_errors():
            yield
    except DBAPIError as error:
        cause = error.orig
        if not isinstance(cause, psycopg.Error) or cause.sqlstate in _OF_STATEMENTS:
            raise
        if (trouble := trouble_of(cause)) is None:
            raise
        raise trouble from None


async def repeated(work: Callable[[], Awaitable[Result]]) -> Result:
    """Do a transaction, and do it again when a passing trouble of the database undid it.

    `work` is a whole transaction that may be done twice. Raises `StorageUnavailable` for what
    does not pass, or not soon.
    """
    for wait in _REPEAT_AFTER_SEC:
        try:
            return await work()
        except StorageUnavailable as error:
            if not error.passes:
                raise
        await asyncio.sleep(wait)
    return await work()


class PostgresConnection:
    """Sync access to one database for ORM work and plain SQL; close it when done."""

    def __init__(self, url: str, schema: str = "public") -> None:
        self.url = url
        self.schema = schema

    @cached_property
    def engine(self) -> Engine:
        """The SQLAlchemy engine, made on first use."""
        # SQLAlchemy is large, and only sessions need it.
        from sqlalchemy import create_engine  # noqa: PLC0415

        return create_engine("postgresql+psycopg://", creator=self._opened, pool_pre_ping=True)

    def _opened(self) -> psycopg.Connection:
        with storage_errors():
            connection = psycopg.connect(conninfo(self.url, self.schema, role="reader"))
        set_meanings(connection)
        return connection

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection]:
        """Give a connection in a transaction that is committed at the end; then it is closed.

        Raises `StorageUnavailable`, `StorageUnfit` or `StorageDamaged` if the database does not do
        its part, at the start or later.
        """
        with storage_errors(), self._opened() as connection:
            yield connection

    @contextmanager
    def together(self) -> Iterator[PostgresConnection]:
        """Give the same database by one connection that only reads, at one moment.

        Each read would open one of its own otherwise, which takes longer than most reads.
        """
        with self.reading() as connection:
            yield _OneConnection(self, connection)

    def rows(
        self, name: str, parameters: dict[str, Any], row_factory: BaseRowFactory[Row]
    ) -> list[Row]:
        """Run the query `name` on a connection of its own and return all its rows."""
        with self.connect() as connection:
            cursor = connection.cursor(row_factory=row_factory)
            return cursor.execute(query(name), parameters).fetchall()

    @contextmanager
    def reading(self) -> Iterator[psycopg.Connection]:
        """Give a connection that only reads, and sees the same state of the database throughout."""
        with self.connect() as connection:
            connection.isolation_level = IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            yield connection

    @contextmanager
    def get_session(self) -> Iterator[Session]:
        """Give an ORM session: committed at the end, rolled back on an error, always closed.

        Raises `StorageUnavailable` and its kin for trouble of the database, SQLAlchemy's own errors
        for a statement that is wrong.
        """
        from sqlalchemy.orm import sessionmaker  # noqa: PLC0415

        sessions = sessionmaker(self.engine, expire_on_commit=False)
        with _session_errors(), sessions() as session, session.begin():
            yield session

    def close(self) -> None:
        """Close the pooled connections."""
        if "engine" in self.__dict__:
            self.engine.dispose()


class ClosedConnection(PostgresConnection):
    """A database that was closed: each use says so, although its server may still run."""

    def _opened(self) -> psycopg.Connection:
        raise UsageError("this database is closed; open it again: nexus.connect()")


class _OneConnection(PostgresConnection):
    """A database by a connection that is open already, and stays so."""

    def __init__(self, database: PostgresConnection, connection: psycopg.Connection) -> None:
        super().__init__(database.url, database.schema)
        self._connection = connection

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection]:
        """Give the connection, in the transaction that it is in."""
        with storage_errors():
            yield self._connection

    reading = connect
